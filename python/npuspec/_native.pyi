"""The parts of npuspec that have to be fast or exact, written in Rust."""

from collections.abc import Callable, Mapping, Sequence
from mmap import mmap
from types import TracebackType
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Hold",
    "Lane",
    "NonFiniteError",
    "Turn",
    "__version__",
    "levels",
    "normalize",
    "onnx_external_data",
    "pad",
    "parse_toml",
    "repack",
    "resize",
    "unpad",
]

__version__: str

def parse_toml(
    text: str,
) -> tuple[
    list[tuple[tuple[str | int, ...], tuple[int, int] | None, tuple[int, int]]],
    list[tuple[str, tuple[int, int] | None]],
]:
    """Find where each key and value of a TOML text stands.

    Every span is a pair (start, end) of byte offsets into the UTF-8 form of `text`, on character boundaries.

    Args:
        text: TOML 1.1.

    Returns:
        (entries, errors). An entry is (path, key, value) for a table, value or array item. Its path holds the key or
        index of each step from the root. The key's span is None for array items. The value's span is that of the
        header, brackets included, for a table that has one, and that of the first part of a header or dotted key that
        names it for a table without. A parent stands before its children, siblings stand in the order in which the
        text first names them. An error is (message, span), in the order of the text. All errors are listed; the entries
        are then those that could still be made out. What is nested deeper than 128 levels is an error.

    Raises:
        UnicodeEncodeError: `text` holds lone surrogates.

    """

def onnx_external_data(data: bytes | memoryview | mmap) -> list[str]:
    """List the files that hold an ONNX model's external data.

    Looks at initializers, sparse ones and the attributes of nodes, in the graph, its subgraphs and the model's
    functions. Tensors that lie in the model are skipped without being copied. The GIL is released, and `data` mustn't
    change meanwhile.

    Args:
        data: an ONNX protobuf; any contiguous buffer.

    Returns:
        Locations as the model gives them, sorted, each once. They are not checked: they may be absolute or contain
        `..`.

    Raises:
        ValueError: `data` is no ONNX model (undecodable, or without a graph), or an external tensor lacks a location.
        BufferError: `data` isn't contiguous.
        TypeError: `data` is no buffer.

    """

class NonFiniteError(ValueError):
    """A sample holds a NaN or an infinity."""

    sample: int
    """Number of the sample, from zero."""

    index: int
    """Flat index of the element within the sample, in C order."""

def pad(
    samples: Sequence[NDArray[Any]] | NDArray[Any],
    out: NDArray[Any],
    *,
    sizes: NDArray[np.int32] | NDArray[np.int64] | None = None,
    axis: int = 0,
    side: Literal["right", "left"] = "right",
    value: float = 0,
    finite: bool = False,
    lengths: NDArray[np.int32] | NDArray[np.int64] | None = None,
    mask: NDArray[Any] | None = None,
    threads: int = 1,
    level: str | None = None,
) -> None:
    """Copy sample b into row b of a batch and pad the rest of the row.

    Each element of the outputs is written once. Everything is checked before the first write, except for `finite`. The
    GIL is released while copying much; no array may be written to by others meanwhile. NumPy's arrays are read as they
    lie in memory, others by the buffer protocol.

    Args:
        samples: B arrays of shape [s_1, .., s_r], r >= 1, each s_i of its own; strided and read-only ones are fine.
            With `sizes`, one array [s, t_2, .., t_r] in which they lie one after another.
        out: [B, t_1, .., t_r], C-contiguous, every t_i >= s_i. Its dtype, which the samples share, is bool, int8 to
            int64, uint8 to uint64 or float16 to float64, in native byte order. If it is float16, samples may also all
            be float32, and are rounded on the way as by `astype`: what is too large becomes an infinity. A NaN stays
            one, with its sign and the upper bits of its payload, and is quiet.
        sizes: int32 or int64 [B], C-contiguous: the size of each sample along axis 0. They add up to s.
        axis: the axis of a sample, counted without the batch and from zero, that `lengths` and `mask` speak of.
        side: on which side of every axis the padding goes.
        value: what to pad with. Floats are rounded to the dtype of `out`.
        finite: refuse NaN and infinities in what is copied, after rounding. Has no effect on integers and bools, nor on
            `value`.
        lengths: int32 or int64 [B] or [B, 1], C-contiguous, receives the size of each sample along `axis`.
        mask: bool, uint8, int8, int32, int64, float16 or float32 [B, T], C-contiguous, T being the size of `out` along
            `axis`; receives 1 where that axis holds the sample and 0 where it holds padding.
        threads: how many may work. More than one pays in hot loops only, from some megabytes on; less is left to one.
        level: one of `levels()`, the best one if not given.

    Raises:
        TypeError: an argument is no array, or its dtype is unsupported or isn't that of `out`.
        BufferError: an output is read-only or not C-contiguous, an array has no axes, or `sizes` isn't C-contiguous.
        ValueError: sizes don't fit, `axis` or `side` doesn't exist, `threads` is less than 1, `value` has no
            counterpart in the dtype (a finite one beyond a float's range included), a length exceeds int32, the memory
            that an output spans overlaps that of another array, or there is no such level on this machine.
        NonFiniteError: with `finite`, a sample isn't. The outputs may then be partly written.

    """

