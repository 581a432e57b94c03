"""Agreement and latency as the evidence has them, row by row."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from npuspec.execute.evidence import Evidence
from npuspec.npu import is_split
from npuspec.plan import Plan
from npuspec.plan.passes.stage import TIMED
from npuspec.report.model import Agreement, Latency, Sample, Served

FIGURES = ("frame-agreement", "top-1-agreement", "cosine", "sqnr", "max-abs-difference")


def agreements_of(plan: Plan, evidence: Evidence) -> Iterator[Agreement]:
    """Yield for each pair of models how far they agree: on all samples, in each variant, and all padded to one."""
    names = [variant.name for variant in plan.program.variants]
    for pair in (evidence.agreement or {"pairs": ()})["pairs"]:
        yield _agreement(pair, pair, "all samples")
        for found, where in ((pair["variants"], ""), (pair.get("padded", {}), "all padded to ")):
            yield from (_agreement(pair, found[name], where + name) for name in names if name in found)


def _agreement(pair: Mapping[str, Any], row: Mapping[str, Any], where: str) -> Agreement:
    figures = {metric: float(row[metric]) for metric in FIGURES if row.get(metric) is not None}
    return Agreement(pair["of"], pair["against"], pair["output"], where, row["frames"], figures)


def samples_of(evidence: Evidence) -> Iterator[Sample]:
    """Yield each sample of each pair of models, those that agree least first."""
    for pair in (evidence.agreement or {"pairs": ()})["pairs"]:
        compared = f"{pair['of']} against {pair['against']}, {pair['output']}"
        rows = [Sample(name, compared, row["agreeing"], row["frames"]) for name, row in pair["samples"].items()]
        yield from sorted(rows, key=lambda row: (row.share, row.name))


def latencies_of(plan: Plan, evidence: Evidence, timings: Mapping[str, Any]) -> Iterator[Latency]:
    """Yield what was measured of each variant, the smallest first, and what compilers expect."""
    places = {variant.name: prod(variant.sizes.values()) for variant in plan.program.variants}
    shipped = plan.recipe.mode
    for name, found in timings.items():
        if name.startswith("verify["):
            for variant, row in sorted(found["latency"].items(), key=lambda item: (places[item[0]], item[0])):
                for key, precision in (("static_ms", "original"), ("quantized_ms", shipped)):
                    if key in row:
                        ms, batch = float(row[key]), plan.program.batch
                        yield Latency(variant, places[variant], batch, precision, found["device"], True, ms)
    for row in evidence.estimates:
        if row["latency_us"] is not None:
            batch = 1 if is_split(row["batch_mode"], plan.batch_mode) else plan.program.batch
            where, ms = f"NPU {row['platform']}", float(row["latency_us"]) / 1e3
            yield Latency(row["variant"], places[row["variant"]], batch, row["precision"], where, False, ms)


def served_of(plan: Plan, timings: Mapping[str, Any]) -> Iterator[Served]:
    """Yield what budgets had timed, of the smallest variant first."""
    names = [variant.name for variant in plan.program.variants]
    for name, found in timings.items():
        if name.startswith("budget["):
            timed = found.get("variants", {})
            for variant, row in (*((name, timed[name]) for name in names if name in timed), ("all, loaded", found)):
                if figures := {metric: float(row[metric]) for metric in TIMED if metric in row}:
                    yield Served(found["device"], variant, figures)
