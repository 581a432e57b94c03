"""What tests of specs and plans build upon: a small valid spec, and short ways to its faults."""

from pathlib import Path as Folder
from typing import Any

from npuspec.bundle.program import Dim, Extent, Program
from npuspec.diagnostics import Diagnostic, Path
from npuspec.diagnostics.form import json_form
from npuspec.diagnostics.text import render_text
from npuspec.facts import FrontEnd, Lengths, Port, Signature
from npuspec.plan import Plan
from npuspec.plan.lower import lower
from npuspec.plan.model import PlannedSource, SourceFile
from npuspec.plan.passes.bind import build_program, padded_dims
from npuspec.plan.passes.cut import check_lengths
from npuspec.plan.passes.sample import split_samples
from npuspec.plan.passes.task import TaskFiles, fetch_tasks, label_samples, plan_decodes
from npuspec.sources import Fetched
from npuspec.spec import Spec, apply_allowances, parse, validate
from npuspec.store import Store, digest_bytes

SMALL = """npuspec = 1

[model]
source = "model.onnx"

[target]
device = "NPU"
fallback = ["CPU"]

[[allow]]
code = "hidden-fallback"
reason = "the tests look at the device"

[dims.time]
strategy = "pad"
size = 64
overflow = "error"

[inputs.x]
shape = ["batch", "time"]
"""
"""The shortest spec with a padded dimension; tables that it lacks may be appended."""

BUCKETS = SMALL.replace('"pad"', '"buckets"').replace("size = 64", "sizes = [16, 32]")

DATA = """
[data]
source = "samples/*.npy"
input = "x"
"""

GATE = """
[[gates]]
metric = "frame-agreement"
output = "y"
of = "static"
against = "original"
min = 0.5
"""


def faults_of(text: str) -> list[Diagnostic]:
    """Return everything that the text and the language have against a spec."""
    document, diagnostics = parse(text, name="spec.toml")
    if diagnostics:
        return diagnostics
    spec, diagnostics = validate(document)
    return diagnostics if spec is None else apply_allowances(spec, diagnostics, unknowable=["hidden-fallback"])


def places(text: str) -> list[tuple[str, Path]]:
    """Return each fault's code and the path of its first label."""
    return [(fault.code, fault.labels[0].path) for fault in faults_of(text)]


def rendered(text: str) -> str:
    """Return the faults as a terminal shows them."""
    document, _ = parse(text, name="spec.toml")
    return render_text(json_form(faults_of(text), document), text)


def spec_of(text: str) -> Spec:
    """Return a valid spec."""
    document, diagnostics = parse(text, name="spec.toml")
    assert not diagnostics, diagnostics
    spec, diagnostics = validate(document)
    assert spec is not None, diagnostics
    return spec


def port(name: str, *shape: int | None, dtype: str = "float32") -> Port:
    """Return a port; None is an axis that varies."""
    return Port(name=name, dtype=dtype, shape=shape)


def signature_of(
    *inputs: Port,
    outputs: tuple[Port, ...] = (port("y", None, None, 8),),
    operations: tuple[str, ...] = ("/Conv",),
    attention: bool = False,
    front_end: FrontEnd | None = None,
) -> Signature:
    """Return the signature of a model; without inputs it is that of SMALL's."""
    return Signature(
        inputs=inputs or (port("x", None, None),),
        outputs=outputs,
        operations=operations,
        types=("Convolution",),
        attention=attention,
        front_end=front_end,
    )


def lengths_of(spec: Spec, signature: Signature | None = None, *, minimum: int = 1) -> Lengths:
    """Return what propagation would show of a model whose outputs are as long as its input."""
    dims = {name: Dim(minimum=minimum, maximum=max(sizes)) for name, sizes in padded_dims(spec).items()}
    extents = tuple(Extent(dim=name, axis=axis) for axis, name in enumerate(dims, 1))
    shape = (spec.batching.size, *(dim.maximum for dim in dims.values()), 8)
    outputs = [output.name for output in (signature or signature_of()).outputs]
    return Lengths(
        dims=dims, extents=dict.fromkeys(outputs, extents), failures={}, shapes=dict.fromkeys(outputs, shape)
    )


def program_of(spec: Spec, signature: Signature | None = None) -> Program:
    """Return the program of a spec that fits its model."""
    found = lengths_of(spec, signature)
    assert not check_lengths(spec, found)
    return build_program(spec, signature or signature_of(), found)


def source_of(*names: str, source: str = "samples/*.npy") -> PlannedSource:
    """Return a source with these files, whose contents are their names."""
    files = tuple(SourceFile(path=name, sha256=digest_bytes(name.encode())) for name in names)
    return PlannedSource(source=source, digest=digest_bytes("".join(names).encode()), files=files)


def task_files(folder: Folder, text: str, **files: str | bytes) -> tuple[TaskFiles, list[Diagnostic]]:
    """Fetch the labels and vocabularies of a spec, with text files beside it: their names without `.txt`."""
    for name, content in files.items():
        (folder / f"{name}.txt").write_bytes(content.encode() if isinstance(content, str) else content)

    def fetched(fetch: Any, source: str, pin: str | None, **at: Path) -> tuple[Fetched | None, list[Diagnostic]]:
        found: tuple[Fetched | None, list[Diagnostic]] = fetch(
            source, pin, folder=folder, store=Store(), offline=True, **at
        )
        return found

    return fetch_tasks(spec_of(text), fetched)


TOOLCHAIN = {"npuspec": "0", "openvino": "1", "nncf": "2", "numpy": "3"}


def plan_of(
    text: str,
    *,
    files: tuple[str, ...] = (),
    signature: Signature | None = None,
    toolchain: dict[str, str] | None = None,
    model: str = "model.onnx",
    device: str | None = None,
    tokenizer: str | None = None,
    texts: dict[str, list[str]] | None = None,
    tasks: TaskFiles | None = None,
) -> Plan:
    """Lower a spec with facts that are given instead of found."""
    spec = spec_of(text)
    read_by = None if tokenizer is None else source_of(tokenizer, source="tokenizer.json")
    samples, faults = split_samples(spec, source_of(*files) if files else None, read_by, texts)
    assert not faults, faults
    if samples is not None and tasks is not None:
        samples, faults = label_samples(spec, samples, tasks, texts)
        assert not faults, faults
    return lower(
        spec,
        program_of(spec, signature),
        source_of(model, source=model),
        samples,
        entry=model,
        toolchain=toolchain or TOOLCHAIN,
        device=device,
        decodes=() if tasks is None else plan_decodes(tasks),
    )
