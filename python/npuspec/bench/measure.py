"""All figures of one bundle."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import prod
from pathlib import Path
from statistics import median

from npuspec.bench.bare import WINDOW, Model, settle
from npuspec.bench.drawn import choose_dim, make_samples
from npuspec.bench.figures import Bare, Report, Served
from npuspec.bench.place import Placed, check_seconds, compiled, wrong
from npuspec.bench.served import Sample, serve
from npuspec.bench.starts import measure_starts
from npuspec.bundle.program import Program, Variant
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.runtime import Engine

Tell = Callable[[str, int, int], object]
"""Told what is being measured, how many steps of that are done, and of how many."""


def measure(
    path: Path,
    *,
    device: str | None = None,
    variants: Sequence[str] = (),
    seconds: float = 3.0,
    lengths: Counter[int] | None = None,
    dim: str | None = None,
    served: bool = True,
    starts: int = 3,
    tell: Tell = lambda _what, _done, _total: None,
) -> Report:
    """Measure a bundle.

    Args:
        path: the bundle.
        device: run on this device only.
        variants: by name; all where there is none.
        seconds: for each of a variant's figures.
        lengths: real ones, and how often each occurs: samples that lie as they do run through a session. Left out,
            samples that fill each variant do.
        dim: the dimension that they are of, where there are several.
        served: whether anything runs through a session.
        starts: how many cold and warm starts; 0 for none.
        tell: is told how far it is.

    Raises:
        InputError: an argument is wrong.
        BundleError: there is no bundle, or it is broken.
        DeviceError: it has no device here, or that failed.
        StageError: it can't be compiled.

    """
    check_seconds(seconds)
    placed = Placed(path, device)
    program = placed.program
    chosen = choose_variants(program, variants)
    given: list[Sample] = []
    if lengths is not None:
        given = [*make_samples(program, lengths, choose_dim(program, dim), placed.sample)]
    tell(f"loading {path}", 0, 1)
    engine = placed.engine()
    bare = []
    with placed.failing():
        for number, variant in enumerate(chosen):
            tell("measuring the compiled models", number, len(chosen))
            bare.append(_bare(placed, engine, variant, seconds))
    sessions: list[tuple[str | None, list[Sample]]] = [(None, given)]
    if lengths is None:
        sessions = [(v.name, [(placed.sample(v.sizes), prod(v.sizes.values()))]) for v in chosen]
    through: list[Served] = []
    for number, (name, samples) in enumerate(sessions if served else ()):
        tell("measuring through a session", number, len(sessions))
        through.append(serve(_again(placed, engine), placed.opening.manifest.load, samples, seconds, variant=name))
    place = placed.place(engine)
    del engine
    found = None
    if starts:
        tell("starting", 0, starts)
        found = measure_starts(placed, starts, lambda done: tell("starting", done, starts))
    return Report(place=place, bare=tuple(bare), served=tuple(through), starts=found)


def choose_variants(program: Program, names: Sequence[str]) -> list[Variant]:
    """Return the variants of these names, or all. Raises InputError, `wrong-argument`, for a name that isn't there."""
    known = {variant.name: variant for variant in program.variants}
    for name in names:
        if name not in known:
            raise wrong(f"there is no variant `{name}`", did_you_mean(name, known))
    return [variant for variant in program.variants if not names or variant.name in names]


def _bare(placed: Placed, engine: Engine, variant: Variant, seconds: float) -> Bare:
    model = Model(compiled(engine, variant.name), placed.program, placed.sample(variant.sizes))
    [first] = model.run(0)

    def windows() -> Iterator[float]:
        while True:
            yield median(model.run(WINDOW))

    return Bare(
        variant=variant.name,
        sizes=variant.sizes,
        batch=placed.program.batch,
        stable=settle(windows()),
        load=next(s.seconds for s in placed.opening.steps if s.variant == variant.name) * 1e3,
        origin=engine.origins[variant.name],
        first=first,
        single=model.single(seconds),
        many=model.many(seconds),
    )


def _again(placed: Placed, engine: Engine) -> Engine:
    """Return an engine of the same compiled models, with requests of its own."""
    models = {variant.name: compiled(engine, variant.name) for variant in placed.program.variants}
    return Engine(placed.program, models, device=placed.device, requests=placed.opening.manifest.load.requests)
