"""Why a static model differs from the original: experiments on the samples that differ most, and what they showed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openvino as ov
from msgspec import structs

from npuspec.bundle.program import DataInput, Program, Variant
from npuspec.runtime import Engine, Session
from npuspec.stages.agreement import Agreement, Comparison, measure
from npuspec.stages.placed import Placed, naming, restricted
from npuspec.stages.reference import Dynamic

_TRIED = 4  # samples of each variant that experiments are made with

Finding = dict[str, Any]
"""`code`, `output`, `variant` or None, `message`, `help`, and `figures` by name."""

ByVariant = Mapping[str, Mapping[str, Agreement]]
"""What was measured in each variant of each output."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What experiments are made with."""

    program: Program
    device: str
    original: Dynamic
    samples: Mapping[str, Placed]
    reference: Callable[[], Mapping[str, ov.CompiledModel]]
    """Gives the static variants on CPU in float32; only called where something differs."""


def findings(bench: Bench, comparisons: Sequence[Comparison]) -> list[Finding]:
    """Return what was found of each output: samples beyond the largest size, and the reasons of differences.

    Args:
        bench: the models and the samples.
        comparisons: all of them; experiments are made where the static model differs from the original by more than
            float32 explains.

    """
    static = [c for c in comparisons if (c.of, c.against) == ("static", "original")]
    ships = comparisons[-1].against if comparisons and comparisons[-1].of == "batched" else None
    batched = [c for c in comparisons if (c.of, c.against) == ("batched", ships)]
    rows = _rows(bench, [*static, *batched])
    return [
        *_overflows(bench, static),
        *_mixed(bench, static, rows),
        *_causes(bench, static, rows),
        *_neighbours(bench, batched),
    ]


def _overflows(bench: Bench, comparisons: Sequence[Comparison]) -> Iterator[Finding]:
    for dim, known in bench.program.dims.items():
        count = sum(sample.sizes[dim] > known.maximum for sample in bench.samples.values())
        for comparison in comparisons if count else ():
            if not comparison.overflowing.differs:
                continue
            rest = Agreement()
            for one in comparison.variants.values():
                rest.add(one)
            figures = {"samples": count, "overflowing": comparison.overflowing.share, "others": rest.share}
            beside = f"; of the others {_agreeing(rest)}" if rest.frames else ""
            yield {
                "code": "sample-overflow",
                "output": comparison.output,
                "variant": None,
                "message": f"the size {known.maximum} of `{dim}` is too small for {count} of {len(bench.samples)} "
                f"samples: of their frames of `{comparison.output}` {_agreeing(comparison.overflowing)}{beside}",
                "help": f"state a larger size in [dims.{dim}]",
                "figures": figures,
            }


def _agreeing(agreement: Agreement) -> str:
    return f"{agreement.share:.1%} agree, with a cosine of {agreement.figures()['cosine']:.3f}"


def _neighbours(bench: Bench, comparisons: Sequence[Comparison]) -> Iterator[Finding]:
    for comparison in comparisons:
        if worst := _worst(comparison.variants):
            change = comparison.variants[worst].max_abs_difference
            yield {
                "code": "neighbours-leak",
                "output": comparison.output,
                "variant": worst,
                "message": f"output `{comparison.output}` changes by up to {change:.2g} with the samples that are "
                f"beside it in a batch of {bench.program.batch} (variant {worst})",
                "help": "[batching] size = 1",
                "figures": _changes(comparison.variants),
            }


def _rows(bench: Bench, comparisons: Sequence[Comparison]) -> ByVariant:
    """Return how far the original's rows of a batch of one sample are from that sample alone, where results differ."""
    changes = {}
    for variant in _differing(bench, comparisons) if bench.program.batch > 1 else ():
        found: dict[str, Agreement] = defaultdict(Agreement)
        for sample in _chosen(bench, variant, comparisons):
            alone = bench.original.rows(sample)
            for name, rows in bench.original.rows(sample, bench.program.batch).items():
                for row in rows:
                    found[name].add(measure(row, alone[name][0], f"`{sample.name}`, output `{name}` of a batch"))
        changes[variant.name] = found
    return changes


def _mixed(bench: Bench, comparisons: Sequence[Comparison], rows: ByVariant) -> Iterator[Finding]:
    for comparison in comparisons:
        here = {variant: found[comparison.output] for variant, found in rows.items()}
        if worst := _worst(here):
            yield {
                "code": "batch-changes-result",
                "output": comparison.output,
                "variant": worst,
                "message": f"output `{comparison.output}` of the original changes by up to "
                f"{here[worst].max_abs_difference:.2g} where a sample is given as a batch of {bench.program.batch} of "
                "itself: the model mixes rows",
                "help": "[batching] size = 1",
                "figures": _changes(here),
            }


def _causes(bench: Bench, comparisons: Sequence[Comparison], rows: ByVariant) -> Iterator[Finding]:
    variants = _differing(bench, comparisons)
    models = bench.reference() if variants else {}
    tried = {v.name: _Tried.of(bench, v, models[v.name], _chosen(bench, v, comparisons)) for v in variants}
    for comparison in comparisons:
        yield from _of_output(bench, comparison, tried, rows)


