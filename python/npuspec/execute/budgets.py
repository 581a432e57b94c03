"""Hold what the bundle costs against its budgets. What was measured and what is estimated are never one figure."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Literal

from npuspec.execute.gates import GateResult
from npuspec.execute.shipped import shipped
from npuspec.npu import is_split
from npuspec.plan import Plan
from npuspec.plan.model import PlannedGate, margin
from npuspec.plan.passes.stage import TIMED
from npuspec.plan.passes.trace import COMMAND_LINE
from npuspec.spec.models import ESTIMATED
from npuspec.stages import TIMINGS

_MIB = 2**20
_HELPS = {
    "latency-ms": "INT8, a smaller size or another device costs less; or state what can be reached",
    "size-mib": 'INT8 makes it smaller, and so do fewer `buckets`; with cache.kind = "directory" the device\'s own '
    "blobs aren't in the bundle; or state what can be reached",
    "start-ms": 'fewer `buckets` are loaded sooner, and with cache.kind = "none" each start compiles; '
    "or state what can be reached",
    "compile-s": "a smaller size or INT8 may be compiled sooner; or state what can be reached",
    "throughput": "INT8, a smaller size, another batch or other `load.requests` may give more; "
    "or state what can be reached",
}
_HELPS["latency-p95-ms"] = _HELPS["latency-ms"]


@dataclass(frozen=True, slots=True)
class BudgetResult(GateResult):
    """A budget with its figure: NaN, and of no kind, where nothing was measured and nothing estimated.

    `variant` is the gate's own, and `worst` the one whose figure it is; of what all variants cost together there is
    none. What was measured names the device, or the compiler that was timed; a size neither.
    """

    asked: Literal["measured", "estimated"] | None = None
    """What the gate is to be held against, where it says so."""
    figure: Literal["measured", "estimated"] | None = None
    platform: str | None = None
    device: str | None = None
    compiler: str | None = None
    worst: str | None = None
    uncosted: tuple[str, ...] = ()
    """Operations that count as nothing in what was estimated."""
    unknown: str = ""
    """Why there is no figure."""

    @property
    def subject(self) -> str:
        """What was measured or estimated, how, and of which variant."""
        npu = f" for NPU {self.platform}" if self.platform else ""
        by = {
            ("measured", True, False): f", measured on {self.device}",
            ("measured", False, True): f", measured of {self.compiler}",
            ("estimated", False, True): f", estimated by {self.compiler}",
        }.get((str(self.figure), self.device is not None, self.compiler is not None), "")
        where = f" in variant {self.variant}" if self.variant else ""
        where = f" in its worst variant, {self.worst}" if self.worst and not self.variant else where
        left_out = f", {', '.join(self.uncosted)} counted as nothing" if self.uncosted else ""
        return f"{self.metric}{npu}{by}{where}{left_out}"

    @property
    def missing(self) -> str:
        """Why there is no figure; "" where there is one."""
        return self.unknown

    @property
    def timed_by(self) -> str | None:
        """The stage whose clock gave the figure; None where no other run would give another."""
        if self.figure != "measured":
            return None
        if self.metric == "compile-s":
            return f"compile[{self.platform or self.device}, {self.worst}]"
        return f"budget[{self.device}]" if self.metric in TIMED else None

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> "BudgetResult":
        """Read back what `as_json` returned."""
        return cls(**{**data, "uncosted": tuple(data["uncosted"])})

    def advice(self) -> str:
        """Return what to do where it fails."""
        if self.unknown:
            return "apply where that NPU is, or gate another: a gate that isn't held passes nothing"
        again = "the next `apply` measures it again, on a machine that should have nothing else to do; "
        return (again if self.timed_by else "") + _HELPS[self.metric]


@dataclass(frozen=True, slots=True)
class _Found:
    """Figures by variant, or one of all together by None, and how they were got."""

    values: Mapping[str | None, float]
    told: Mapping[str, Any]


def hold_budgets(
    plan: Plan, results: Mapping[str, Path], device: str, estimates: Iterable[Mapping[str, Any]]
) -> dict[PlannedGate, GateResult]:
    """Return the result of every gate on what the bundle costs.

    Args:
        plan: the plan.
        results: the stages' folders.
        device: what the bundle was made on.
        estimates: what is expected of each blob.

    """
    rows = {(row["platform"], row["variant"]): row for row in estimates if row["ships"]}
    costs = _Costs(plan, results, device, rows)
    return {gate: _held(gate, costs.find(gate)) for gate in plan.gates if gate.is_budget}


def budget_doubts(plan: Plan, gates: Iterable[GateResult]) -> Iterator[str]:
    """Yield what budgets leave open: estimates that leave operations out, and figures of another device."""
    overridden = any(s.path == "target.device" and s.origin == COMMAND_LINE for s in plan.settings)
    for gate in gates:
        if not isinstance(gate, BudgetResult):
            continue
        if gate.uncosted:
            yield (
                f"`{gate.metric}` for NPU {gate.platform} is estimated with {', '.join(gate.uncosted)} counted as "
                "nothing: the NPU takes longer"
            )
        if gate.platform is None and gate.device is not None:
            if gate.device != plan.deployments[0].device:
                yield f"`{gate.metric}` was measured on {gate.device}, the fallback: it says nothing of the target"
            elif overridden:
                yield f"`{gate.metric}` was measured on {gate.device}, as the command line says, and not on the target"


def _held(gate: PlannedGate, found: _Found) -> BudgetResult:
    best_last: Callable[..., Any] = min if gate.metric == "throughput" else max
    figures = found.values if gate.variant is None else {v: f for v, f in found.values.items() if v == gate.variant}
    worst = best_last(figures, key=lambda variant: figures[variant], default=None)
    value = figures[worst] if figures else nan
    inside = margin(gate, value, None)
    return BudgetResult(
        metric=gate.metric,
        output="",
        of=None,
        against=None,
        min=gate.min,
        max=gate.max,
        value=value,
        margin=inside,
        passed=inside >= 0,
        variant=gate.variant,
        asked=gate.figure,  # type: ignore[arg-type]
        platform=gate.platform,
        worst=worst,
        **found.told,
    )


class _Costs:
    """What is known of a bundle's costs."""

    def __init__(
        self, plan: Plan, results: Mapping[str, Path], device: str, rows: Mapping[tuple[str, str], Mapping[str, Any]]
    ) -> None:
        self._plan, self._device, self._rows = plan, device, rows
        self._results = results
        self._measured: Mapping[str, Any] = self._timings(f"budget[{device}]") or {}

    def find(self, gate: PlannedGate) -> _Found:
        """Return the figures for a gate."""
        if gate.metric == "size-mib":
            return self._size(gate)
        if gate.metric == "compile-s":
            return self._compiled(gate)
        is_here = gate.platform is None or gate.platform == self._measured.get("platform")
        if gate.figure != "estimated" and is_here:
            return self._timed(gate.metric)
        if gate.figure != "measured" and gate.metric in ESTIMATED:
            return self._estimated(gate)
        here = self._measured.get("platform")
        where = f"NPU {here}" if here else self._device
        return _Found({}, {"unknown": f"this was made on {where}, and no compiler's word is asked for or could be had"})

    def _timings(self, stage: str) -> Any:
        if stage not in self._results:
            return None
        return json.loads((self._results[stage] / TIMINGS).read_bytes())

    def _size(self, gate: PlannedGate) -> _Found:
        sizes = [
            part.source.stat().st_size
            for part in shipped(self._plan, self._results, self._device)
            if gate.platform in (None, part.platform) and gate.variant in (None, part.variant)
        ]
        return _Found({gate.variant: sum(sizes) / _MIB}, {"figure": "measured"})

    def _compiled(self, gate: PlannedGate) -> _Found:
        made_for = gate.platform or self._device
        names = [variant.name for variant in self._plan.program.variants]
        seconds: dict[str | None, float] = {
            name: self._timings(f"compile[{made_for}, {name}]")["compile_seconds"] for name in names
        }
        by = {"device": self._device} if gate.platform is None else {"compiler": self._compiler(gate.platform)}
        return _Found(seconds, {"figure": "measured", **by})

    def _timed(self, metric: str) -> _Found:
        told = {"figure": "measured", "device": self._device}
        if metric == "start-ms":
            return _Found({None: self._measured[metric]}, told)
        return _Found({name: row[metric] for name, row in self._measured["variants"].items()}, told)

    def _estimated(self, gate: PlannedGate) -> _Found:
        rows = {
            variant: row
            for (platform, variant), row in self._rows.items()
            if platform == gate.platform and gate.variant in (None, variant)
        }
        compiler = self._compiler(str(gate.platform))
        if any(row["latency_us"] is None for row in rows.values()):
            return _Found({}, {"unknown": f"{compiler} doesn't say what it expects"})
        left_out = tuple(sorted({name for row in rows.values() for name in row["uncosted_operations"]}))
        told = {"figure": "estimated", "compiler": compiler, "uncosted": left_out}
        latencies: dict[str | None, float] = {variant: self._batch_us(row) / 1e3 for variant, row in rows.items()}
        if gate.metric == "latency-ms":
            return _Found(latencies, told)
        batch = self._plan.program.batch
        return _Found({variant: batch / ms * 1e3 for variant, ms in latencies.items()}, told)

    def _batch_us(self, row: Mapping[str, Any]) -> float:
        """Return what a whole batch takes: what the plugin splits is estimated as one of its samples."""
        return float(row["latency_us"]) * (row["batch"] if is_split(row["batch_mode"], self._plan.batch_mode) else 1)

    def _compiler(self, platform: str) -> str:
        return next(str(row["compiler"]) for (npu, _), row in self._rows.items() if npu == platform)
