"""Preprocessing in the model against npuspec's before it: which is quicker for a spec, end to end?

Makes the models of both from one spec, on CPU, and runs `session.infer` of both on the spec's own samples, in turn, in
one process, once it is sure that the results are the same to rounding. Where the spec pads with what no sample of the
caller becomes, both pad with the nearest value that one does.

    python benches/preprocess.py [SPEC]
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import openvino as ov
from msgspec import structs

from npuspec.bundle.program import DataInput
from npuspec.execute import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import Prepared
from npuspec.plan.passes.fold import nearest_padding
from npuspec.plan.prepare import prepare_document
from npuspec.runtime import Engine, Session
from npuspec.spec import Document, load
from npuspec.stages import MODEL
from npuspec.stages.samples import Sample, read_samples
from npuspec.store import Store

OCR = Path(__file__).parent.parent / "specs/ocr.toml"
CONFIG = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


def prepared(document: Document) -> Prepared:
    """Return a spec's plan, or end with what is wrong with it."""
    found, faults = prepare_document(document, Store(), device="CPU")
    if found is None:
        raise SystemExit("\n".join(f"{fault.message}: {fault.help}" for fault in faults))
    return found


def placed(document: Document, place: str, paddings: dict[str, float]) -> Document:
    """Return a spec with all preprocessing in one place, and other pad values."""
    inputs: dict[str, Any] = dict(document.values["inputs"])
    for name, padding in paddings.items():
        steps = {**inputs[name]["preprocess"], "place": place}
        inputs[name] = {**inputs[name], "pad-value": padding, "preprocess": steps}
    return replace(document, values={**document.values, "inputs": inputs})


def paddings_of(document: Document) -> dict[str, float]:
    """Return the pad value of each input that is preprocessed, near enough to be one that the model can make too."""
    named = {name: 0.0 for name, table in document.values["inputs"].items() if "preprocess" in table}
    native = prepared(placed(document, "native", named)).plan.program
    found = {}
    for name in named:
        (port,) = (p for p in native.inputs if isinstance(p, DataInput) and p.name == name)
        value = document.values["inputs"][name].get("pad-value", 0.0)
        nearest = None if port.preprocess is None else nearest_padding(value, port.preprocess)
        found[name] = value if nearest is None else nearest
    return found


def session_of(spec: Prepared) -> Session:
    """Return a session of what ships, on CPU."""
    shapes = {s.name: s for s in spec.plan.stages if s.verb == "shape"}
    verbs = ("read", "quantize", "rank", "mix", "control", "shape")
    stages = tuple(stage for stage in spec.plan.stages if stage.verb in verbs)
    runner = StageRunner(
        replace(spec, plan=structs.replace(spec.plan, stages=stages)),
        Store(),
        Observer(),
        device="CPU",
        identity="",
    )
    runner.run()
    core, models = ov.Core(), {}
    for variant in spec.plan.program.variants:
        quantized = f"shape[quantized, {variant.name}]"
        made = quantized if quantized in shapes else f"shape[{variant.name}]"
        models[variant.name] = core.compile_model(runner.results[made] / MODEL, "CPU", CONFIG)
    return Session(Engine(spec.plan.program, models, device="CPU"))


def samples_of(spec: Prepared) -> list[Sample]:
    """Return the samples that the spec's gates run on."""
    samples, data = spec.plan.samples, spec.data
    if samples is None or data is None:
        raise SystemExit("the spec has no [data] to run on")
    tokenizer = None if spec.tokenizer is None else spec.tokenizer.only
    return read_samples(data.root, samples.validation, spec.plan.program, samples.reading, tokenizer)


def main() -> None:
    """Compare both, and say which is quicker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path, nargs="?", default=OCR)
    parser.add_argument("--rounds", type=int, default=10, help="calls of each for each sample (default 10)")
    arguments = parser.parse_args()
    document, _ = load(arguments.spec)
    paddings = paddings_of(document)
    if not paddings:
        raise SystemExit(f"{arguments.spec}: no input is preprocessed")
    specs = {place: prepared(placed(document, place, paddings)) for place in ("native", "model")}
    samples = samples_of(specs["native"])
    sessions = {place: session_of(spec) for place, spec in specs.items()}

    farthest = 0.0
    for sample in samples:
        native, model = (session.infer(sample.arrays) for session in sessions.values())
        for name, array in native.items():
            np.testing.assert_allclose(model[name], array, rtol=1e-3, atol=1e-3)
            farthest = max(farthest, float(np.abs(model[name] - array).max(initial=0)))

    taken: dict[str, list[float]] = {place: [] for place in sessions}
    for number in range(arguments.rounds):
        for index, sample in enumerate(samples):
            for place in [*sessions] if (number + index) % 2 else reversed(sessions):
                start = time.perf_counter()
                sessions[place].infer(sample.arrays)
                taken[place].append((time.perf_counter() - start) * 1e6)
    ratio = median(a / b for a, b in zip(taken["model"], taken["native"], strict=True))
    print(f"{arguments.spec.name}: {len(samples)} samples, results at most {farthest:.2g} apart")
    for place, times in taken.items():
        print(f'  place = "{place}"  {median(times):10.1f} us')
    quicker = "native" if ratio > 1 else "model"
    print(f'  "model" takes {ratio:.3f} of the time of "native": place = "{quicker}" is quicker here')


if __name__ == "__main__":
    main()
