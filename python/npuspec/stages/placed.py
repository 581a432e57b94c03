"""Samples as the models are given them, and the variants that they run in."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice

import openvino as ov
from msgspec import structs

from npuspec.bundle.program import Program, Variant
from npuspec.diagnostics import Diagnostic, InputError, StageError
from npuspec.runtime import Engine, Session
from npuspec.runtime.feed import Array, check_sample, choose_variant
from npuspec.stages.samples import Sample


@dataclass(frozen=True, slots=True)
class Checked:
    """A sample as the model takes it: its arrays, and its size in each padded dimension."""

    name: str
    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Placed(Checked):
    """A sample and the variant that it runs in, the smallest that holds it; of one too long for all, the largest.

    `given` is what a session takes.
    """

    given: Mapping[str, Array]
    variant: str
    overflows: bool

    def fits(self, variant: Variant) -> bool:
        """Tell whether a variant holds all of it."""
        return all(variant.sizes[dim] >= size for dim, size in self.sizes.items())


def place(program: Program, sample: Sample) -> Placed:
    """Check a sample, and choose its variant.

    Raises:
        StageError: what `check_sample` says of it, with its name.

    """
    with naming(sample.name):
        arrays, sizes = check_sample(program, sample.arrays)
    held = {dim: min(size, program.dims[dim].maximum) for dim, size in sizes.items()}
    return Placed(sample.name, arrays, sizes, sample.arrays, choose_variant(program, held).name, held != sizes)


@contextmanager
def naming(sample: str) -> Iterator[None]:
    """Say the sample's name in what is wrong with it."""
    try:
        yield
    except InputError as error:
        fault = error.diagnostics[0]
        raise StageError(Diagnostic(fault.code, f"`{sample}`: {fault.message}", fault.help)) from None


def restricted(program: Program, variant: Variant) -> Program:
    """Return a program of one variant, in which everything runs that it holds, and nothing longer."""
    dims = {
        name: structs.replace(dim, maximum=variant.sizes[name], overflow="error") for name, dim in program.dims.items()
    }
    return structs.replace(program, variants=(variant,), dims=dims)


class Apart(dict[str, Session]):
    """A session for each variant alone, made when it is asked for."""

    def __init__(self, program: Program, models: Mapping[str, ov.CompiledModel], device: str) -> None:
        super().__init__()
        self._program, self._models, self._device = program, models, device

    def __missing__(self, name: str) -> Session:
        variant = next(v for v in self._program.variants if v.name == name)
        program = restricted(self._program, variant)
        self[name] = made = Session(Engine(program, {name: self._models[name]}, device=self._device))
        return made


@dataclass(frozen=True, slots=True)
class Batch:
    """At most as many samples as a batch has rows, all of one variant or all too long; and what fills the others."""

    rows: Sequence[Placed]
    filling: Sequence[Placed]

    def inputs(self) -> list[Mapping[str, Array]]:
        """Return what a session takes, a sample for each row."""
        return [sample.given for sample in (*self.rows, *self.filling)]


def batches(program: Program, samples: Sequence[Placed]) -> Iterator[Batch]:
    """Deal samples so that each is beside others of other sizes; rows that are left over get samples that fit there."""
    groups: dict[tuple[str, bool], list[Placed]] = {}
    for sample in samples:
        groups.setdefault((sample.variant, sample.overflows), []).append(sample)
    variants = {variant.name: variant for variant in program.variants}
    for (name, overflows), group in groups.items():
        if program.batch > 1:
            group.sort(key=lambda sample: (sorted(sample.sizes.items()), sample.name))
        count = -(-len(group) // program.batch)
        for number in range(count):
            rows = group[number::count]
            missing = program.batch - len(rows)
            among = group if overflows else samples
            yield Batch(rows, _others(rows, among, variants[name], missing) if missing else ())


def _others(rows: Sequence[Placed], among: Sequence[Placed], variant: Variant, count: int) -> list[Placed]:
    """Return so many samples beside those of a batch, or these again where there are no others."""
    names = {sample.name for sample in rows}
    others = [s for s in among if s.name not in names and s.overflows == rows[0].overflows]
    others = [s for s in others if s.overflows or s.fits(variant)]
    return list(islice(cycle(others or rows), count))
