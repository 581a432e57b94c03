"""`kernels.pad` and `kernels.unpad`: what is made where nothing is given, and what is refused."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from npuspec import kernels

SAMPLES = [np.arange(n, dtype="f4") for n in (3, 5, 0)]


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({}, (3, 5)),
        ({"size": 8}, (3, 8)),
        ({"size": (6,)}, (3, 6)),
        ({"size": np.int64(8)}, (3, 8)),
        ({"size": np.array([6])}, (3, 6)),
        ({"samples": [np.ones((2, 3), "f4"), np.ones((4, 1), "f4")]}, (2, 4, 3)),
        ({"samples": [np.ones((2, 3), "f4")], "size": 5, "axis": 1}, (1, 2, 5)),
        ({"samples": [np.ones((2, 3), "f4")], "size": [4, 6]}, (1, 4, 6)),
        ({"samples": np.ones((6, 2), "f4"), "sizes": [1, 5, 0]}, (3, 5, 2)),
        ({"samples": np.ones((6, 2), "f4"), "sizes": [1, 5, 0], "size": 9}, (3, 9, 2)),
    ],
)
def test_a_batch_is_as_large_as_it_must_be(arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    call = {"samples": SAMPLES, "value": -1, **arguments}
    batch = kernels.pad(**call)
    assert batch.shape == shape
    assert batch.dtype == np.float32
    samples = call["samples"] if isinstance(call["samples"], list) else np.split(call["samples"], [1, 6])
    assert (batch != -1).sum() == sum(sample.size for sample in samples)


def test_a_batch_that_is_given_is_returned() -> None:
    out, mask, lengths = np.empty((3, 5), "f2"), np.empty((3, 5), "?"), np.empty(3, "i8")
    assert kernels.pad(SAMPLES, out=out, mask=mask, lengths=lengths, side="left") is out
    assert lengths.tolist() == mask.sum(1).tolist() == [3, 5, 0]
    assert kernels.pad(SAMPLES, dtype="f2", side="left").tobytes() == out.tobytes()


@pytest.mark.parametrize("side", ["right", "left"])
def test_what_is_cut_is_what_was_padded(side: Any) -> None:
    batch = kernels.pad(SAMPLES, 9, side=side)
    for found in (
        kernels.unpad(batch, [3, 5, 0], side=side),
        kernels.unpad(batch, np.array([[3], [5], [0]]), side=side),
    ):
        assert all(np.array_equal(a, b) for a, b in zip(found, SAMPLES, strict=True))
    given: list[Any] = [np.empty(n, "f4") for n in (3, 5, 0)]
    assert all(a is b for a, b in zip(kernels.unpad(batch, [3, 5, 0], side=side, out=given), given, strict=True))


def test_any_axes_are_cut() -> None:
    batch = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    for found, row, n in zip(kernels.unpad(batch, [4, 0], axis=1), batch, (4, 0), strict=True):
        assert np.array_equal(found, row[:, :n])
    for found, row, (m, n) in zip(kernels.unpad(batch, [[4, 1], [2, 5]], axis=1), batch, [(4, 1), (2, 5)], strict=True):
        assert np.array_equal(found, row[:, :m, :n])
    assert kernels.unpad(batch[:0], []) == []


BATCH = np.ones((2, 3), "f4")


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "without samples", lambda: kernels.pad([])),
        (ValueError, "without samples", lambda: kernels.pad(BATCH, sizes=[])),
        (ValueError, r"ranks \[1, 2\]", lambda: kernels.pad([BATCH, BATCH[0]])),
        (ValueError, "axis is 2, and samples have rank 2", lambda: kernels.pad([BATCH], 4, axis=2)),
        (ValueError, "axis is -1", lambda: kernels.pad([BATCH], axis=-1)),
        (ValueError, "room for 1", lambda: kernels.pad([BATCH[0]], True)),
        (TypeError, "samples is a generator", lambda: kernels.pad(row for row in BATCH)),  # type: ignore[arg-type]
        (TypeError, "samples is a dict", lambda: kernels.pad({0: BATCH[0]})),  # type: ignore[arg-type]
        (ValueError, "sizes has rank 2", lambda: kernels.pad(BATCH, sizes=[[1, 1]])),
        (ValueError, "beyond int64", lambda: kernels.pad(BATCH, sizes=np.array([2**64 - 1, 3], np.uint64))),
        (TypeError, "its mask would be lost", lambda: kernels.pad([np.ma.masked_array([1.0, 2.0])])),
        (TypeError, "its mask would be lost", lambda: kernels.unpad(np.ma.masked_array(BATCH), [1, 2])),
        (ValueError, r"size is \(4,\)", lambda: kernels.pad([BATCH], (4,))),
        (ValueError, "size 3 on axis 0", lambda: kernels.pad([BATCH[0]], 2)),
        (ValueError, "out is given", lambda: kernels.pad([BATCH[0]], 2, out=BATCH)),
        (ValueError, "out is given", lambda: kernels.pad([BATCH[0]], out=BATCH, dtype="f2")),
        (TypeError, "a sample is a list", lambda: kernels.pad([[1.0]])),  # type: ignore[list-item]
        (TypeError, "sizes has dtype float64", lambda: kernels.pad(BATCH, sizes=[2.0])),
        (kernels.NonFiniteError, "sample 0", lambda: kernels.pad([BATCH[0] * np.inf], finite=True)),
        (TypeError, "batch is a list", lambda: kernels.unpad([[1.0]], [1])),  # type: ignore[arg-type]
        (TypeError, "lengths has dtype", lambda: kernels.unpad(BATCH, [0.5, 1])),
        (ValueError, "lengths has rank 0", lambda: kernels.unpad(BATCH, 3)),
        (ValueError, "don't fit rows of rank 1", lambda: kernels.unpad(BATCH, [1, 1], axis=1)),
        (ValueError, "don't fit rows of rank 1", lambda: kernels.unpad(BATCH, [1, 1], axis=-1)),
        (ValueError, "don't fit rows of rank 1", lambda: kernels.unpad(BATCH, [[1, 1], [1, 1]])),
        (ValueError, "1 outputs", lambda: kernels.unpad(BATCH, [1])),
        (ValueError, "output 1 has size 4", lambda: kernels.unpad(BATCH, [1, 4])),
        (ValueError, "negative", lambda: kernels.unpad(BATCH, [1, -1])),
        (ValueError, "shapes of out", lambda: kernels.unpad(BATCH, [1, 1], out=[BATCH[0, :1]])),
        (BufferError, "isn't C-contiguous", lambda: kernels.unpad(BATCH, [2], out=[np.zeros(4, "f4")[::2]])),
    ],
)
def test_what_can_t_be_is_refused(error: type[Exception], message: str, call: Any) -> None:
    with pytest.raises(error, match=message):
        call()


def test_openvino_isn_t_needed_and_numpy_only_here() -> None:
    code = (
        "import sys, npuspec; a = 'numpy' in sys.modules; import npuspec.kernels; print(a, 'openvino' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
