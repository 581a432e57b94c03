"""From a validated spec to a plan: fetch what it names, read what must be known of it, lower.

This is where the passes stand in order. Each takes what the ones before it made, and nothing flows back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from npuspec.diagnostics import Diagnostic, NpuspecError, has_errors
from npuspec.facts import Signature, lengths, noise, signature, toolchain
from npuspec.plan.lower import lower
from npuspec.plan.model import Plan, PlannedGate, PlannedSource, Samples, SourceFile
from npuspec.plan.passes.beside import check_beside
from npuspec.plan.passes.bind import build_program, check_ports, padded_dims, stated_extents, static_shape
from npuspec.plan.passes.cut import check_lengths
from npuspec.plan.passes.doubt import MODEL_DOUBTS, SAMPLE_DOUBTS, doubt_model, doubt_samples
from npuspec.plan.passes.gate import check_gates
from npuspec.plan.passes.reach import beyond_reach
from npuspec.plan.passes.sample import split_samples
from npuspec.plan.passes.trace import written_gates
from npuspec.sources import Fetched, Tree, fetch_data, fetch_model
from npuspec.sources.model import File
from npuspec.spec import Document, Spec, apply_allowances, load, models, open_choices, validate
from npuspec.store import Store
from npuspec.store.recall import keep, recall, watching

Announce = Callable[[str], None]
"""Told what is being done while it takes long: a download, a first look at a model."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and where the files that it names by digest lie on this machine."""

    plan: Plan
    model: Fetched
    data: Fetched | None
    beyond: tuple[Diagnostic, ...]
    """What the spec says that can't be executed yet."""
    gates: tuple[PlannedGate, ...]
    """The plan's gates in the order of the spec's text, so that a fault finds its place there."""


def check(path: Path, store: Store) -> tuple[Document, list[Diagnostic]]:
    """Check a spec without the network: the text, the language, the rules, and what is on this disk."""
    document, diagnostics = load(path)
    if has_errors(diagnostics):
        return document, diagnostics
    spec, faults = validate(document)
    diagnostics += faults
    if spec is None:
        return document, diagnostics
    model, faults = _fetched_before(fetch_model, spec.model, document.folder, store)
    data = None
    if spec.data is not None:
        data, more = _fetched_before(fetch_data, spec.data, document.folder, store)
        faults += more
    diagnostics += faults + check_beside(spec) + check_gates(spec) + beyond_reach(spec)
    found = None
    if model is not None:
        found, faults = _look(spec, model, store)
        diagnostics += faults
    samples, faults = _split(spec, data, store)
    diagnostics += faults
    unknowable = {*(() if samples or not spec.data else SAMPLE_DOUBTS), *(() if found else MODEL_DOUBTS)}
    return document, apply_allowances(spec, diagnostics, unknowable=unknowable)


def prepare(
    path: Path, store: Store, *, device: str | None = None, announce: Announce | None = None
) -> tuple[Document, Prepared | None, list[Diagnostic]]:
    """Lower a spec to its plan; `device` overrides the target and its fallbacks."""
    document, diagnostics = load(path)
    if has_errors(diagnostics):
        return document, None, diagnostics
    prepared, faults = prepare_document(document, store, device=device, announce=announce)
    return document, prepared, [*diagnostics, *faults]


def prepare_document(
    document: Document,
    store: Store,
    *,
    device: str | None = None,
    announce: Announce | None = None,
    tree: Tree | None = None,
) -> tuple[Prepared | None, list[Diagnostic]]:
    """Lower a spec whose text is read already; `tree` is what its paths lie in, instead of its folder."""
    spec, diagnostics = validate(document)
    if spec is None:
        return None, diagnostics
    diagnostics += [*open_choices(spec), *check_beside(spec), *check_gates(spec)]
    model, data, faults = _fetch(spec, document.folder, store, announce, tree)
    diagnostics += faults
    prepared = None
    if model is not None and not has_errors(diagnostics):
        prepared, faults = _lower(spec, model, data, store, device, announce or (lambda _: None))
        diagnostics += faults
    unknowable = () if prepared else (*MODEL_DOUBTS, *SAMPLE_DOUBTS)
    return prepared, apply_allowances(spec, diagnostics, unknowable=unknowable)


