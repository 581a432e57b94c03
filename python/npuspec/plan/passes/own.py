"""Code that the spec's author wrote: which files it is, and what is said where it doesn't run."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from npuspec.diagnostics import Diagnostic, NpuspecError, Severity
from npuspec.diagnostics import Path as Place
from npuspec.facts import given_samples
from npuspec.plan.model import PlannedSource, SourceFile
from npuspec.sources import Fetched, Tree, read_code
from npuspec.sources.model import digest_of
from npuspec.spec import Spec, models
from npuspec.store import Store

Give = Callable[[models.Data, PlannedSource | None], tuple[Fetched | None, list[Diagnostic]]]
"""What becomes of the function that gives the samples, if its code could be read."""

DATA: Place = ("data", "function")
_MOST = 4  # files that are named


def read_functions(spec: Spec, tree: Tree) -> tuple[dict[str, PlannedSource], list[Diagnostic]]:
    """Return the code of each function that the spec names, by that name; none of it is run."""
    found: dict[str, PlannedSource] = {}
    faults: list[Diagnostic] = []
    for at, function in _named(spec):
        files, more = read_code(function, tree, at)
        faults += more
        if files is not None:
            planned = tuple(SourceFile(path=file.path, sha256=file.sha256) for file in files)
            found[function] = PlannedSource(source=function, digest=digest_of(files), files=planned)
    return found, faults


def refused_metrics(spec: Spec, code: Mapping[str, PlannedSource]) -> list[Diagnostic]:
    """Return a fault for each metric that would be run, for whoever doesn't allow that."""
    return [_refused(code[function], at) for at, function in _named(spec) if at != DATA and function in code]


def give_samples(
    data: models.Data, code: PlannedSource | None, *, folder: Path, store: Store, announce: Callable[[str], None]
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Run what gives the samples."""
    if code is None:
        return None, []
    announce(f"running {code.source}")
    files = {file.path: file.sha256 for file in code.files}
    try:
        return given_samples(code.source, files, folder=folder, store=store, input_=data.input), []
    except NpuspecError as error:
        return None, [fault.at(DATA) for fault in error.diagnostics]


def refused_samples(_data: models.Data, code: PlannedSource | None) -> tuple[None, list[Diagnostic]]:
    """Say what would give the samples, for whoever doesn't allow that."""
    return None, [] if code is None else [_refused(code, DATA)]


def unrun_samples(_data: models.Data, code: PlannedSource | None) -> tuple[None, list[Diagnostic]]:
    """Say that the samples weren't looked at: `check` never runs what gives them."""
    if code is None:
        return None, []
    message = f"`{code.source}` wasn't run, so the samples that it gives weren't looked at"
    help_ = "`npuspec plan --allow-code` runs it"
    return None, [Diagnostic("code-not-run", message, help_, severity=Severity.NOTE).at(DATA)]


def _refused(code: PlannedSource, at: Place) -> Diagnostic:
    more = f" and {len(code.files) - _MOST} more" if len(code.files) > _MOST else ""
    files = ", ".join(f"{file.path} (SHA-256 {file.sha256[:12]}…)" for file in code.files[:_MOST]) + more
    message = f"`{code.source}` is code beside the spec, and would be run: {files}"
    help_ = "read it, and allow it: `--allow-code`, or `allow_code=True` in Python"
    return Diagnostic("code-not-allowed", message, help_).at(at)


def _named(spec: Spec) -> Iterator[tuple[Place, str]]:
    if spec.data is not None and spec.data.function is not None:
        yield DATA, spec.data.function
    for index, gate in enumerate(spec.gates):
        if isinstance(gate, models.FunctionGate):
            yield ("gates", index, "function"), gate.function
