"""What was measured, held against the gates, and what the measurements leave open."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npuspec.execute.gates import GateResult, hold_gates
from npuspec.execute.observer import Observer
from npuspec.plan import Plan
from npuspec.stages import TIMINGS

NAME = "evidence/evidence.json"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The content of evidence.json: the same for the same plan on the same device, since nothing in it is a time.

    `doubts` say what was calibrated on too little or measured on nothing, and why outputs differ: a gate that passed
    would hide it.
    """

    gates: tuple[GateResult, ...]
    doubts: tuple[str, ...]
    quantization: dict[str, Any]
    agreement: dict[str, Any] | None

    def tell(self, observer: Observer) -> None:
        """Say every doubt, every gate, and what padding costs."""
        for doubt in self.doubts:
            observer.warn(doubt)
        for gate in self.gates:
            observer.measured(gate)
        for sentence in self._padding():
            observer.note(sentence)

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What was found of the outputs where they differ."""
        return [] if self.agreement is None else self.agreement["findings"]

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
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> "Evidence":
        """Read back what `as_json` returned."""
        gates = tuple(GateResult(**gate) for gate in data["gates"])
        return cls(gates, tuple(data["doubts"]), data["quantization"], data["agreement"])


def gather_evidence(plan: Plan, results: Mapping[str, Path], device: str) -> Evidence:
    """Read the stages' reports and hold the gates."""
    quantization = {v.name: _read(results, f"quantize[{v.name}]", "quantization.json") for v in plan.program.variants}
    quantization = {name: report for name, report in quantization.items() if report is not None}
    agreement = _read(results, f"verify[{device}]", "agreement.json")
    gates = () if agreement is None else hold_gates(plan, agreement)
    return Evidence(gates, tuple(_doubts(plan, quantization, agreement)), quantization, agreement)


def gather_timings(results: Mapping[str, Path], identity: str) -> dict[str, Any]:
    """Return all measured times, and what exactly they were measured on."""
    times = {name: _read(results, name, TIMINGS) for name in results}
    return {"identity": identity, "stages": {name: found for name, found in times.items() if found is not None}}


def _read(results: Mapping[str, Path], stage: str, name: str) -> Any:
    if stage not in results or not (results[stage] / name).exists():
        return None
    return json.loads((results[stage] / name).read_bytes())


def _pair(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["of"], row["against"], row["output"]


def _doubts(plan: Plan, quantization: Mapping[str, Any], agreement: Mapping[str, Any] | None) -> list[str]:
    doubts = [
        f"variant {name} was calibrated on {report['samples']} of the {report['samples_wanted']} samples wanted: "
        "the others are longer than it"
        for name, report in quantization.items()
        if report["samples"] < report["samples_wanted"]
    ]
    if agreement is None:
        return [*doubts, "nothing was measured: the spec has no samples beyond those that calibrate"]
    used = agreement["samples_of_variant"]
    unmeasured = [variant.name for variant in plan.program.variants if not used.get(variant.name)]
    doubts += [f"variant {name} was measured on no sample: none has its length" for name in unmeasured]
    return doubts + [f"{finding['message']}; {finding['help']}" for finding in agreement["findings"]]
