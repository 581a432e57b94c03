"""From a validated spec to a plan: fetch what it names, read what must be known of it, lower.

This is where the passes stand in order. Each takes what the ones before it made, and nothing flows back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from msgspec import to_builtins

from npuspec.diagnostics import Diagnostic, NpuspecError, has_errors
from npuspec.diagnostics import Path as Place
from npuspec.facts import Content, Signature, content, lengths, parts, readers_of, signature, text_digests, toolchain
from npuspec.facts.formats import unreadable
from npuspec.plan.lower import lower
from npuspec.plan.model import Plan, PlannedGate, PlannedSource, Samples, Waste
from npuspec.plan.passes.bind import build_program, check_ports, named_shapes, padded_dims, stated_extents
from npuspec.plan.passes.cut import check_lengths
from npuspec.plan.passes.doubt import MODEL_DOUBTS, SAMPLE_DOUBTS, STAGE_DOUBTS, caught, doubt_model, doubt_samples
from npuspec.plan.passes.gate import check_gates
from npuspec.plan.passes.given import Given, for_one_input, origin_of, with_given
from npuspec.plan.passes.keep import check_keep, match_keep, slow_pattern
from npuspec.plan.passes.overflow import check_chunks, multiples
from npuspec.plan.passes.own import Give, give_samples, read_functions, refused_metrics, refused_samples, unrun_samples
from npuspec.plan.passes.sample import check_files, split_samples
from npuspec.plan.passes.task import TaskFiles, check_decodes, fetch_tasks, label_samples, metric_tools, plan_decodes
from npuspec.plan.passes.trace import written_gates
from npuspec.plan.passes.waste import WASTE_DOUBTS, count_waste, stated_lengths
from npuspec.sources import Fetched, Tree, fetch_beside, fetch_data, fetch_file, fetch_model
from npuspec.sources.local import LocalTree
from npuspec.sources.model import File
from npuspec.spec import Document, Spec, apply_allowances, load, open_choices, validate
from npuspec.store import Store
from npuspec.store.recall import keep, recall, watching

Announce = Callable[[str], None]
"""Told what is being done while it takes long: a download, a first look at a model."""


Fetch = Callable[..., tuple[Fetched | None, list[Diagnostic]]]

_PLACES = {"not-a-tokenizer": ("data", "tokenizer"), "unknown-field": ("data", "field")}
"""What is found out while texts are counted, and isn't the texts' fault."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and where the files that it names by digest lie on this machine."""

    plan: Plan
    model: Fetched
    data: Fetched | None
    tokenizer: Fetched | None
    tasks: TaskFiles
    gates: tuple[PlannedGate, ...]
    """The plan's gates in the order of the spec's text, so that a fault finds its place there."""
    folder: Path
    """The spec's, where its own code lies."""
    own: tuple[Diagnostic, ...]
    """The metrics that are code, for whoever doesn't allow that."""
    traps: tuple[Diagnostic, ...] = ()
    """What would ruin the model without an error, and isn't allowed."""
    allowed: frozenset[str] = frozenset()
    """The codes that the spec allows."""


@dataclass(frozen=True, slots=True)
class _Sources:
    """What a spec names, as far as it is here; of the real lengths only what padding wastes of them."""

    model: Fetched | None
    data: Fetched | None
    tokenizer: Fetched | None
    tasks: TaskFiles
    waste: tuple[Waste, ...]
    code: Mapping[str, PlannedSource]
    """The spec's own functions, by their names."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What is known of the model, and which of its operations `keep` means by patterns and subgraphs."""

    signature: Signature
    matched: set[str]


def check(path: Path, store: Store) -> tuple[Document, list[Diagnostic]]:
    """Check a spec without the network: the text, the language, the rules, and what is on this disk."""
    document, diagnostics = load(path)
    if has_errors(diagnostics):
        return document, diagnostics
    spec, faults = validate(document)
    diagnostics += faults
    if spec is None:
        return document, diagnostics
    before = partial(_fetched_before, folder=document.folder, store=store)
    beside = partial(fetch_beside, folder=document.folder, store=store, offline=True)
    sources, faults = _fetch(spec, before, beside, LocalTree(document.folder), unrun_samples)
    diagnostics += faults + check_gates(spec)
    found = None
    if sources.model is not None:
        found, faults = _look(spec, sources.model, sources.tasks, store)
        diagnostics += faults
    samples, faults = _split(spec, sources, store)
    diagnostics += faults
    unknowable = {*(() if samples or not spec.data else SAMPLE_DOUBTS), *(() if found else MODEL_DOUBTS)}
    unknowable |= {*(() if len(sources.waste) == len(stated_lengths(spec)) else WASTE_DOUBTS), *_of_stages(spec)}
    return document, apply_allowances(spec, diagnostics, unknowable=unknowable)


