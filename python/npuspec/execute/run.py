"""`npuspec apply`: spec in, bundle out, with the evidence beside it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from npuspec.bundle import Bundle, open_bundle
from npuspec.bundle.writer import check_place, publish, staging
from npuspec.compilers import Compiler, compiler_for
from npuspec.diagnostics import BundleError, GateError, Severity, SpecError, StageError, StalePlanError
from npuspec.diagnostics.disk import disk_fault
from npuspec.execute.assemble import assemble
from npuspec.execute.evidence import NAME as EVIDENCE
from npuspec.execute.evidence import Evidence, gather_evidence, gather_harm, gather_timings, tell_precisions
from npuspec.execute.gates import GateResult, failures
from npuspec.execute.lock import LockKeeper
from npuspec.execute.observer import Observer
from npuspec.execute.stages import StageRunner
from npuspec.facts import device_identities
from npuspec.npu import check_device, choose_device
from npuspec.plan import Plan, Prepared, prepare
from npuspec.plan.lock import lock_path
from npuspec.plan.passes.doubt import STAGE_DOUBTS
from npuspec.plan.passes.given import Given
from npuspec.plan.planfile import check_fresh, locate_spec, read_planfile
from npuspec.stages import TIMINGS
from npuspec.store import Store


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: the bundle's place, the digest of its version, and the gates.

    `unchanged` says why nothing had to be done, and is "" where something was. `lock` is the lock if it was changed.
    """

    bundle: Path
    digest: str
    device: str
    gates: tuple[GateResult, ...]
    unchanged: str
    lock: Path | None = None


def apply(
    spec: str | PathLike[str],
    output: str | PathLike[str],
    *,
    data: Iterable[Any] | None = None,
    device: str | None = None,
    rebuild: bool = False,
    locked: bool = False,
    allow_code: bool = False,
    compiler: str | None = None,
    observer: Observer | None = None,
) -> Applied:
    """Execute a spec into a bundle, and write the lock beside the spec.

    Samples may be given in memory, for instance as a generator or a data set of PyTorch:

        npuspec.apply("asr.toml", "build/asr", data=({"waveform": read(path)} for path in clips))

    Each is a mapping of the names of the model's data inputs to arrays, or, if there is only one, the array itself.
    An array is what `Session.infer` takes: without the batch axis, of a size that the input's shape allows, and of the
    dtype that its `preprocess` states, or else the model. Once the model is known, samples are taken one by one,
    checked, and kept as files by their content: they are split, calibrate and are measured as the files of a spec are,
    under the names `000001.npy`, `000002.npy` and so on, or `.npz` where there are several inputs.

    Args:
        spec: the TOML file.
        output: where the bundle is to be; what stands there is replaced in one step, and only by a whole bundle that
            passed its gates.
        data: samples in place of [data], which the spec may then lack; of its own only `labels` stay, a line for each.
            At most 100,000, and 16 GiB. Where they override those of the spec, the lock, which is of the spec, stays;
            else it has their digest.
        device: `NPU` or `CPU`, instead of the spec's target and its fallbacks; the lock, which is of the spec, stays.
        rebuild: run every stage, also those whose results are there.
        locked: write no lock, and make nothing unless everything is as the lock says.
        allow_code: run code that the spec names beside it.
        compiler: the command that compiles for the spec's platforms, as docs/npu-compiler-protocol.md says; else that
            which NPUSPEC_NPU_COMPILER names, or OpenVINO's own where it is there.
        observer: told of progress and warnings.

    Raises:
        SpecError: the spec, its model or its data is wrong, or it has code of its own that isn't allowed; `data` raised
            an error, gave nothing, or more than is kept.
        InputError: a sample of `data` isn't what the model takes; the message has its number, counted from 1.
        LockError: the lock says otherwise, or there is none.
        DeviceError: the target is missing, and so is every fallback; or `device` is none.
        StageError: a stage failed.
        GateError: a gate was not met.

    """
    observer, store = observer or Observer(), Store()
    given = None
    if data is not None:
        from npuspec.facts.caller import caller_samples  # noqa: PLC0415  takes NumPy, which whoever gives arrays has

        given = caller_samples(data, store)
    prepared = _prepare(Path(spec), store, device, observer, allow_code=allow_code, given=given)
    return apply_prepared(
        prepared,
        Path(output),
        store,
        observer=observer,
        rebuild=rebuild,
        lock=lock_path(Path(spec)),
        locked=locked,
        allow_code=allow_code,
        compiler=compiler,
    )


def execute_planfile(
    path: str | PathLike[str],
    output: str | PathLike[str],
    *,
    rebuild: bool = False,
    locked: bool = False,
    allow_code: bool = False,
    compiler: str | None = None,
    observer: Observer | None = None,
) -> Applied:
    """Execute a plan file as it was reviewed; see `apply`.

    Raises:
        StalePlanError: it isn't what would be planned now, or no plan file that can be read.

    """
    observer, store, path = observer or Observer(), Store(), Path(path)
    planfile = read_planfile(path)
    spec = locate_spec(path, planfile)
    prepared = _prepare(spec, store, planfile.device, observer, allow_code=allow_code)
    if stale := check_fresh(path, planfile, prepared.plan):
        raise StalePlanError(stale)
    return apply_prepared(
        prepared,
        Path(output),
        store,
        observer=observer,
        rebuild=rebuild,
        lock=lock_path(spec),
        locked=locked,
        allow_code=allow_code,
        compiler=compiler,
    )


