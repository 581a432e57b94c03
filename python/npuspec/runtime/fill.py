"""From samples to a variant's static inputs: padded, with lengths and masks, in one native pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec import _native
from npuspec.bundle.program import DataInput, LengthInput, MaskInput, Program
from npuspec.diagnostics import Diagnostic, InputError
from npuspec.runtime.preprocess import picture_steps, write_pictures

Array = NDArray[Any]
Follower = LengthInput | MaskInput


class Filler:
    """Writes samples, and the lengths and masks that follow from them, into a variant's inputs.

    Args:
        program: what the model takes.

    """

    def __init__(self, program: Program) -> None:
        self._writers = [_Writer(program, data) for data in program.inputs if isinstance(data, DataInput)]

    def __call__(self, buffers: Mapping[str, Array], samples: Sequence[Mapping[str, Array]]) -> None:
        """Write one sample into each row of a batch.

        Args:
            buffers: for every input its whole array, batch first, C-contiguous and writeable.
            samples: one for each row, as `check_sample` returned it.

        Raises:
            InputError: `not-finite`, if an input is declared finite and a sample isn't; `sample-changed`.

        """
        try:
            for writer in self._writers:
                writer.write(buffers, samples)
        except InputError:
            raise
        except (BufferError, IndexError, TypeError, ValueError) as error:
            message = f"a sample can't be written: {error}"
            help_ = "leave its arrays as they are until the result is there, and give none of the session's own memory"
            raise InputError(Diagnostic("sample-changed", message, help_)) from None


class _Writer:
    """Writes one data input and what follows from it; all that doesn't change from batch to batch is found once."""

    def __init__(self, program: Program, data: DataInput) -> None:
        self._data = data
        self._steps = picture_steps(data)
        followers = [i for i in program.inputs if not isinstance(i, DataInput) and i.of == data.name]
        dim = None if self._steps is not None or not followers else followers[0].dim
        beside = [i for i in followers if i.dim == dim]
        lengths = [i.name for i in beside if isinstance(i, LengthInput)]
        masks = [i.name for i in beside if isinstance(i, MaskInput)]
        self._lengths, self._mask = next(iter(lengths), None), next(iter(masks), None)
        self._twins = [(group[0], name) for group in (lengths, masks) for name in group[1:]]
        self._others = [(port, data.axes.index(port.dim)) for port in followers if port not in beside]
        self._axis = 0 if dim is None else data.axes.index(dim)
        whole = np.dtype(data.dtype).kind != "f"
        self._value = int(data.pad_value) if whole else data.pad_value

    def write(self, buffers: Mapping[str, Array], samples: Sequence[Mapping[str, Array]]) -> None:
        data = self._data
        name = data.name
        arrays, buffer = [sample[name] for sample in samples], buffers[name]
        if self._steps is not None:
            write_pictures(data, self._steps, arrays, buffer)
        else:
            if not data.axes:  # what is padded has one axis at least
                arrays, buffer = [array.reshape(1) for array in arrays], buffer.reshape(-1, 1)
            try:
                _native.pad(
                    arrays,
                    buffer,
                    axis=self._axis,
                    side=data.pad_side,
                    value=self._value,
                    finite=data.finite,
                    lengths=buffers[self._lengths] if self._lengths else None,
                    mask=buffers[self._mask] if self._mask else None,
                )
            except _native.NonFiniteError as error:
                message = f"input `{name}` holds NaN or an infinity, first at element {error.index}"
                help_ = "mend the sample, or take `finite = true` out of the spec"
                raise InputError(Diagnostic("not-finite", message, help_)) from None
            for first, twin in self._twins:
                np.copyto(buffers[twin], buffers[first].reshape(buffers[twin].shape), casting="unsafe")
        for port, axis in self._others:
            _follow(port, data.pad_side, [array.shape[axis] for array in arrays], buffers[port.name])


def _follow(port: Follower, side: str, sizes: Sequence[int], out: Array) -> None:
    """Write a length or mask of another dimension than the one that the native pass speaks of."""
    if isinstance(port, LengthInput):
        out[...] = np.reshape(sizes, out.shape)
    else:
        places = np.arange(out.shape[1]) if side == "right" else np.arange(out.shape[1])[::-1]
        out[...] = places < np.reshape(sizes, (-1, 1))
