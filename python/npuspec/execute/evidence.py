"""What was measured, held against the gates, and what the measurements leave open."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from npuspec.diagnostics import Diagnostic
from npuspec.execute.budgets import BudgetResult, budget_doubts, hold_budgets
from npuspec.execute.gates import GateResult, hold_gates
from npuspec.execute.observer import Observer
from npuspec.plan import Plan
from npuspec.stages import COMPARED, COMPILATION, CURVE, ESTIMATE, GAIN, HARM, MIXED, QUANTIZATION, TIMINGS

NAME = "evidence/evidence.json"
_SLOWER = 1.05  # less is no difference that another run would show again


@dataclass(frozen=True, slots=True)
class Evidence:
    """The content of evidence.json: the same for the same plan on the same device, since nothing in it is a time.

    `doubts` say what was calibrated on too little or measured on nothing, and why outputs differ: a gate that passed
    would hide it.
    """

    gates: tuple[GateResult, ...]
    doubts: tuple[str, ...]
    quantization: dict[str, Any] | None
    """What was calibrated with, quantized, kept and compared; None if nothing is quantized."""
    agreement: dict[str, Any] | None
    estimates: tuple[dict[str, Any], ...] = ()
    """What the compiler of each blob for an NPU expects of it; nothing of it is measured."""
    executed: dict[str, list[str]] = field(default_factory=dict)
    """By variant, the devices that OpenVINO ran it on: just the one that was asked for, or making it failed."""

    @property
    def kept(self) -> tuple[str, ...] | None:
        """What a mix keeps in floating point; None where there is none."""
        mixed = (self.quantization or {}).get("mixed")
        return None if mixed is None else tuple(mixed["keep"])

    def tell(self, observer: Observer) -> None:
        """Say every doubt, every gate, and what padding costs."""
        for doubt in self.doubts:
            observer.warn(doubt)
        for gate in self.gates:
            observer.measured(gate)
        if self.estimates:
            observer.estimated(self.estimates)
        for sentence in (*self._folded(), *self._padding()):
            observer.note(sentence)

    @property
    def traps(self) -> list[Diagnostic]:
        """What the stages found to ruin the model without an error; of ranges, those that a mix has left so."""
        told = self.quantization or {}
        mixed = told.get("mixed")
        found = [t for t in told.get("traps", ()) if mixed is None or t["code"] != "ruined-range"]
        faults = []
        for trap in (*found, *(mixed or {}).get("traps", ())):
            match trap:
                case {"code": code, "message": message, "help": help_}:
                    faults.append(Diagnostic(code, message, f"{help_}; or allow it with a reason: [[allow]]"))
        return faults

    @property
    def retimed(self) -> tuple[str, ...]:
        """The stages whose clock gave figures that failed: another time, they may give others."""
        failed = (gate for gate in self.gates if isinstance(gate, BudgetResult) and not gate.passed)
        return tuple(sorted({gate.timed_by for gate in failed if gate.timed_by is not None}))

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What was found of the outputs where they differ."""
        return [] if self.agreement is None else self.agreement["findings"]

    def _folded(self) -> Iterator[str]:
        """Yield what was to stay floating point and was folded away before it could be quantized."""
        for name in (self.quantization or {}).get("folded_away", ()):
            yield f"`{name}` is to stay floating point, and is no operation any more since the sizes are fixed"

    def _padding(self) -> Iterator[str]:
        """Yield, for each variant that agrees otherwise than samples do in their own, both figures."""
        for row in self.agreement["pairs"] if self.agreement is not None else ():
            padded, natural = row.get("padded", {}), row.get("natural", {})
            gated = {g.metric for g in self.gates if (g.of, g.against, g.output) == _pair(row)}
            for metric in sorted(gated) or ["frame-agreement"]:
                for name in padded:
                    all_there, each = padded[name][metric], natural[name][metric]
                    if f"{all_there:.3g}" != f"{each:.3g}":
                        yield (
                            f"{row['output']}: all padded to {name}, {metric} of static against original is "
                            f"{all_there:.3g}; each in its own variant, {each:.3g}"
                        )

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "gates": [gate.as_json() for gate in self.gates],
            "doubts": list(self.doubts),
            "quantization": self.quantization,
            "agreement": self.agreement,
            "estimates": list(self.estimates),
            "executed": self.executed,
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> "Evidence":
        """Read back what `as_json` returned."""
        gates = tuple(_gate_of(gate) for gate in data["gates"])
        estimates = tuple(data.get("estimates", ()))
        executed = data.get("executed", {})
        return cls(gates, tuple(data["doubts"]), data["quantization"], data["agreement"], estimates, executed)