def _prepare(
    spec: Path,
    store: Store,
    device: str | None,
    observer: Observer,
    *,
    allow_code: bool,
    given: Given | None = None,
) -> Prepared:
    if device is not None:
        check_device(device)
    try:
        _, prepared, diagnostics = prepare(
            spec, store, device=device, announce=observer.announce, allow_code=allow_code, given=given
        )
    except OSError as error:
        raise StageError(disk_fault(error)) from None
    if prepared is None:
        raise SpecError(diagnostics)
    for fault in diagnostics:
        if fault.severity is Severity.WARNING:
            observer.warn(fault.message)
    return prepared


def apply_prepared(
    prepared: Prepared,
    output: Path,
    store: Store,
    *,
    observer: Observer,
    rebuild: bool = False,
    lock: Path | None = None,
    locked: bool = False,
    allow_code: bool = False,
    compiler: str | None = None,
) -> Applied:
    """Execute a plan into a bundle; see `apply`. Without `lock` there is none to be written or held."""
    plan = prepared.plan
    if prepared.traps:
        raise SpecError(prepared.traps)
    if prepared.own and not allow_code:
        raise SpecError(prepared.own)
    try:
        keeper = LockKeeper.begin(lock, plan, locked=locked)
    except OSError as error:
        raise StageError(disk_fault(error)) from None
    ahead = _find_compiler(plan, compiler)
    observer.announce("looking for devices")
    wanted, present = [d.device for d in plan.deployments], device_identities()
    device = choose_device(wanted, present)
    identity = present[device]
    if device != wanted[0]:
        observer.warn(
            f"there is no {wanted[0]} on this machine: compiling for {device} and measuring there, "
            "the fallback that the spec declares"
        )
    try:
        chosen = keeper.chosen(plan)
        if not rebuild and (made := _made_before(plan, output, device, identity, chosen, ahead)):
            return _leave(prepared, output, made, keeper, observer)
        check_place(output)
        runner = StageRunner(
            prepared,
            store,
            observer,
            device=device,
            identity=identity,
            chosen=chosen,
            compiler=ahead,
            rebuild=rebuild,
        )
        runner.run()
        evidence = gather_evidence(plan, runner.results, device, prepared.allowed)
        timings = gather_timings(runner.results, identity)
        evidence.tell(observer)
        tell_precisions(evidence, timings, observer)
        runner.forget(evidence.retimed)
        keeper.hold(plan, evidence)
        _hold_traps(evidence, prepared, observer)
        if failed := [gate for gate in evidence.gates if not gate.passed]:
            if any(gate.is_of_quantized for gate in failed):
                runner.run(failed=True)
            harm = gather_harm(runner.results)
            raise GateError(failures(evidence.gates, prepared.gates, evidence.findings, harm, evidence.kept))
        with staging(output) as scratch:
            manifest = assemble(scratch, plan, runner.results, evidence, device=device, identity=identity)
            digest = publish(output, scratch, manifest)
        written = keeper.write(plan, manifest, evidence, timings)
    except OSError as error:
        raise StageError(disk_fault(error)) from None
    return Applied(output, digest, device, evidence.gates, "", written)


def _find_compiler(plan: Plan, command: str | None) -> Compiler | None:
    """Return what compiles for the plan's platforms; None if it has none.

    Raises:
        SpecError: `no-compiler`: there is none, or it doesn't know a platform.

    """
    if not plan.platforms:
        return None
    return compiler_for(plan.platforms, command, "take `platforms` out", ("target", "platforms"))


def _made_before(
    plan: Plan,
    output: Path,
    device: str,
    identity: str,
    chosen: tuple[str, ...] | None,
    compiler: Compiler | None,
) -> Bundle | None:
    """Return what stands at `output` if this plan on this device made it, with this compiler and the lock's mix."""
    try:
        bundle = open_bundle(output)
    except BundleError:
        return None
    made = bundle.manifest
    if (made.plan, made.device, made.identity) != (plan.digest, device, identity):
        return None
    if compiler is not None and any(blob.compiler != compiler.identity for blob in made.platforms):
        return None
    return bundle if chosen is None or _evidence_of(bundle).kept == chosen else None


def _evidence_of(bundle: Bundle) -> Evidence:
    return Evidence.of_json(json.loads(bundle.path(EVIDENCE).read_bytes()))


def _hold_traps(evidence: Evidence, prepared: Prepared, observer: Observer) -> None:
    """Refuse what fell into a trap that the spec doesn't allow, and say which of them it allows in vain.

    Raises:
        StageError: a fault for each.

    """
    if fallen := [trap for trap in evidence.traps if trap.code not in prepared.allowed]:
        raise StageError(fallen)
    vain = prepared.allowed.intersection(STAGE_DOUBTS) - {trap.code for trap in evidence.traps}
    for code in sorted(vain):
        observer.warn(f"nothing here has to be allowed as `{code}`: take it out")


def _leave(prepared: Prepared, output: Path, bundle: Bundle, keeper: LockKeeper, observer: Observer) -> Applied:
    """Do nothing to a bundle that is there and whole, but tell what was measured of it, and see to the lock."""
    plan, made = prepared.plan, bundle.manifest
    evidence = _evidence_of(bundle)
    timings = json.loads(bundle.path(f"evidence/{TIMINGS}").read_bytes())
    evidence.tell(observer)
    tell_precisions(evidence, timings, observer)
    keeper.hold(plan, evidence)
    _hold_traps(evidence, prepared, observer)
    written = keeper.write(plan, made, evidence, timings)
    why = (
        f"`{output}` was made from plan {plan.digest[:12]} on this very device, "
        f"and all its {len(made.files)} files are whole"
    )
    return Applied(output, bundle.root.name, made.device, evidence.gates, why, written)
