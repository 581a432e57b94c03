"""The samples that calibrate, and those that are measured on a model whose lengths are free, fed as at inference."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from msgspec import convert, structs

from npuspec.bundle.program import Input, Program
from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.formats import unreadable
from npuspec.runtime.feed import Array, check_sample, choose_variant
from npuspec.runtime.overflow import pieces_of
from npuspec.stages.placed import Checked, naming
from npuspec.stages.reference import Dynamic, Feed
from npuspec.stages.request import Request
from npuspec.stages.samples import Sample, read_samples


@dataclass(frozen=True, slots=True)
class Fitting:
    """Samples that the model takes, and the names of those that were cut for it, or are too long."""

    samples: list[Checked]
    cut: list[str]
    too_long: list[str]


def read_fitting(request: Request, program: Program, which: str) -> Fitting:
    """Read the samples that calibrate or validate, and leave out those that no variant holds.

    Raises:
        StageError: `no-data`, `too-few-samples`, `unreadable-sample`, or what else is wrong with a sample.

    """
    if request.data is None:
        raise StageError(Diagnostic("no-data", "there are no samples to calibrate with", "add [data] to the spec"))
    told = request.parameters["samples"]
    samples = read_samples(request.data, told[which], program, told, request.tokenizer)
    if which == "calibration":
        _refuse_what_is_not_finite(samples)
    found = _fitting(program, samples)
    if not found.samples:
        message = f"none of the {len(samples)} {which} samples fits the largest size"
        raise StageError(Diagnostic("too-few-samples", message, "add shorter samples, or state a larger size"))
    return found


def _refuse_what_is_not_finite(samples: Sequence[Sample]) -> None:
    """Refuse what would make every range infinite, even where the input may be given it."""
    why = "it holds NaN or an infinity, and no range of activations can be found on that"
    broken = [
        unreadable(sample.name, why)
        for sample in samples
        if not all(array.dtype.kind != "f" or np.isfinite(array).all() for array in sample.arrays.values())
    ]
    if broken:
        raise StageError(fault for error in broken for fault in error.diagnostics)


def _fitting(program: Program, samples: Sequence[Sample]) -> Fitting:
    """Check samples; what may be cut or taken apart when it is run is represented by its beginning."""
    cut = {name: structs.replace(dim, overflow="truncate") for name, dim in program.dims.items()}
    lenient = structs.replace(program, dims=cut)
    found = Fitting([], [], [])
    for sample in samples:
        with naming(sample.name):
            arrays, sizes = check_sample(lenient, sample.arrays)
        longer = [name for name, size in sizes.items() if size > program.dims[name].maximum]
        if any(program.dims[name].overflow == "error" for name in longer):
            found.too_long.append(sample.name)
            continue
        found.cut.extend([sample.name] if longer else [])
        (piece,) = pieces_of(lenient, arrays, sizes)
        found.samples.append(Checked(sample.name, piece.arrays, piece.fit.sizes))
    return found


def dynamic(request: Request, core: ov.Core, model: Path | ov.Model | ov.CompiledModel) -> Dynamic:
    """Return a model as it was published or quantized, which is fed samples padded as for their variants."""
    inputs = convert(request.parameters["original"], tuple[Input, ...])
    return Dynamic(core, model, request.program, inputs, request.parameters["selects"], padded=True)


class Calibration:
    """The samples as NNCF reads them, as often as it wants."""

    def __init__(self, feed: Feed, samples: Sequence[Checked], progress: Progress) -> None:
        self._feed, self._samples, self._progress = feed, samples, progress

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[dict[str, Array]]:
        for number, sample in enumerate(self._samples, 1):
            yield self._feed.buffers(sample)
            self._progress(number, len(self))


def spread(samples: Sequence[Checked], most: int) -> list[Checked]:
    """Return at most so many samples, from the shortest to the longest at even distances."""
    rising = sorted(samples, key=lambda sample: (sum(sample.sizes.values()), sample.name))
    count = min(most, len(rising))
    return [rising[(2 * n + 1) * len(rising) // (2 * count)] for n in range(count)]


def report(fitting: Fitting, program: Program, wanted: int) -> dict[str, Any]:
    """Return what is to be known of the samples that calibrated."""
    return {
        "samples": len(fitting.samples),
        "samples_wanted": wanted,
        "samples_cut": sorted(fitting.cut),
        "samples_too_long": sorted(fitting.too_long),
        "samples_of_variant": dict(Counter(choose_variant(program, s.sizes).name for s in fitting.samples)),
    }


def one_bucket(used: Mapping[str, int], program: Program) -> list[dict[str, str]]:
    """Return the trap that all samples fall into one of several variants."""
    if len(program.variants) == 1 or len(used) > 1:
        return []
    (name,) = used
    message = (
        f"all samples that calibrate fall into variant {name}: their ranges say nothing of the other "
        f"{len(program.variants) - 1}"
    )
    return [{"code": "one-bucket-calibration", "message": message, "help": "add samples of other lengths"}]