def unpad(
    batch: NDArray[Any],
    outs: Sequence[NDArray[Any]],
    *,
    side: Literal["right", "left"] = "right",
    level: str | None = None,
) -> None:
    """Copy the part of row b of a batch that isn't padding into output b.

    Everything is checked before the first write. The GIL is released while copying much; no array may be written to by
    others meanwhile.

    Args:
        batch: [B, t_1, .., t_r], r >= 1, of a dtype that `pad` takes; strided and read-only ones are fine.
        outs: B arrays of the same dtype, C-contiguous, of shape [s_1, .., s_r], every s_i <= t_i.
        side: on which side of every axis the padding is.
        level: one of `levels()`, the best one if not given.

    Raises:
        TypeError: an argument is no array, or its dtype is unsupported or isn't that of `batch`.
        BufferError: an output is read-only or not C-contiguous, or an array has no axes.
        ValueError: sizes don't fit, `side` doesn't exist, the memory of an output overlaps that of another array, or
            there is no such level on this machine.

    """

def levels() -> list[str]:
    """List the sets of instructions that kernels can use here, of portable, avx2 and avx512, the best one last."""

def repack(
    array: NDArray[Any],
    out: NDArray[Any],
    channels_last: bool,
    *,
    threads: int = 1,
    level: str | None = None,
) -> None:
    """Copy images so that their channels come last, or first.

    Everything is checked before the first write. The GIL is released for 64 KB and more; no array may be written to by
    others meanwhile. Arrays are taken by the buffer protocol.

    Args:
        array: [N, C, H, W] or [C, H, W] if channels are to come last, else [N, H, W, C] or [H, W, C]; strided and
            read-only ones are fine.
        out: the other way round, C-contiguous, of the same dtype: bool, int8 to int64, uint8 to uint64 or float16 to
            float64, in native byte order.
        channels_last: whether those of `out` do.
        threads: how many may work.
        level: one of `levels()`, the best one if not given.

    Raises:
        TypeError: an argument is no array, or its dtype is unsupported or differs from that of `out`.
        BufferError: `out` is read-only or not C-contiguous, or an array has no axes.
        ValueError: the rank is neither 3 nor 4, shapes differ, `threads` is less than 1, the memory that `out` spans
            overlaps that of `array`, or there is no such level on this machine.

    """

def normalize(
    image: NDArray[np.uint8],
    out: NDArray[Any],
    channels: Sequence[tuple[int, float, float, float]],
    at: tuple[int, int],
    channels_last: bool,
    *,
    threads: int = 1,
    level: str | None = None,
) -> None:
    """Write pictures as floats: byte * scale + offset, rounded to float32 after each step.

    Everything is checked before the first write. The GIL is released for 64 KB and more; no array may be written to by
    others meanwhile. Arrays are taken by the buffer protocol.

    Args:
        image: uint8 [N, H, W, C] or [H, W, C], 1 to 4 channels; strided and read-only ones are fine.
        out: float16 or float32, C-contiguous, with an N if `image` has one, not smaller than it.
        channels: for each channel of `out` the channel of `image` that it comes from, scale, offset, and the value that
            stands around the image.
        at: row and column of `out` at which the image begins.
        channels_last: whether those of `out` do.
        threads: how many may work.
        level: one of `levels()`, the best one if not given.

    Raises:
        TypeError: an argument is no array, or its dtype isn't one of those.
        BufferError: `out` is read-only or not C-contiguous, or an array has no axes.
        ValueError: the rank is neither 3 nor 4, shapes don't fit, there are no such channels, `at` is below 0,
            `threads` less than 1, a number isn't finite as float32, the memory that `out` spans overlaps that of
            `image`, or there is no such level on this machine.

    """

