"""Two bundles in turn: which is faster, or that neither is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import openvino as ov

from npuspec.bench.bare import Model
from npuspec.bench.decide import CONFIDENCE, decide
from npuspec.bench.figures import Compared, Comparison, Place, latency_of
from npuspec.bench.measure import Tell, choose_variants
from npuspec.bench.place import Placed, Source, check_seconds
from npuspec.bundle.program import DataInput, Program, Variant
from npuspec.diagnostics import Diagnostic, InputError
from npuspec.runtime.preprocess import given_axes, given_dtype

ROUNDS = 24
_TURNS = (0, 1, 1, 0)
_BLOCK = 0.01
"""Seconds that each runs at a stretch, unless one inference takes longer."""
_WARM = 0.02
"""Seconds that each runs before a round counts."""

Pair = tuple[Variant, Variant]
Models = dict[str, ov.CompiledModel]


def compare(
    first: Path,
    second: Path,
    *,
    device: str | None = None,
    variants: Sequence[str] = (),
    seconds: float = 3.0,
    tell: Tell = lambda _what, _done, _total: None,
) -> Comparison:
    """Measure the latency of two bundles' compiled models in turn.

    In each round both are put on their devices anew, since where their memory comes to lie makes one copy of a model
    faster than another. Then each variant runs as A B B A, over and over, in the next round as B A A B, so that
    whatever slows the machine down for a while meets both.

    Args:
        first: a bundle.
        second: what it is held against.
        device: run both on this device only.
        variants: by name; all that both have where there is none.
        seconds: for each variant of each bundle, over all rounds.
        tell: is told how far it is.

    Raises:
        InputError: `wrong-argument`; `nothing-to-compare`: no variant is in both, or they take or give different
            things.
        BundleError: there is no bundle, or it is broken.
        DeviceError: one has no device here, or that failed.
        StageError: one can't be compiled.

    """
    check_seconds(seconds)
    sides = Placed(first, device), Placed(second, device)
    _check_ports(sides)
    pairs, left_out = _pairs(sides, variants)
    tell("loading both", 0, 1)
    places = [side.place(side.engine()) for side in sides]
    times: dict[str, tuple[list[float], list[float]]] = {one.name: ([], []) for one, _ in pairs}
    ratios: dict[str, list[float]] = {one.name: [] for one, _ in pairs}
    for number in range(ROUNDS):
        tell("measuring in turn", number, ROUNDS)
        order = _TURNS if number % 2 == 0 else [1 - side for side in _TURNS]
        models = _load(sides, pairs, order[0] if number // 2 % 2 == 0 else order[1])
        for pair in pairs:
            taken = _round(sides, models, pair, order, 2 * seconds / ROUNDS)
            ratios[pair[0].name].append(median(taken[0]) / median(taken[1]))
            for side in (0, 1):
                times[pair[0].name][side].extend(taken[side])
        del models  # before the next ones take memory
    compared = []
    for one, _ in pairs:
        decision = decide(ratios[one.name])
        compared.append(
            Compared(
                variant=one.name,
                sizes=one.sizes,
                batch=sides[0].program.batch,
                first=latency_of(times[one.name][0]),
                second=latency_of(times[one.name][1]),
                rounds=ROUNDS,
                confidence=CONFIDENCE,
                **decision._asdict(),
            )
        )
    notes = differences(places, [side.source() for side in sides])
    return Comparison(first=places[0], second=places[1], compared=tuple(compared), left_out=left_out, notes=notes)


def differences(places: Sequence[Place], sources: Sequence[Source | None]) -> tuple[str, ...]:
    """Return what is to be said of two bundles: that they run on different devices, or are made of different models.

    Args:
        places: where each ran.
        sources: what each is made of, where that is known.

    """
    notes = []
    if places[0].device != places[1].device:
        notes.append(f"they run on different devices: {places[0].device} and {places[1].device}")
    if None not in sources and len({source.digest for source in sources if source is not None}) > 1:
        named = " and ".join(f"`{source.source}`" for source in sources if source is not None)
        notes.append(f"they are made of different models: {named}")
    return tuple(notes)


def _check_ports(sides: tuple[Placed, Placed]) -> None:
    """Refuse bundles that take something else of the caller, or give something else."""
    have = [{*_taken(side.program), *_given(side.program)} for side in sides]
    only = (
        f"only `{side.path}` has {', '.join(sorted(own - other))}"
        for side, own, other in zip(sides, have, reversed(have), strict=True)
        if own - other
    )
    if have[0] != have[1]:
        message = f"the bundles take or give different things: {', and '.join(only)}"
        raise InputError(Diagnostic("nothing-to-compare", message, "compare bundles of one model"))


def _taken(program: Program) -> Iterator[str]:
    """Yield what the caller gives, in words. A layout changes the order of axes, and what is taken stays the same."""
    for data in (port for port in program.inputs if isinstance(port, DataInput)):
        sizes = sorted(axis for axis in given_axes(data) if isinstance(axis, int))
        yield f"input `{data.name}` of {given_dtype(data)}" + (f" {' x '.join(map(str, sizes))}" if sizes else "")


def _given(program: Program) -> Iterator[str]:
    """Yield what the caller gets, in words."""
    return (f"output `{port.name}` of {port.dtype}" for port in program.outputs)


def _pairs(sides: tuple[Placed, Placed], names: Sequence[str]) -> tuple[list[Pair], tuple[str, ...]]:
    """Return the variants of the same sizes and batch, and the names of the others, of those that are asked for."""
    one, other = ({_key(side, v): v for v in side.program.variants} for side in sides)
    chosen = {variant.name for variant in choose_variants(sides[0].program, names)}
    pairs = [(variant, other[key]) for key, variant in one.items() if key in other and variant.name in chosen]
    if not pairs:
        have = " and ".join(
            f"{', '.join(v.name for v in side.program.variants)} in batches of {side.program.batch}" for side in sides
        )
        message = f"the bundles have no variant of the same sizes and batch: {have}"
        raise InputError(Diagnostic("nothing-to-compare", message, "compare bundles that have one in common"))
    alone = [v.name for key, v in one.items() if key not in other and v.name in chosen]
    return pairs, (*alone, *(v.name for key, v in other.items() if key not in one and not names))


def _key(side: Placed, variant: Variant) -> tuple[object, ...]:
    return (side.program.batch, *sorted(variant.sizes.items()))


def _load(sides: tuple[Placed, Placed], pairs: Sequence[Pair], begin: int) -> list[Models]:
    """Put what is compared of both on their devices, one of them first."""
    models = {}
    for side in (begin, 1 - begin):
        names = {pair[side].name for pair in pairs}
        models[side] = sides[side].opening.models(sides[side].device, names).models
    return [models[0], models[1]]


def _round(
    sides: tuple[Placed, Placed], models: Sequence[Models], pair: Pair, order: Sequence[int], seconds: float
) -> tuple[list[float], list[float]]:
    """Return the times of a variant of both."""
    ready = [
        Model(own[variant.name], side.program, side.sample(variant.sizes))
        for side, own, variant in zip(sides, models, pair, strict=True)
    ]
    taken: tuple[list[float], list[float]] = ([], [])
    for side in order[:2]:
        with sides[side].failing():
            ready[side].run(_WARM)
    end = perf_counter() + seconds
    while not taken[0] or perf_counter() < end:
        for side in order:
            with sides[side].failing():
                taken[side].extend(ready[side].run(_BLOCK))
    return taken