def _gate_of(data: Mapping[str, Any]) -> GateResult:
    return BudgetResult.of_json(data) if "uncosted" in data else GateResult(**data)


def gather_evidence(plan: Plan, results: Mapping[str, Path], device: str, allowed: Collection[str] = ()) -> Evidence:
    """Read the stages' reports and hold the gates; what is `allowed` of traps, by its code, is a doubt."""
    quantization = _quantization(plan, results)
    agreement = _read(results, f"verify[{device}]", "agreement.json")
    estimates = gather_estimates(plan, results)
    budgets = hold_budgets(plan, results, device, estimates)
    if agreement is None:
        gates = tuple(budgets[gate] for gate in plan.gates if gate.is_budget)
    else:
        gates = hold_gates(plan, agreement, budgets)
    doubts = (
        *_doubts(plan, quantization, agreement),
        *_other_batching(plan, estimates),
        *budget_doubts(plan, gates),
    )
    executed = {
        variant.name: made["executed"]
        for variant in plan.program.variants
        if (made := _read(results, f"compile[{device}, {variant.name}]", COMPILATION)) is not None
    }
    evidence = Evidence(gates, doubts, quantization, agreement, estimates, executed)
    meant = (trap.message for trap in evidence.traps if trap.code in allowed)
    return replace(evidence, doubts=(*meant, *evidence.doubts))


def gather_estimates(plan: Plan, results: Mapping[str, Path]) -> tuple[dict[str, Any], ...]:
    """Return what is expected of each blob: its platform, variant and precision, and the figures of estimate.json."""
    ships = plan.recipe.mode if any(stage.verb == "quantize" for stage in plan.stages) else "original"
    rows = []
    for variant in plan.program.variants:
        for platform in plan.platforms:
            precisions = {f"{precision}, ": precision for precision in ("original", "int8")} | {"": ships}
            for prefix, precision in precisions.items():
                if (found := _read(results, f"compile[{platform}, {prefix}{variant.name}]", ESTIMATE)) is not None:
                    rows.append({"variant": variant.name, "precision": precision, "ships": not prefix, **found})
    return tuple(rows)


def gather_timings(results: Mapping[str, Path], identity: str) -> dict[str, Any]:
    """Return all measured times, and what exactly they were measured on."""
    times = {name: _read(results, name, TIMINGS) for name in results}
    return {"identity": identity, "stages": {name: found for name, found in times.items() if found is not None}}


