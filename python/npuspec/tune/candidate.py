"""Lower a candidate, measure it, and let its compiler estimate it: by the stages that `apply` runs, kept as theirs are."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from npuspec.compilers import Compiler
from npuspec.diagnostics import Diagnostic, NpuspecError, SpecError, StageError
from npuspec.execute.evidence import Evidence, gather_evidence
from npuspec.execute.lock import LockKeeper
from npuspec.execute.observer import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import Plan, Prepared
from npuspec.plan.prepare import prepare_document
from npuspec.spec import parse
from npuspec.stages import ESTIMATE, TIMINGS
from npuspec.store import Store
from npuspec.tune.edit import put

_UNKNOWN = ("no-compiler", "compile-timeout", "disk-full", "disk-fault", "own-code")
"""What says nothing of a candidate, and would be said of each."""


@dataclass(slots=True)
class Row:
    """A candidate, and what is known of it. Times are in microseconds; None is what isn't known."""

    number: int
    name: str
    point: dict[str, Any] | None
    """None where it is the spec as it is written."""
    batch: int = 1
    latency_us: float | None = None
    """Of a request: a whole batch."""
    sample_us: float | None = None
    """Of a sample: a request's latency over the batch."""
    size: int | None = None
    """Bytes of the compiled models that the latency is of."""
    compile_s: float | None = None
    cpu_us: float | None = None
    """The latency of a request that was measured on this CPU."""
    agreement: float | None = None
    """The least share of frames in which what ships agrees with the original, of all outputs."""
    gates: list[str] = field(default_factory=list)
    """In words, with their figures."""
    uncosted: list[str] = field(default_factory=list)
    """Operations that the estimate counts as nothing."""
    evidence: str = ""
    """How the latency is known."""
    lost: str = ""
    """Why it isn't taken."""
    failed: bool = False
    """Whether it can't be made, or doesn't hold its gates."""

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Bench:
    """What candidates are tried on.

    Attributes:
        folder: the spec's, with its name and its lock.
        device: what is measured on.
        identity: what exactly that is.
        platform: the NPU whose compiler's estimate counts; None where what is measured does.
        compiler: that compiler.

    """

    name: str
    folder: Path
    lock: Path
    store: Store
    observer: Observer
    device: str
    identity: str
    platform: str | None
    compiler: Compiler | None
    allow_code: bool = False
    compiled: set[str] = field(default_factory=set)
    """The digests of what the compiler was given."""

    def prepare(self, text: str) -> Prepared:
        """Lower a text.

        Raises:
            SpecError: it can't be lowered, or not without a trap, or has code of its own that isn't allowed.

        """
        if self.platform is not None:
            text = put(text, {("target", "platforms"): [self.platform]})
        document, faults = parse(text, name=self.name, folder=self.folder)
        if faults:
            raise SpecError(faults)
        prepared, faults = prepare_document(document, self.store, device=self.device, allow_code=self.allow_code)
        if prepared is None:
            raise SpecError([fault for fault in faults if fault.severity == "error"])
        if prepared.own and not self.allow_code:
            raise SpecError(prepared.own)
        if prepared.traps:
            raise SpecError(prepared.traps)
        return prepared

    def measure(self, row: Row, text: str) -> None:
        """Fill in what can be known of a text; a candidate that can't be made is a row like others.

        Raises:
            NpuspecError: what is no candidate's fault.

        """
        try:
            prepared = self.prepare(text)
            row.batch = prepared.plan.program.batch
            self._verify(row, prepared)
            if self.platform is not None and not row.failed:
                self._estimate(row, prepared)
        except NpuspecError as error:
            if error.code in _UNKNOWN:
                raise
            row.failed, row.lost = True, _why(error.diagnostics)

    def estimate(self, row: Row, text: str) -> None:
        """Fill in only what the compiler expects; see `measure`."""
        try:
            self._estimate(row, self.prepare(text))
        except NpuspecError as error:
            if error.code in _UNKNOWN:
                raise
            row.failed, row.lost = True, _why(error.diagnostics)

    def _verify(self, row: Row, prepared: Prepared) -> None:
        """Hold the gates, and take the latency where that is measured."""
        plan = prepared.plan
        name = f"verify[{self.device}]"
        if not any(stage.name == name for stage in plan.stages):
            row.evidence = "nothing is measured: the spec has no samples"
            return
        results = self._run(prepared, [name])
        evidence = gather_evidence(plan, results, self.device, prepared.allowed)
        if fallen := [trap for trap in evidence.traps if trap.code not in prepared.allowed]:
            raise StageError(fallen)
        row.agreement = _agreement(evidence, plan)
        row.gates = [gate.sentence() for gate in evidence.gates]
        if failed := [gate.sentence() for gate in evidence.gates if not gate.passed]:
            row.failed, row.lost = True, f"gate not met: {failed[0]}"
        timed = json.loads((results[name] / TIMINGS).read_bytes())["latency"]
        ships = "quantized_ms" if plan.recipe.mode != "none" else "static_ms"
        latency = sum(share * timed[variant][ships] * 1e3 for variant, share in shares(plan).items())
        if self.device == "CPU":
            row.cpu_us = latency
        if self.platform is None:
            row.latency_us, row.sample_us = latency, latency / row.batch
            row.evidence = f"measured on {self.device}, {_of(plan)}"
            row.size = sum(_bytes(results[made]) for made in plan_inputs(plan, name) if made.startswith("shape"))

    def _estimate(self, row: Row, prepared: Prepared) -> None:
        plan = prepared.plan
        weights = shares(plan)
        names = [f"compile[{self.platform}, {variant}]" for variant in weights]
        self.compiled |= {stage.digest for stage in plan.stages if stage.name in names}
        results = self._run(prepared, names)
        told = [json.loads((results[name] / ESTIMATE).read_bytes()) for name in names]
        row.size = sum(estimate["blob_bytes"] for estimate in told)
        row.compile_s = sum(json.loads((results[n] / TIMINGS).read_bytes())["compile_seconds"] for n in names)
        row.uncosted = sorted({kernel(name) for estimate in told for name in estimate["uncosted_operations"]})
        row.evidence = f"estimated for NPU {self.platform}, {_of(plan)}"
        if any(estimate["latency_us"] is None for estimate in told):
            row.failed, row.lost = True, "its compiler estimates nothing"
            return
        row.latency_us = sum(
            share * estimate["latency_us"] * (row.batch if estimate["batch_mode"] == "PLUGIN" else 1)
            for share, estimate in zip(weights.values(), told, strict=True)
        )
        row.sample_us = row.latency_us / row.batch

    def _run(self, prepared: Prepared, names: Iterable[str]) -> dict[str, Path]:
        """Run stages, and all that they read; return where their results are."""
        plan = prepared.plan
        needed = {*names}
        for stage in reversed(plan.stages):
            needed |= {*stage.inputs} if stage.name in needed else set()
        stages = tuple(stage for stage in plan.stages if stage.name in needed)
        runner = StageRunner(
            replace(prepared, plan=structs.replace(plan, stages=stages)),
            self.store,
            _Quiet(self.observer),
            device=self.device,
            identity=self.identity,
            chosen=LockKeeper(self.lock, None).chosen(plan),
            compiler=self.compiler,
        )
        runner.run()
        return runner.results