def _differing(bench: Bench, comparisons: Sequence[Comparison]) -> list[Variant]:
    names = {name for c in comparisons for name, one in c.variants.items() if one.differs}
    return [variant for variant in bench.program.variants if variant.name in names]


def _of_output(
    bench: Bench, comparison: Comparison, tried: Mapping[str, "_Tried"], rows: ByVariant
) -> Iterator[Finding]:
    output = comparison.output
    here = {name: tried[name] for name, one in comparison.variants.items() if one.differs}
    padding = {name: trial.padding[output] for name, trial in here.items()}
    if worst := _worst(padding):
        yield {
            "code": "padding-leaks",
            "output": output,
            "variant": worst,
            "message": f"the valid part of output `{output}` changes by up to {padding[worst].max_abs_difference:.2g} "
            f"with what the padding holds (variant {worst}): no mask or length keeps it out everywhere",
            "help": "try sizes closer to the samples' (`buckets`), another pad-value or pad-side, or a mask",
            "figures": _changes(padding),
        }
    explained = {name for name in here if padding[name].differs or (name in rows and rows[name][output].differs)}
    left = {name: trial for name, trial in here.items() if name not in explained}
    if in_float := {n: comparison.variants[n] for n, t in left.items() if t.static[output].differs}:
        worst = max(in_float, key=lambda name: in_float[name].max_abs_difference)
        yield {
            "code": "static-differs",
            "output": output,
            "variant": worst,
            "message": f"output `{output}` of the static model differs by up to "
            f"{in_float[worst].max_abs_difference:.2g} (variant {worst}), and no cause was found: not what the padding "
            "holds, nor the batch",
            "help": "look for operations that count the padding or depend on shapes: means, normalisation, positions, "
            "resizing",
            "figures": _changes(in_float),
        }
    if on_device := {n: comparison.variants[n] for n, t in left.items() if not t.static[output].differs}:
        worst = max(on_device, key=lambda name: on_device[name].max_abs_difference)
        yield {
            "code": "device-precision",
            "output": output,
            "variant": worst,
            "message": f"output `{output}` differs by up to {on_device[worst].max_abs_difference:.2g} on "
            f"{bench.device} (variant {worst}), and not in float32 on CPU",
            "help": "that is the price of the device's precision: gate what the model may lose by it",
            "figures": _changes(on_device),
        }


@dataclass(frozen=True, slots=True)
class _Tried:
    """What experiments with one variant showed of each output."""

    static: Mapping[str, Agreement]
    """The static model in float32 against the original."""
    padding: Mapping[str, Agreement]
    """The same with another content of the padding, against that."""

    @classmethod
    def of(cls, bench: Bench, variant: Variant, model: ov.CompiledModel, samples: Sequence[Placed]) -> "_Tried":
        program = restricted(bench.program, variant)
        static, padding = (defaultdict[str, Agreement](Agreement) for _ in range(2))
        with (
            Session(Engine(program, {variant.name: model}, device="CPU")) as usual,
            Session(Engine(_otherwise_padded(program), {variant.name: model}, device="CPU")) as other,
        ):
            for sample in samples:
                with naming(sample.name):
                    one, another = usual.infer(sample.given), other.infer(sample.given)
                for name, wanted in bench.original.infer(sample).items():
                    static[name].add(measure(one[name], wanted, f"`{sample.name}`, output `{name}`"))
                    padding[name].add(measure(another[name], one[name], f"`{sample.name}`, output `{name}`"))
        return cls(static, padding)


def _otherwise_padded(program: Program) -> Program:
    """Return a program that pads with another value, which every dtype has and every vocabulary."""
    inputs = [
        structs.replace(i, pad_value=0.0 if i.pad_value else 1.0) if isinstance(i, DataInput) else i
        for i in program.inputs
    ]
    return structs.replace(program, inputs=tuple(inputs))


def _chosen(bench: Bench, variant: Variant, comparisons: Sequence[Comparison]) -> list[Placed]:
    """Return the variant's samples that differ most in any output, for the output's magnitude."""
    apart: dict[str, float] = defaultdict(float)
    for comparison in comparisons:
        scale = comparison.variants[variant.name].magnitude or 1.0
        for name, one in comparison.samples.items():
            sample = bench.samples[name]
            if sample.variant == variant.name and not sample.overflows:
                apart[name] = max(apart[name], one.max_abs_difference / scale)
    return [bench.samples[name] for name in sorted(apart, key=lambda name: (-apart[name], name))[:_TRIED]]


def _worst(agreements: Mapping[str, Agreement]) -> str | None:
    """Return the variant of the largest difference that rounding doesn't explain."""
    differing = {name: one.max_abs_difference for name, one in agreements.items() if one.differs}
    return max(differing, key=lambda name: differing[name], default=None)


def _changes(agreements: Mapping[str, Agreement]) -> dict[str, float]:
    """Return the largest difference of each variant in which there is one."""
    return {name: one.max_abs_difference for name, one in agreements.items() if one.differs}
