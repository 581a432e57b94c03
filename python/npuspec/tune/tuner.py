"""`npuspec tune`: a spec in, what is best for it out, with all that was tried."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory, mkstemp

from npuspec.buckets import read_lengths
from npuspec.compilers import compiler_for
from npuspec.diagnostics import Diagnostic, SpecError, has_errors
from npuspec.diagnostics.mend import write_text
from npuspec.execute import Observer, apply
from npuspec.facts import FrontEnd, device_identities, signature
from npuspec.npu import choose_device
from npuspec.plan.lock import check_lock_place, lock_path
from npuspec.plan.prepare import prepare_document
from npuspec.spec import Spec, load, validate
from npuspec.store import Store
from npuspec.tune.advice import judge
from npuspec.tune.candidate import Bench
from npuspec.tune.model import Report
from npuspec.tune.propose import check_optuna
from npuspec.tune.search import Search
from npuspec.tune.space import KNOBS, Known, Space, bucketed, dropped, space_of


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of tuning: a report, the text of the spec, and that of the chosen one."""

    report: Report
    before: str
    text: str


def tune(
    path: Path,
    *,
    objective: str = "latency",
    device: str | None = None,
    platform: str | None = None,
    compiler: str | None = None,
    only: Sequence[str] = (),
    trials: int = 0,
    allow_code: bool = False,
    observer: Observer | None = None,
) -> Tuned:
    """Try candidates of a spec.

    Args:
        path: the spec.
        objective: `latency`, `throughput` or `size`.
        device: what is measured on and counts, instead of the spec's target.
        platform: the NPU to estimate for; else, where the target isn't here, the first of the spec's.
        compiler: the command that does that; see `apply`.
        only: the knobs that are tried; all where there is none.
        trials: so many candidates more, which Optuna proposes.
        allow_code: run code that the spec names beside it.
        observer: told of progress.

    Raises:
        SpecError: the spec is wrong, or nothing can tell of its target.
        DeviceError: `device` isn't here.
        StageError: what is no candidate's fault, such as a full disk.

    """
    observer = observer or Observer()
    if trials:
        check_optuna()
    bench, space = open_space(
        path,
        objective=objective,
        device=device,
        platform=platform,
        compiler=compiler,
        only=only,
        allow_code=allow_code,
        observer=observer,
    )
    search = Search(space, bench, objective, observer.announce)
    best = search.run(trials)
    advice = judge(search)
    text = space.text if best.point is None else _ended_alike(space.text_of(best.point), space.text)
    report = Report(
        model=bench.model,
        objective=objective,
        device=bench.device,
        platform=bench.platform,
        compiler=None if bench.compiler is None else bench.compiler.identity,
        rows=tuple(search.rows),
        chosen=next(number for number, row in enumerate(search.rows) if row is best),
        points=space.size,
        compiles=search.compiles,
        made=len(bench.made),
        left_out=space.left_out,
        advice=advice,
        dropped=dropped(space.text, text),
        patch=_patch(path.name, space.text, text),
    )
    return Tuned(report, space.text, text)


def open_space(
    path: Path,
    *,
    objective: str,
    device: str | None = None,
    platform: str | None = None,
    compiler: str | None = None,
    only: Sequence[str] = (),
    allow_code: bool = False,
    observer: Observer,
) -> tuple[Bench, Space]:
    """Return what candidates are tried on, and which there are; see `tune`."""
    document, faults = load(path)
    spec = None
    if not has_errors(faults):
        spec, faults = validate(document)
    if spec is None:
        raise SpecError(faults)
    store = Store()
    observer.announce("looking for devices")
    present = device_identities()
    platform = _platform(spec, present, device, platform)
    here = "CPU" if platform is not None else choose_device([device or spec.target.device], present)
    found = None if platform is None else compiler_for([platform], compiler, "measure with --device CPU")
    prepared, faults = prepare_document(document, store, device=here, announce=observer.announce, allow_code=allow_code)
    if prepared is None:
        raise SpecError(faults)
    bench = Bench(
        name=document.name,
        folder=document.folder,
        lock=lock_path(path),
        model=prepared.plan.model.digest,
        store=store,
        observer=observer,
        device=here,
        identity=present[here],
        platform=platform,
        compiler=found,
        cpu=present["CPU"],
        side_by_side=objective == "throughput",
        allow_code=allow_code,
    )
    model = signature(prepared.model, store)
    samples = prepared.plan.samples
    known = Known(
        device=here,
        platform=platform,
        samples=0 if samples is None else len(samples.calibration) + len(samples.validation),
        attention=model.attention,
        front_end=None if model.front_end is None else _part(model.front_end),
        lengths=_lengths(document.folder, spec),
    )
    return bench, space_of(document.text, spec, known, objective, tuple(only) or KNOBS)


def write(path: Path, tuned: Tuned, *, allow_code: bool = False, compiler: str | None = None) -> Path | None:
    """Write the chosen spec and its lock, or neither; return the lock, if that changed it.

    Both are made beside the spec, under another name, before anything is changed.

    Raises:
        NpuspecError: `apply` doesn't make it, or the spec isn't any more what was tuned; it is then as it was.
        OSError: the folder can't be written.

    """
    check_lock_place(lock_path(path))
    handle, name = mkstemp(dir=path.parent, prefix=".npuspec-", suffix=path.suffix)
    trial = Path(name)
    lock, made = lock_path(path), lock_path(trial)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123  a handle has no path
            file.write(tuned.text.encode())
        if lock.exists():
            copyfile(lock, made)
        with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            is_new = apply(trial, Path(scratch, "bundle"), allow_code=allow_code, compiler=compiler).lock is not None
        if load(path)[0].text != tuned.before:
            message = f"`{path}` was changed since it was read, and stays as it is"
            raise SpecError(Diagnostic("spec-changed", message, "tune it again: what was found out is kept"))
        write_text(path, tuned.text)
        try:
            if is_new:
                made.replace(lock)
        except BaseException:
            write_text(path, tuned.before)
            raise
    finally:
        trial.unlink(missing_ok=True)
        made.unlink(missing_ok=True)
    return lock if is_new else None


def _platform(spec: Spec, present: dict[str, str], device: str | None, platform: str | None) -> str | None:
    """Return the NPU to estimate for; None where what is meant is here, and measured."""
    if platform is not None:
        return platform
    wanted = device or spec.target.device
    if wanted in present or device is not None:
        return None
    if spec.target.platforms:
        return spec.target.platforms[0]
    message = f"there is no {wanted} on this machine, and no platform that an NPU's compiler could estimate for"
    help_ = "name one, such as --platform 4000; or measure what is here: --device CPU"
    raise SpecError(Diagnostic("wrong-argument", message, help_))


def _lengths(folder: Path, spec: Spec) -> Mapping[int, int]:
    """Return how often each real length occurs; the plan, which counted them, has found nothing wrong with them."""
    found = bucketed(spec)
    if found is None:
        return {}
    name = str(found[1].lengths)
    counts, faults = read_lengths(folder / name, name)
    if counts is None:
        raise SpecError(faults)
    return counts


def _part(found: FrontEnd) -> dict[str, list[str]]:
    return {"inputs": [*found.inputs], "outputs": [*found.outputs]}


def _ended_alike(text: str, before: str) -> str:
    """Return the text with its lines ended as those of another are."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in before else text


def _patch(name: str, before: str, after: str) -> str:
    old, new = (text.replace("\r\n", "\n").removesuffix("\n").split("\n") for text in (before, after))
    return "".join(f"{line}\n" for line in difflib.unified_diff(old, new, name, name, n=2, lineterm=""))