def _fetched_before(
    fetch: Callable[..., tuple[Fetched | None, list[Diagnostic]]],
    table: models.Model | models.Data,
    folder: Path,
    store: Store,
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Fetch without the network; what was hashed once and hasn't been touched since isn't hashed again."""
    question = [fetch.__name__, table.source, table.sha256 or "", str(folder.absolute())]
    if (kept := recall(store.root, question)) is not None:
        return Fetched(Path(kept["root"]), tuple(File(*f) for f in kept["files"]), kept["digest"], kept["entry"]), []
    with watching() as seen:
        fetched, faults = fetch(table.source, table.sha256, folder=folder, store=store, offline=True)
    if fetched is not None and not faults:
        files = [[f.path, f.sha256, f.size] for f in fetched.files]
        answer = {"root": str(fetched.root), "files": files, "digest": fetched.digest, "entry": fetched.entry}
        keep(store.root, question, seen, answer)
    return fetched, faults


def _fetch(
    spec: Spec, folder: Path, store: Store, announce: Announce | None, tree: Tree | None
) -> tuple[Fetched | None, Fetched | None, list[Diagnostic]]:
    """Fetch the model, and the data if there are any."""
    say = None if announce is None else (lambda requirement: announce(f"downloading {requirement}"))
    fetch = partial(fetch_model, folder=folder, store=store, on_download=say, tree=tree)
    model, faults = fetch(spec.model.source, spec.model.sha256)
    if spec.data is None:
        return model, None, faults
    fetch = partial(fetch_data, folder=folder, store=store, on_download=say, tree=tree)
    data, more = fetch(spec.data.source, spec.data.sha256)
    return model, data, [*faults, *more]


def _look(spec: Spec, model: Fetched, store: Store) -> tuple[Signature | None, list[Diagnostic]]:
    """Read the model's signature and hold the spec against it."""
    try:
        found = signature(model, store)
    except NpuspecError as error:
        return None, [d.at(("model", "source")) for d in error.diagnostics]
    return found, [*check_ports(spec, found), *doubt_model(spec, found)]


def _lower(
    spec: Spec, model: Fetched, data: Fetched | None, store: Store, device: str | None, announce: Announce
) -> tuple[Prepared | None, list[Diagnostic]]:
    announce("reading the model")
    found, diagnostics = _look(spec, model, store)
    if found is None or has_errors(diagnostics):
        return None, diagnostics
    ports = {port.name: port for port in found.inputs}
    try:
        propagated = lengths(
            model,
            store,
            shapes={
                name: static_shape(spec, name, ports[name], {d: d for d in padded_dims(spec)}) for name in spec.inputs
            },
            sizes=padded_dims(spec),
            stated={name: [e.model_dump() for e in extents] for name, extents in stated_extents(spec).items()},
        )
    except NpuspecError as error:
        return None, [*diagnostics, *(d.at(("dims",)) for d in error.diagnostics)]
    diagnostics += check_lengths(spec, propagated)
    planned_model = _source(spec.model.source, model)
    samples, faults = _split(spec, data, store)
    diagnostics += faults
    if has_errors(diagnostics):
        return None, diagnostics
    program = build_program(spec, found, propagated)
    plan = lower(spec, program, planned_model, samples, entry=model.entry, toolchain=toolchain(), device=device)
    beyond = beyond_reach(spec)
    return Prepared(plan, model, data, tuple(beyond), written_gates(spec)), [*diagnostics, *beyond]


def _split(spec: Spec, data: Fetched | None, store: Store) -> tuple[Samples | None, list[Diagnostic]]:
    if spec.data is None or data is None:
        return None, []
    samples, faults = split_samples(spec, _source(spec.data.source, data))
    return samples, faults if samples is None else doubt_samples(samples, noise(data, store))


def _source(text: str, fetched: Fetched) -> PlannedSource:
    files = tuple(SourceFile(path=f.path, sha256=f.sha256) for f in fetched.files)
    return PlannedSource(source=text, digest=fetched.digest, files=files)
