"""Read what is known of a bundle: from its own files, and by running and compiling it where that is asked for."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_type_hints

import msgspec

from npuspec.bundle import Bundle, open_bundle
from npuspec.bundle.manifest import PLAN
from npuspec.bundle.reader import DIGEST, POINTER, VERSIONS, open_version
from npuspec.child import ChildError, Progress, run_task
from npuspec.compilers import Compiler
from npuspec.diagnostics import BundleError, Diagnostic, InputError, StageError
from npuspec.execute.budgets import BudgetResult
from npuspec.execute.evidence import NAME as EVIDENCE
from npuspec.execute.evidence import Evidence
from npuspec.execute.gates import GateResult
from npuspec.npu import ahead_of_time
from npuspec.plan import Plan
from npuspec.plan.diff import diff_plans
from npuspec.report.choices import choice_of_tuned, choices_of
from npuspec.report.facts import cache_facts, device_facts, head_facts, quantization_facts, stages_of
from npuspec.report.fused import fusion_of
from npuspec.report.measured import agreements_of, latencies_of, samples_of, served_of
from npuspec.report.model import Difference, Layer, Layers, Missing, Report, Timeline
from npuspec.report.timeline import compile_timeline
from npuspec.stages import TIMINGS
from npuspec.tune.model import Report as Tuned

_MOST = 2**24  # bytes of a plan or of evidence, so that a page stays one that can be opened
_NOT_RUN = Missing("the model was not run for this report")
_READ = ("agreements", "choices", "device", "doubts", "kept", "latencies", "quantized", "samples", "served", "stages")
"""What of a report is made of what was read, which may be a stranger's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is to have beside what the bundle holds.

    Attributes:
        tell: says a plan in words.
        against: the plan to compare with, and what it is called; None for that of the version before.
        run: whether the model is run, to see how long its operations take.
        platform: the NPU for which a schedule is made; None for none.
        compiler: what makes it; there where a platform is.
        tuned: what `npuspec tune` found of the spec.

    """

    tell: Callable[[Plan, str], str]
    against: tuple[str, Plan] | None = None
    run: bool = False
    platform: str | None = None
    compiler: Compiler | None = None
    tuned: Tuned | None = None


def bundles_in(path: Path) -> list[Path]:
    """Return the bundle at a path, or all that lie in the folder there.

    Raises:
        BundleError: `no-bundle`.

    """
    if (path / POINTER).exists() or not path.is_dir():
        return [path]
    if found := sorted(entry for entry in path.iterdir() if (entry / POINTER).is_file()):
        return found
    help_ = "name a bundle, or a folder in which there are some"
    raise BundleError(Diagnostic("no-bundle", f"there is no bundle in `{path}`", help_))


def gather_all(
    paths: Sequence[Path], asked: Asked, announce: Callable[[str], None], progress: Progress
) -> tuple[list[Report], dict[str, BundleError]]:
    """Return what is known of several bundles, and by its name what is wrong with each of which no report can be made.

    Raises:
        BundleError: no report can be made of any.
        InputError: what was tuned is of another model.

    """
    found: list[Report] = []
    broken: dict[str, BundleError] = {}
    for path in paths:
        try:
            found.append(gather(path, asked, announce, progress))
        except BundleError as error:
            broken[path.absolute().name] = error
    if not found:
        raise next(iter(broken.values()))
    return found, broken


def gather(path: Path, asked: Asked, announce: Callable[[str], None], progress: Progress) -> Report:
    """Return all that is known of the bundle at `path`.

    Raises:
        BundleError: there is no bundle, or it is broken, or its plan or evidence isn't one that this version reads.
        InputError: what was tuned is of another model.

    """
    bundle, name = open_bundle(path), path.absolute().name
    plan = _plan(bundle)
    if asked.tuned is not None and asked.tuned.model != plan.model.digest:
        message = f"what was tuned is a spec of another model than that of the bundle `{path}`"
        raise InputError(Diagnostic("wrong-argument", message, "tune the spec that the bundle was made of"))
    try:
        evidence = Evidence.of_json(json.loads(_content(bundle, EVIDENCE)))
        timings = json.loads(_content(bundle, f"evidence/{TIMINGS}"))
        report = Report(
            name=name,
            version=bundle.root.name,
            made_for=bundle.manifest.device,
            variants=tuple(variant.name for variant in plan.program.variants),
            batch=plan.program.batch,
            facts=tuple(head_facts(bundle.manifest, plan)),
            doubts=evidence.doubts,
            settings=tuple(setting for setting in plan.settings if setting.origin != "default"),
            words=asked.tell(plan, name),
            stages=tuple(stages_of(plan, bundle.manifest.device, timings["stages"])),
            quantized=tuple(quantization_facts(evidence.quantization)),
            kept=(*(evidence.quantization or {}).get("kept", ()), *(evidence.kept or ())),
            difference=_difference(bundle, path, plan, asked),
            gates=tuple(map(_gate, evidence.gates)),
            agreements=tuple(agreements_of(plan, evidence)),
            samples=tuple(samples_of(evidence)),
            latencies=tuple(latencies_of(plan, evidence, timings["stages"])),
            served=tuple(served_of(plan, timings["stages"])),
            choices=(
                *choices_of(evidence, timings["stages"]),
                *([] if asked.tuned is None else choice_of_tuned(asked.tuned)),
            ),
            layers=_NOT_RUN,
            timeline=Missing("no schedule was asked for: npuspec report --platform 4000"),
            fusion=(_NOT_RUN,),
            device=tuple(device_facts(bundle.manifest, plan, evidence)),
            cache=tuple(cache_facts(bundle.manifest)),
            files=tuple(
                sorted(((n, file.size) for n, file in bundle.manifest.files.items()), key=lambda f: (-f[1], f[0]))
            ),
        )
        report = _sound(report)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise _other_format(path, f"its evidence can't be read: {error!r}") from None
    if asked.run:
        announce(f"timing the operations of {name}")
        report = replace(report, layers=_layers(bundle, progress), fusion=(fusion_of(bundle, progress),))
    if asked.platform is not None and asked.compiler is not None:
        announce(f"compiling {name} for NPU {asked.platform}")
        fused = fusion_of(bundle, progress, asked.platform, asked.compiler)
        timeline = _timeline(bundle, asked.platform, asked.compiler)
        report = replace(report, timeline=timeline, fusion=(*report.fusion, fused))
    return report


def _content(bundle: Bundle, name: str) -> bytes:
    place = bundle.path(name)
    if bundle.manifest.files[name].size > _MOST:
        raise _other_format(bundle.root, f"`{name}` has more than {_MOST // 2**20} MiB")
    return place.read_bytes()


def _plan(bundle: Bundle) -> Plan:
    try:
        return msgspec.json.decode(_content(bundle, PLAN), type=Plan)
    except (ValueError, RecursionError) as error:
        raise _other_format(bundle.root, f"its plan isn't of the format that this version reads: {error}") from None


def _other_format(path: Path, why: str) -> BundleError:
    place = path.parent.parent if path.parent.name == VERSIONS else path
    help_ = "make the bundle again with this version of npuspec"
    return BundleError(Diagnostic("bundle-format", f"of the bundle `{place}` no report can be made: {why}", help_))


def _gate(gate: GateResult) -> GateResult:
    """Return a gate whose figures are some, and whose compiler, a name with digests in it, is told with its blobs."""
    found = msgspec.convert(gate.as_json(), type(gate))
    is_long = isinstance(found, BudgetResult) and found.compiler is not None
    return replace(found, compiler="the compiler") if is_long else found  # type: ignore[call-arg]


def _sound(report: Report) -> Report:
    """Return a report whose texts are texts and whose numbers are numbers."""
    kinds = get_type_hints(Report)
    read = {name: msgspec.convert(msgspec.to_builtins(getattr(report, name)), kinds[name]) for name in _READ}
    return replace(report, **read)


def _difference(bundle: Bundle, path: Path, plan: Plan, asked: Asked) -> Difference | Missing:
    if asked.against is not None:
        base, before = asked.against
        return Difference(base, diff_plans(before, plan))
    for version in sorted((path / VERSIONS).iterdir()):
        if version.name != bundle.root.name and DIGEST.fullmatch(version.name):
            try:
                before = _plan(open_version(version, hashed=False))
            except (BundleError, FileNotFoundError) as error:
                return Missing(f"version {version.name[:12]}, the one before, can't be read: {error}")
            return Difference(f"version {version.name[:12]}, the one before", diff_plans(before, plan))
    return Missing("there is no version before this one; name what to compare with: npuspec report --against BUNDLE")


def _layers(bundle: Bundle, progress: Progress) -> Layers | Missing:
    """Run the largest variant in a child; whatever goes wrong there leaves the rest of a report as it is."""
    try:
        rows = run_task("npuspec.report.profile:run", {"version": str(bundle.root.absolute())}, progress)
    except ChildError as error:
        return Missing(error.diagnostics[0].message)
    whole = sum(row["ms"] for row in rows)
    layers = (Layer(**row, share=row["ms"] / whole if whole else 0.0) for row in rows)
    return Layers(
        variant=bundle.manifest.program.variants[-1].name,
        ms=whole,
        layers=tuple(sorted(layers, key=lambda layer: (-layer.ms, layer.name))),
    )


def _timeline(bundle: Bundle, platform: str, compiler: Compiler) -> Timeline | Missing:
    """Have the largest variant compiled."""
    largest = bundle.manifest.program.variants[-1].name
    properties = next((ahead_of_time(d.properties) for d in bundle.manifest.deployments if d.device == "NPU"), {})
    try:
        return compile_timeline(compiler, bundle.path(bundle.manifest.models[largest]), platform, properties, largest)
    except StageError as error:
        return Missing(error.diagnostics[0].message)