def gather_harm(results: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return how much each quantized block harms the outputs, the most harmful first; nothing where it isn't known."""
    return _read(results, "rank", HARM) or []


def tell_precisions(evidence: Evidence, timings: Mapping[str, Any], observer: Observer) -> None:
    """Show the precisions side by side, and say where what ships is no smaller, or slower on the CPU here."""
    if evidence.quantization is None:
        return
    made = timings["stages"].get("control", timings["stages"]["quantize"])
    observer.note(f"quantizing took {made['peak_mib']} MiB of memory at most")
    if mixed := evidence.quantization["mixed"]:
        observer.note(_guided(mixed))
    for point in (mixed or {}).get("curve", ()):
        observer.note(_point(point))
    if evidence.quantization["compared"] is None:
        return
    ratios = timings["stages"]["compare"]["latency"]
    rows = [{**row, "latency": ratios[row["precision"]]} for row in evidence.quantization["compared"]]
    observer.compared(rows)
    original, fp16, *_, ships = rows
    for other in (original, fp16):
        smaller, ratio = ships["bytes"] / other["bytes"], ships["latency"] / other["latency"]
        names = f"{ships['precision']} is {{}} than {other['precision']}"
        if smaller >= 1:
            observer.warn(f"{names.format('no smaller')}: {smaller:.2f} times its size")
        if ratio >= _SLOWER:
            observer.warn(f"{names.format('slower')} on this CPU: {ratio:.2f} times its latency")


def _guided(mixed: Mapping[str, Any]) -> str:
    """Say what a mix was chosen by."""
    gain = mixed.get("gain")
    if gain is None:
        return "mixed by harm alone: [target] names no platforms, whose compiler would tell what is faster in INT8"
    if not gain["tried"]:
        return f"mixed as the lock says, or by harm alone: no estimate for NPU {gain['platform']} tells what gains"
    first, *_, last = gain["tried"]
    best = min(row["latency_us"] for row in gain["tried"] if row["uncosted_operations"] == first["uncosted_operations"])
    return (
        f"of the mixes of {last['quantized']} blocks that were tried for NPU {gain['platform']}, whatever the gates, "
        f"the fastest is estimated {best:.0f} us; FP16 {first['latency_us']:.0f} us, INT8 {last['latency_us']:.0f} us"
    )


def _point(point: Mapping[str, Any]) -> str:
    """Say how a mix that was tried came out on the samples that calibrate."""
    figures = "; ".join(f"{name}: {figure:.4g}" for name, figure in point["figures"].items())
    expected = _expected(point["estimated"]) if "estimated" in point else ""
    return f"tried with {point['share']:.0%} of the operations in INT8: {figures}{expected}"


def _expected(estimated: Mapping[str, Any]) -> str:
    if estimated["fault"] is not None:
        return f"; not estimated: {estimated['fault']}"
    if estimated["latency_us"] is None:
        return ""
    left_out = ", ".join(estimated["uncosted_operations"])
    return f"; estimated {estimated['latency_us']:.0f} us" + (f", {left_out} counted as nothing" if left_out else "")


def _read(results: Mapping[str, Path], stage: str, name: str) -> Any:
    if stage not in results or not (results[stage] / name).exists():
        return None
    return json.loads((results[stage] / name).read_bytes())


def _quantization(plan: Plan, results: Mapping[str, Path]) -> dict[str, Any] | None:
    stage = "control" if plan.recipe.mode == "accuracy-control" else "quantize"
    if (report := _read(results, stage, QUANTIZATION)) is None:
        return None
    mixed, compared = _read(results, "mix", MIXED), _read(results, "compare", COMPARED)
    for name in (f"curve[{npu}]" for npu in plan.platforms[:1]):
        for point, row in zip(mixed["curve"] if mixed else (), _read(results, name, CURVE) or (), strict=False):
            point["estimated"] = row
    if mixed is not None:  # by harm alone where nothing compiles for a platform
        gain = next((_read(results, f"gain[{npu}]", GAIN) for npu in plan.platforms[:1]), None)
        mixed["gain"] = None if gain is None else {"platform": plan.platforms[0], **gain}
    quantized = {} if mixed is None else {"quantized_operations": mixed["quantized_operations"]}
    return {"mode": plan.recipe.mode, **report, **quantized, "mixed": mixed, "compared": compared}


def _pair(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["of"], row["against"], row["output"]


def _doubts(plan: Plan, quantization: Mapping[str, Any] | None, agreement: Mapping[str, Any] | None) -> list[str]:
    doubts = []
    if quantization is not None and quantization.get("samples", 0) < quantization.get("samples_wanted", 0):
        doubts.append(
            f"the model was calibrated on {quantization['samples']} of the {quantization['samples_wanted']} samples "
            "wanted: the others are longer than the largest size"
        )
    if quantization is not None and quantization.get("quantized_operations") == 0:
        doubts.append("nothing is quantized: all that could be is kept in floating point")
    weights = (quantization or {}).get("weights", {})
    if plan.recipe.weights_mode.startswith("int4") and weights.get("int8"):
        doubts.append(
            f"{weights['int8']} of {sum(weights.values())} weights are INT8, though weights-mode is "
            f'"{plan.recipe.weights_mode}": NNCF makes neither convolutions nor the last matrix product INT4'
        )
    if agreement is None:
        return [*doubts, "nothing was measured of the answers: the spec has no samples beyond those that calibrate"]
    used = agreement["samples_of_variant"]
    unmeasured = [variant.name for variant in plan.program.variants if not used.get(variant.name)]
    doubts += [f"variant {name} was measured on no sample: none has its length" for name in unmeasured]
    return doubts + [f"{finding['message']}; {finding['help']}" for finding in agreement["findings"]]


def _other_batching(plan: Plan, estimates: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what compilers did with a batch beside what was planned."""
    if plan.batch_mode is None:
        return []
    done = {
        "PLUGIN": "the NPU's plugin splits the batch, which was to run as one",
        "COMPILER": "the batch is compiled as one, which the NPU's plugin was to split",
    }
    others = {(row["variant"], row["platform"], row["batch_mode"]) for row in estimates if row["ships"]}
    return [
        f"variant {variant} for NPU {platform}: {done[mode]}"
        for variant, platform, mode in sorted(others, key=str)
        if mode not in (None, plan.batch_mode)
    ]
