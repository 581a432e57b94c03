"""What `apply` does with the lock: hold it where it is locked, and else write it anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from msgspec import structs

from npuspec.bundle import Manifest
from npuspec.diagnostics import LockError
from npuspec.execute.budgets import BudgetResult
from npuspec.execute.evidence import Evidence
from npuspec.execute.gates import GateResult, failures
from npuspec.plan import Plan
from npuspec.plan.diff import own_code
from npuspec.plan.lock import (
    Lock,
    LockedBundle,
    LockedEstimate,
    LockedGate,
    LockedMix,
    LockedPoint,
    LockedPrecision,
    LockedVariant,
    check_lock_place,
    hold_lock,
    is_overridden,
    locked_settings,
    locked_source,
    read_lock,
    write_lock,
)
from npuspec.plan.passes.trace import CALLER, gate_names

_FIGURES = ("frame-agreement", "cosine", "sqnr", "max-abs-difference")
_DIGITS = 3  # of a figure: those behind them differ from machine to machine


@dataclass(frozen=True, slots=True)
class LockKeeper:
    """Holds the lock, or writes it, as far as there is one to be held or written."""

    path: Path | None
    held: Lock | None

    @classmethod
    def begin(cls, path: Path | None, plan: Plan, *, locked: bool) -> "LockKeeper":
        """Hold what is known before anything is run: digests, versions, settings.

        Without `locked`, what is overridden isn't what the spec says, and leaves the lock as it is.

        Raises:
            LockError: `no-lock`, `lock-unreadable`, or a `lock-drift` for each change.
            SpecError: `output-taken`: what lies at `path` is no lock.

        """
        if not locked:
            if path is None or is_overridden(plan):
                return cls(None, None)
            check_lock_place(path)
            return cls(path, None)
        if path is None:
            raise ValueError("locked, and no lock is named")
        held = read_lock(path)
        if drift := hold_lock(path, held, plan):
            raise LockError(drift)
        return cls(path, held)

    def chosen(self, plan: Plan) -> tuple[str, ...] | None:
        """Return what a mix kept when the lock was written; None if this plan would choose otherwise, or not at all."""
        stage = next((s for s in plan.stages if s.verb == "mix"), None)
        mixed = None if stage is None else self._mixed()
        if stage is None or mixed is None or mixed.stage != stage.digest:
            return None
        return tuple(sorted({*mixed.keep}))

    def hold(self, plan: Plan, evidence: Evidence) -> None:
        """Hold the outcomes of the gates, before anything is published.

        Raises:
            LockError: a `lock-drift` for each gate, and behind them what the gates that failed say themselves.

        """
        if self.path is None or self.held is None:
            return
        if drift := hold_lock(self.path, self.held, plan, locked_gates(plan, evidence)):
            raise LockError([*drift, *failures(evidence.gates, (), evidence.findings)])

    def write(self, plan: Plan, manifest: Manifest, evidence: Evidence, timings: Mapping[str, Any]) -> Path | None:
        """Write what was made, and return the lock if that changed it."""
        if self.path is None or self.held is not None:
            return None
        lock = lock_of(plan, manifest, evidence, timings)
        if (made := lock.mixed) is not None and (before := self._mixed()) is not None:
            keep = before.keep if {*before.keep} == {*made.keep} else made.keep
            mixed = structs.replace(made, keep=keep, curve=made.curve or before.curve)
            lock = structs.replace(lock, mixed=mixed)
        return self.path if write_lock(self.path, lock) else None

    def _mixed(self) -> LockedMix | None:
        """Return what the lock says of a mix; None where there is none.

        Raises:
            LockError: `lock-unreadable`: what a mix keeps is part of what it is made from.

        """
        if self.path is None or not self.path.exists():
            return None
        return (self.held or read_lock(self.path)).mixed


def lock_of(plan: Plan, manifest: Manifest, evidence: Evidence, timings: Mapping[str, Any]) -> Lock:
    """Return the lock for a plan and what was made of it.

    Args:
        plan: the plan.
        manifest: the bundle's, which has the sizes.
        evidence: what was measured.
        timings: the content of the bundle's timings.json.

    """
    samples, quantization = plan.samples, evidence.quantization or {}
    return Lock(
        plan=plan.digest,
        doubts=evidence.doubts,
        model=locked_source(plan.model),
        data=None if samples is None else locked_source(samples.source),
        tokenizer=None if samples is None or samples.tokenizer is None else locked_source(samples.tokenizer),
        code=own_code(plan) or None,
        labels=None if samples is None or samples.labels is None else locked_source(samples.labels.source),
        vocabularies={d.output: locked_source(d.vocabulary) for d in plan.decodes if d.vocabulary is not None} or None,
        toolchain=dict(sorted(plan.toolchain.items())),
        settings=locked_settings(plan, "spec"),
        defaults=locked_settings(plan, "default", CALLER),
        bundle=LockedBundle(
            device=manifest.device,
            quantization=plan.recipe.mode,
            calibrated_on=quantization.get("samples"),
            quantized_operations=quantization.get("quantized_operations"),
        ),
        mixed=_mixed(plan, quantization),
        variants={name: _variant(name, manifest) for name in sorted(manifest.models)},
        gates=locked_gates(plan, evidence),
        agreement=_agreement(evidence),
        precisions={row["precision"]: _precision(row) for row in quantization.get("compared") or ()},
        estimated=_estimated(evidence) or None,
        quantized_over_static=_ratios(timings["stages"].get(f"verify[{manifest.device}]", {})),
    )


def locked_gates(plan: Plan, evidence: Evidence) -> dict[str, LockedGate]:
    """Return the gates that were held, by what they measure."""
    if not evidence.gates:
        return {}
    pairs = zip(gate_names(plan.gates), evidence.gates, strict=True)
    return {name: _gate(gate) for name, gate in sorted(pairs, key=lambda pair: pair[0])}


def _variant(name: str, manifest: Manifest) -> LockedVariant:
    model, blob = manifest.models[name], manifest.blobs.get(name)
    files = [
        manifest.files[place].size for place in (model, f"{model.removesuffix('.xml')}.bin") if place in manifest.files
    ]
    return LockedVariant(
        model_bytes=sum(files),
        blob_bytes=manifest.files[blob.path].size if blob is not None and blob.device != "CPU" else None,
    )


def _mixed(plan: Plan, quantization: Mapping[str, Any]) -> LockedMix | None:
    if (mixed := quantization.get("mixed")) is None:
        return None
    stage = next(s for s in plan.stages if s.verb == "mix")
    curve = [
        LockedPoint(
            kept=point["kept"],
            share=round(point["share"], _DIGITS),
            figures={name: rounded(figure) for name, figure in sorted(point["figures"].items())},
            estimated_us=None if (us := point.get("estimated", {}).get("latency_us")) is None else rounded(us),
        )
        for point in mixed["curve"]
    ]
    return LockedMix(stage=stage.digest, keep=tuple(mixed["keep"]), curve=tuple(curve))


def _precision(row: Mapping[str, Any]) -> LockedPrecision:
    figures = {
        f"{metric}, {output}": rounded(found[metric])
        for output, found in sorted(row["agreement"].items())
        for metric in sorted(_FIGURES)
    }
    return LockedPrecision(bytes=row["bytes"], quantized_operations=row["quantized_operations"], figures=figures)


def _estimated(evidence: Evidence) -> dict[str, LockedEstimate]:
    return {
        f"{row['platform']}, {row['variant']}, {row['precision']}": LockedEstimate(
            blob_bytes=row["blob_bytes"],
            latency_us=None if row["latency_us"] is None else rounded(row["latency_us"]),
            uncosted=tuple(row["uncosted_operations"]),
            batch_mode=row["batch_mode"] if row["batch"] > 1 else None,
        )
        for row in evidence.estimates
    }


def _agreement(evidence: Evidence) -> dict[str, dict[str, float]]:
    """Return the figures of all samples, and of each variant where there are several."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in evidence.agreement["pairs"] if evidence.agreement is not None else ():
        name = f"{row['of']} against {row['against']}, {row['output']}"
        found[name] = row
        if len(row["variants"]) > 1:
            found |= {f"{name} in variant {variant}": figures for variant, figures in row["variants"].items()}
    return {
        name: {metric: rounded(figures[metric]) for metric in sorted(_FIGURES)}
        for name, figures in sorted(found.items())
    }


def _ratios(timed: Mapping[str, Any]) -> dict[str, float]:
    found = {name: figures.get("quantized_over_static") for name, figures in timed.get("latency", {}).items()}
    return {name: round(ratio, 1) for name, ratio in sorted(found.items()) if ratio is not None}


def rounded(value: float, digits: int = _DIGITS) -> float:
    """Return a figure to so many significant digits, or as it is where that would be infinite."""
    short = float(f"{value:.{digits}g}")
    return short if isfinite(short) else value


def _gate(gate: GateResult) -> LockedGate:
    """Return a gate with its figures, with as many digits as show on which side of the limits they lie."""
    if isinstance(gate, BudgetResult) and gate.timed_by is not None:  # another run's would be another
        return LockedGate(min=gate.min, max=gate.max, passed=gate.passed)
    sizes = (partial(rounded, digits=digits) for digits in range(_DIGITS, 18))
    shorten = next((short for short in sizes if gate.passes_with(short) == gate.passed), float)
    original = None if gate.original is None else shorten(gate.original)
    return LockedGate(min=gate.min, max=gate.max, figure=shorten(gate.value), original=original, passed=gate.passed)