class _Quiet(Observer):
    """Shows which stage runs, and leaves no line of it."""

    def __init__(self, observer: Observer) -> None:
        self.started, self.progressed = observer.started, observer.progressed  # type: ignore[method-assign]


def shares(plan: Plan) -> dict[str, float]:
    """Return the variants that a latency is the mean of, with their weights: by real lengths, or else the largest."""
    variants = [variant.name for variant in plan.program.variants]
    if len(plan.waste) == 1 and len(plan.waste[0].samples) == len(variants) and sum(plan.waste[0].samples):
        samples = plan.waste[0].samples
        return {name: count / sum(samples) for name, count in zip(variants, samples, strict=True) if count}
    return {variants[-1]: 1.0}


def plan_inputs(plan: Plan, name: str) -> Iterator[str]:
    """Yield the stages whose results ship, of those that verifying reads."""
    for variant in plan.program.variants:
        names = (f"shape[quantized, {variant.name}]", f"shape[{variant.name}]")
        stage = next(stage for stage in plan.stages if stage.name == name)
        yield next(found for found in names if found in stage.inputs)


def kernel(name: str) -> str:
    """Return an operation's name without the part of it that the compiler made one of."""
    return name.partition(".")[0]


def _of(plan: Plan) -> str:
    weights = shares(plan)
    if len(plan.program.variants) == 1:
        return "its only size"
    return f"mean over {plan.waste[0].lengths} real lengths" if plan.waste and len(weights) > 1 else f"{[*weights][-1]}"


def _agreement(evidence: Evidence, plan: Plan) -> float | None:
    pairs = evidence.agreement["pairs"] if evidence.agreement is not None else ()
    ships = "quantized" if plan.recipe.mode != "none" else "static"
    return min(
        (row["frame-agreement"] for row in pairs if (row["of"], row["against"]) == (ships, "original")), default=None
    )


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("model.*"))


def _why(faults: Iterable[Diagnostic]) -> str:
    first, *_ = faults
    return f"{first.message.splitlines()[0]} [{first.code}]"


def uncosted_more(row: Row, plain: Mapping[str, Any] | Row) -> list[str]:
    """Return what a row's estimate counts as nothing, and the plain one's counts."""
    known = plain.uncosted if isinstance(plain, Row) else plain["uncosted"]
    return sorted({*row.uncosted} - {*known})