def prepare(
    path: Path,
    store: Store,
    *,
    device: str | None = None,
    announce: Announce | None = None,
    allow_code: bool = False,
    given: Given | None = None,
) -> tuple[Document, Prepared | None, list[Diagnostic]]:
    """Lower a spec to its plan.

    Args:
        path: the spec.
        store: where what is found out is kept.
        device: instead of the target and its fallbacks.
        announce: told what takes long.
        allow_code: whether code of the spec's own may give the samples.
        given: takes samples that are given in place of the spec's.

    Raises:
        InputError: one of those isn't what the model takes.
        SpecError: they can't be taken.

    """
    document, diagnostics = load(path)
    if has_errors(diagnostics):
        return document, None, diagnostics
    prepared, faults = prepare_document(
        document, store, device=device, announce=announce, allow_code=allow_code, given=given
    )
    return document, prepared, [*diagnostics, *faults]


def prepare_document(
    document: Document,
    store: Store,
    *,
    device: str | None = None,
    announce: Announce | None = None,
    tree: Tree | None = None,
    allow_code: bool = False,
    given: Given | None = None,
) -> tuple[Prepared | None, list[Diagnostic]]:
    """Lower a spec whose text is read already; `tree` is what its paths lie in, instead of its folder."""
    spec, diagnostics = validate(document if given is None else with_given(document))
    if spec is None:
        return None, diagnostics
    if given is not None:
        spec = for_one_input(spec)
    diagnostics += [*open_choices(spec), *check_gates(spec)]
    say = None if announce is None else (lambda requirement: announce(f"downloading {requirement}"))

    def fetched(fetch: Fetch, source: str, sha256: str | None, **at: Place) -> tuple[Fetched | None, list[Diagnostic]]:
        return fetch(source, sha256, folder=document.folder, store=store, on_download=say, tree=tree, **at)

    beside = partial(fetch_beside, folder=document.folder, store=store, on_download=say, tree=tree)
    tell = announce or (lambda _: None)
    give = partial(give_samples, folder=document.folder, store=store, announce=tell) if allow_code else refused_samples
    tree = tree or LocalTree(document.folder)
    sources, faults = _fetch(spec, fetched, beside, tree, give, has_data=given is None)
    diagnostics += faults
    prepared = None
    if not has_errors(diagnostics):
        prepared, faults = _lower(spec, sources, store, device, tell, document, given)
        diagnostics += faults
    unknowable = () if prepared else (*MODEL_DOUBTS, *SAMPLE_DOUBTS, *WASTE_DOUBTS)
    found = apply_allowances(spec, diagnostics, unknowable=(*unknowable, *_of_stages(spec)))
    if prepared is not None:
        prepared = replace(prepared, traps=caught(spec, found), allowed=frozenset(a.code for a in spec.allow))
    return prepared, found


def _of_stages(spec: Spec) -> tuple[str, ...]:
    """Return the codes of what only the stages that quantize can find out."""
    return STAGE_DOUBTS if spec.quantization.is_calibrated else ()


