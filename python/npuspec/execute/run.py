"""`npuspec apply`: spec in, bundle out, with the evidence beside it."""

import json
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from npuspec.bundle import open_bundle
from npuspec.bundle.writer import check_place, publish, staging
from npuspec.diagnostics import BundleError, GateError, Severity, SpecError, StageError
from npuspec.diagnostics.disk import disk_fault
from npuspec.execute.assemble import assemble
from npuspec.execute.evidence import NAME as EVIDENCE
from npuspec.execute.evidence import Evidence, gather_evidence
from npuspec.execute.gates import GateResult, failures
from npuspec.execute.observer import Observer
from npuspec.execute.stages import result_keys, run_stages
from npuspec.facts import device_identities
from npuspec.npu import choose_device
from npuspec.plan import Plan, Prepared, prepare
from npuspec.store import Store


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: the bundle's place, the digest of its version, and the gates.

    `unchanged` says why nothing had to be done, and is "" where something was.
    """

    bundle: Path
    digest: str
    device: str
    gates: tuple[GateResult, ...]
    unchanged: str


def apply(
    spec: str | PathLike[str],
    output: str | PathLike[str],
    *,
    device: str | None = None,
    rebuild: bool = False,
    observer: Observer | None = None,
) -> Applied:
    """Execute a spec into a bundle.

    Args:
        spec: the TOML file.
        output: where the bundle is to be; what stands there is replaced in one step, and only by a whole bundle that
            passed its gates.
        device: `NPU` or `CPU`, instead of the spec's target and its fallbacks.
        rebuild: run every stage, also those whose results are there.
        observer: told of progress and warnings.

    Raises:
        SpecError: the spec, its model or its data is wrong.
        DeviceError: the target is missing, and so is every fallback.
        StageError: a stage failed.
        GateError: a gate was not met.

    """
    observer = observer or Observer()
    store = Store()
    try:
        _, prepared, diagnostics = prepare(Path(spec), store, device=device, announce=observer.announce)
    except OSError as error:
        raise StageError(disk_fault(error)) from None
    if prepared is None:
        raise SpecError(diagnostics)
    for fault in diagnostics:
        if fault.severity is Severity.WARNING:
            observer.warn(fault.message)
    return apply_prepared(prepared, Path(output), store, observer=observer, rebuild=rebuild)


def apply_prepared(
    prepared: Prepared, output: Path, store: Store, *, observer: Observer, rebuild: bool = False
) -> Applied:
    """Execute a plan into a bundle; see `apply`."""
    plan = prepared.plan
    if prepared.beyond:
        raise SpecError(replace(fault, severity=Severity.ERROR) for fault in prepared.beyond)
    observer.announce("looking for devices")
    wanted, present = [d.device for d in plan.deployments], device_identities()
    device = choose_device(wanted, present)
    identity = present[device]
    if device != wanted[0]:
        observer.warn(
            f"there is no {wanted[0]} on this machine: compiling for {device} and measuring there, "
            "the fallback that the spec declares"
        )
    if not rebuild and (found := _unchanged(plan, output, device, identity, observer)):
        return found
    try:
        check_place(output)
        results = run_stages(prepared, store, result_keys(plan, device, identity), observer, rebuild=rebuild)
        evidence = gather_evidence(plan, results, device)
        evidence.tell(observer)
        if failed := failures(evidence.gates):
            raise GateError(failed)
        with staging(output) as scratch:
            manifest = assemble(scratch, plan, results, evidence, device=device, identity=identity)
            digest = publish(output, scratch, manifest)
    except OSError as error:
        raise StageError(disk_fault(error)) from None
    return Applied(output, digest, device, evidence.gates, "")


def _unchanged(plan: Plan, output: Path, device: str, identity: str, observer: Observer) -> Applied | None:
    """Return what stands at `output` if this plan on this device made it."""
    try:
        bundle = open_bundle(output)
    except BundleError:
        return None
    made = bundle.manifest
    if (made.plan, made.device, made.identity) != (plan.digest, device, identity):
        return None
    evidence = Evidence.of_json(json.loads(bundle.path(EVIDENCE).read_bytes()))
    evidence.tell(observer)
    why = (
        f"`{output}` was made from plan {plan.digest[:12]} on this very device, "
        f"and all its {len(made.files)} files are whole"
    )
    return Applied(output, bundle.root.name, device, evidence.gates, why)
