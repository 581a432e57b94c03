"""Samples that a program gives in memory, taken one by one in its own process, checked, and written as files."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from npuspec.bundle.program import DataInput, Program
from npuspec.diagnostics import Diagnostic, InputError, NpuspecError, SpecError
from npuspec.facts.given import write_samples
from npuspec.runtime.feed import Array, check_sample
from npuspec.sources import Fetched, fetch_written
from npuspec.store import Store

_END = object()


def caller_samples(data: Iterable[Any], store: Store) -> Callable[[Program], Fetched]:
    """Return what takes the samples of `data` once the model is known; until then none is asked for.

    Raises:
        SpecError: `invalid-data`: it is nothing that gives samples.

    """
    if isinstance(data, str | bytes | Mapping):
        raise _invalid(f"is of type {type(data).__name__}, which gives no samples one by one")
    try:
        left = iter(data)
    except Exception as error:
        raise _invalid(f"can't be iterated: {_said(error)}") from error

    def take(program: Program) -> Fetched:
        """Write the samples as files, by their content.

        Raises:
            InputError: a sample isn't what the model takes, with its number.
            SpecError: `invalid-data`: there is none, there are too many, or an error was raised meanwhile.

        """
        names = [port.name for port in program.inputs if isinstance(port, DataInput)]
        only = names[0] if len(names) == 1 else None
        return fetch_written(lambda folder: _write(left, program, folder, only), store=store)

    return take


def _write(left: Iterator[Any], program: Program, folder: Path, only: str | None) -> None:
    checked = (_checked(sample, number, program, only) for number, sample in _numbered(left))
    try:
        write_samples(checked if only is None else (arrays[only] for arrays in checked), folder, only)
    except NpuspecError:
        raise
    except ValueError as error:
        raise _invalid(str(error)) from None


def _numbered(left: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    for number in count(1):
        try:
            sample = next(left, _END)
        except Exception as error:
            raise _invalid(f"raised an error when it was asked for sample {number}: {_said(error)}") from error
        if sample is _END:
            return
        yield number, sample


def _checked(sample: Any, number: int, program: Program, only: str | None) -> dict[str, Array]:
    """Return a sample's arrays as they are given, once it is sure that a session would take them."""
    given = sample if only is None or isinstance(sample, Mapping) else {only: sample}
    try:
        check_sample(program, given)
        arrays = {name: np.asarray(given[name], order="C") for name in given}
        for port in program.inputs:
            if isinstance(port, DataInput) and port.finite and not np.isfinite(arrays[port.name]).all():
                message = f"input `{port.name}` holds NaN or an infinity"
                help_ = "mend the sample, or take `finite = true` out of the spec"
                raise InputError(Diagnostic("not-finite", message, help_))  # noqa: TRY301  numbered as all are
    except InputError as error:
        raise InputError(replace(d, message=f"sample {number}: {d.message}") for d in error.diagnostics) from None
    return arrays


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _invalid(what: str) -> SpecError:
    help_ = "give an iterable of samples: of arrays without the batch axis, or of mappings of inputs' names to arrays"
    return SpecError(Diagnostic("invalid-data", f"`data` {what}", help_))