def _fetched_before(
    fetch: Fetch, source: str, sha256: str | None, *, folder: Path, store: Store, **at: Place
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Fetch without the network; what was hashed once and hasn't been touched since isn't hashed again."""
    question = [fetch.__name__, source, sha256 or "", str(folder.absolute())]
    if (kept := recall(store.root, question)) is not None:
        return Fetched(Path(kept["root"]), tuple(File(*f) for f in kept["files"]), kept["digest"], kept["entry"]), []
    with watching() as seen:
        fetched, faults = fetch(source, sha256, folder=folder, store=store, offline=True, **at)
    if fetched is not None and not faults:
        files = [[f.path, f.sha256, f.size] for f in fetched.files]
        answer = {"root": str(fetched.root), "files": files, "digest": fetched.digest, "entry": fetched.entry}
        keep(store.root, question, seen, answer)
    return fetched, faults


def _fetch(
    spec: Spec,
    fetched: Fetch,
    beside: Callable[..., tuple[Fetched | None, list[Diagnostic]]],
    tree: Tree,
    give: Give,
    *,
    has_data: bool = True,
) -> tuple[_Sources, list[Diagnostic]]:
    """Fetch the model, the data and what belongs to them, the real lengths, and the spec's own code."""
    model, faults = fetched(fetch_model, spec.model.source, spec.model.sha256)
    waste, more = count_waste(spec, beside)
    code, others = read_functions(spec, tree)
    faults = [*faults, *more, *others]
    data = tokenizer = None
    if spec.data is not None and has_data:
        if spec.data.function is None:
            data, more = fetched(fetch_data, spec.data.origin, spec.data.sha256)
        else:
            data, more = give(spec.data, code.get(spec.data.function))
        faults += more
        if spec.data.tokenizer is not None:
            tokenizer, more = fetched(fetch_file, spec.data.tokenizer, spec.data.tokenizer_sha256)
            faults += more
    tasks, more = fetch_tasks(spec, fetched)
    return _Sources(model, data, tokenizer, tasks, waste, code), faults + more


def _look(spec: Spec, model: Fetched, tasks: TaskFiles, store: Store) -> tuple[_Looked | None, list[Diagnostic]]:
    """Read the model's signature and hold the spec against it."""
    try:
        found = signature(model, store)
        matched, faults = _match(spec, model, found, store)
    except NpuspecError as error:
        return None, [d.at(("model", "source")) for d in error.diagnostics]
    asked = [*check_ports(spec, found), *check_keep(spec, found), *check_decodes(spec, found, tasks), *faults]
    return _Looked(found, matched), [*asked, *doubt_model(spec, found, matched)]


def _match(spec: Spec, model: Fetched, found: Signature, store: Store) -> tuple[set[str], list[Diagnostic]]:
    """Find the operations that the patterns and subgraphs of `keep` mean."""
    keep, tried = spec.quantization.keep, [0]
    if not (keep.patterns or keep.subgraphs):
        return set(), []
    try:
        answer = parts(
            model,
            store,
            patterns=keep.patterns,
            subgraphs=[subgraph.model_dump() for subgraph in keep.subgraphs],
            progress=lambda number, _: tried.append(number),
        )
    except TimeoutError:
        return set(), [slow_pattern(tried[-1])]
    return match_keep(spec, found, answer)


def _lower(
    spec: Spec,
    sources: _Sources,
    store: Store,
    device: str | None,
    announce: Announce,
    document: Document,
    given: Given | None,
) -> tuple[Prepared | None, list[Diagnostic]]:
    if (model := sources.model) is None:
        return None, []
    announce("reading the model")
    looked, diagnostics = _look(spec, model, sources.tasks, store)
    if looked is None or has_errors(diagnostics):
        return None, diagnostics
    found = looked.signature
    try:
        propagated = lengths(
            model,
            store,
            shapes=named_shapes(spec, found),
            sizes=padded_dims(spec),
            multiples=multiples(spec),
            stated={name: [to_builtins(e) for e in extents] for name, extents in stated_extents(spec).items()},
        )
    except NpuspecError as error:
        return None, [*diagnostics, *(d.at(("dims",)) for d in error.diagnostics)]
    diagnostics += check_lengths(spec, propagated)
    if given is not None and not has_errors(diagnostics):
        announce("taking the caller's samples")
        sources = replace(sources, data=given(build_program(spec, found, propagated)))
    planned_model = PlannedSource.of(spec.model.source, model)
    samples, faults = _split(spec, sources, store)
    diagnostics += faults
    if has_errors(diagnostics):
        return None, diagnostics
    program = build_program(spec, found, propagated)
    readers = readers_of(file.path for file in sources.data.files) if sources.data is not None else ()
    plan = lower(
        spec,
        program,
        planned_model,
        samples,
        entry=model.entry,
        toolchain=toolchain(*readers, *metric_tools(spec)),
        device=device,
        waste=sources.waste,
        code=sources.code,
        given=None if given is None else origin_of(document),
        decodes=plan_decodes(sources.tasks),
        matched=looked.matched,
    )
    if faults := check_chunks(plan.program):
        return None, [*diagnostics, *faults]
    prepared = Prepared(
        plan=plan,
        model=model,
        data=sources.data,
        tokenizer=sources.tokenizer,
        tasks=sources.tasks,
        gates=written_gates(spec),
        folder=document.folder,
        own=tuple(refused_metrics(spec, sources.code)),
    )
    return prepared, diagnostics


def _split(spec: Spec, sources: _Sources, store: Store) -> tuple[Samples | None, list[Diagnostic]]:
    data, tokenizer = sources.data, sources.tokenizer
    if spec.data is None or data is None:
        return None, []
    if faults := check_files(spec.data, [file.path for file in data.files]):
        return None, faults
    found = planned_tokenizer = None
    if spec.data.tokenizer is not None:
        try:
            found = text_digests(data, tokenizer, store, field=spec.data.field)
        except NpuspecError as error:
            return None, [d.at(_PLACES.get(d.code, ("data", "source"))) for d in error.diagnostics]
        planned_tokenizer = None if tokenizer is None else PlannedSource.of(spec.data.tokenizer, tokenizer)
    code = sources.code.get(spec.data.origin)
    inside = content(data, store) if found is None else Content()
    if inside.unreadable:
        broken = [unreadable(path, why) for path, why in inside.unreadable.items()]
        return None, [d.at(("data", spec.data.key)) for error in broken for d in error.diagnostics]
    planned = PlannedSource.of(spec.data.origin, data)
    samples, faults = split_samples(spec, planned, planned_tokenizer, found, inside.digests, code)
    if samples is None:
        return None, faults
    samples, faults = label_samples(spec, samples, sources.tasks, found)
    return samples, faults + doubt_samples(samples, inside)
