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
from npuspec.plan.model import Plan, PlannedSource, Samples, SourceFile
from npuspec.plan.passes.bind import build_program, check_ports, padded_dims, stated_extents, static_shape
from npuspec.plan.passes.cut import check_lengths
from npuspec.plan.passes.doubt import MODEL_DOUBTS, SAMPLE_DOUBTS, doubt_model, doubt_samples
from npuspec.plan.passes.reach import beyond_reach
from npuspec.plan.passes.sample import split_samples
from npuspec.sources import Fetched, fetch_data, fetch_model
from npuspec.spec import Document, Spec, apply_allowances, load, open_choices, validate, without_allowed
from npuspec.store import Store

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


def check(path: Path, store: Store) -> tuple[Document, list[Diagnostic]]:
    """Check a spec without the network: the text, the language, the rules, and what is on this disk."""
    document, diagnostics = load(path)
    if has_errors(diagnostics):
        return document, diagnostics
    spec, faults = validate(document)
    diagnostics += faults
    if spec is None:
        return document, diagnostics
    model, data, faults = _fetch(spec, document.folder, store, offline=True)
    diagnostics += faults + beyond_reach(spec)
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
    document: Document, store: Store, *, device: str | None = None, announce: Announce | None = None
) -> tuple[Prepared | None, list[Diagnostic]]:
    """Lower a spec whose text is read already."""
    spec, diagnostics = validate(document)
    if spec is None:
        return None, diagnostics
    diagnostics += open_choices(spec)
    model, data, faults = _fetch(spec, document.folder, store, announce=announce)
    diagnostics += faults
    if model is None or has_errors(diagnostics):
        return None, without_allowed(spec, diagnostics)
    prepared, faults = _lower(spec, model, data, store, device, announce or (lambda _: None))
    diagnostics += faults
    unknowable = () if prepared else (*MODEL_DOUBTS, *SAMPLE_DOUBTS)
    return prepared, apply_allowances(spec, diagnostics, unknowable=unknowable)


def _fetch(
    spec: Spec, folder: Path, store: Store, *, offline: bool = False, announce: Announce | None = None
) -> tuple[Fetched | None, Fetched | None, list[Diagnostic]]:
    """Fetch the model, and the data if there are any."""
    say = None if announce is None else (lambda requirement: announce(f"downloading {requirement}"))
    fetch = partial(fetch_model, folder=folder, store=store, offline=offline, on_download=say)
    model, faults = fetch(spec.model.source, spec.model.sha256)
    if spec.data is None:
        return model, None, faults
    fetch = partial(fetch_data, folder=folder, store=store, offline=offline, on_download=say)
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
    return Prepared(plan, model, data, tuple(beyond)), [*diagnostics, *beyond]


def _split(spec: Spec, data: Fetched | None, store: Store) -> tuple[Samples | None, list[Diagnostic]]:
    if spec.data is None or data is None:
        return None, []
    samples, faults = split_samples(spec, _source(spec.data.source, data))
    return samples, faults if samples is None else doubt_samples(samples, noise(data, store))


def _source(text: str, fetched: Fetched) -> PlannedSource:
    files = tuple(SourceFile(path=f.path, sha256=f.sha256) for f in fetched.files)
    return PlannedSource(source=text, digest=fetched.digest, files=files)