def resize(image: NDArray[np.uint8], out: NDArray[np.uint8], *, level: str | None = None) -> None:
    """Write pictures in another height and width: means of the pixels around, weighted by a triangle.

    Everything is checked before the first write. The GIL is released for 64 KB and more; no array may be written to by
    others meanwhile. Arrays are taken by the buffer protocol. If both sides change, values between are
    rounded to bytes.

    Args:
        image: uint8 [N, H, W, C] or [H, W, C], 1, 3 or 4 channels; strided and read-only ones are fine.
        out: uint8, C-contiguous, of the same N and C.
        level: one of `levels()`, the best one if not given.

    Raises:
        TypeError: an argument is no array of uint8.
        BufferError: `out` is read-only or not C-contiguous, or an array has no axes.
        ValueError: the rank is neither 3 nor 4, shapes don't go with each other, there are as many channels as none of
            those, a side is longer than 65535, `out` has pixels and `image` has none, their memory overlaps, or there
            is no such level on this machine.
        MemoryError: there is none for a copy of a strided picture, or for rows that are resized before columns are.

    """

@final
class Hold:
    """Whether an infer request is in use. Each method is one step, between whose parts nothing else of Python runs."""

    def __new__(cls) -> Hold: ...
    @property
    def is_taken(self) -> bool:
        """Whether it is in use."""

    @property
    def is_broken(self) -> bool:
        """Whether something went wrong in it: nobody can take it any more."""

    def take(self, turn: Turn, *, want: bool = False) -> bool:
        """Take it, if it is free and whole, until the turn ends.

        Args:
            turn: one that has entered its block, and has nothing yet.
            want: if it isn't free, let a lane that has it tell its pool when it gives it back, and take it no more
                before someone else did.

        Returns:
            Whether it was free.

        """

    def want(self) -> None:
        """As `take` with `want` does, without taking it."""

@final
class Turn:
    """One caller's use of an infer request, as a context manager: what was taken is free again behind its block.

    Nothing can prevent that, neither Ctrl-C nor the end of Python's stack.

    Args:
        settle: is called once the request is free; once more, if that raises an error, which is passed on.
        harmless: the error with which a block may end without breaking the request.

    """

    def __new__(cls, settle: Callable[[], object], harmless: type[BaseException]) -> Turn: ...
    def __enter__(self) -> Turn: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@final
class Lane:
    """Runs one sample at a time, in one call, with the infer requests that pools begin with; for any threads."""

    @staticmethod
    def of(device: str, program: Any, pools: Mapping[str, Any]) -> Lane | None:
        """Make a lane for a program whose batches have one row.

        Args:
            device: where it runs, for the figures.
            program: a `Program`.
            pools: variant to `Pool`, as a dict.

        Returns:
            None if the program isn't plain: an input is preprocessed or has no axes, an output is one number for each
            sample, a dtype isn't supported, a number is too large, or the model has a state.

        """

    def infer(
        self, sample: object, figures: list[tuple[str, str, int, int, int, int, int, int]]
    ) -> dict[str, NDArray[Any]] | None:
        """Pad a sample, run the smallest variant that holds it, and cut its outputs.

        Args:
            sample: what is asked for is a dict of exactly the data inputs, of arrays of NumPy's own class that fit.
            figures: receives device, variant, how much of that is the sample, and how long it took to take the infer
                request, to pad, to infer, to cut, and as a whole, in ns.

        Returns:
            New arrays, in the order of the program's outputs; None where there is anything else to be done, nothing
            has been run, and nothing put down: the sample isn't as it should be, or the infer request isn't free.

        Raises:
            RuntimeError: the device failed. The infer request has been given back as broken.

        """
