"""Cutting batches against NumPy, bit for bit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_pad import DTYPES, SIDES, Side

from arrays import UNTOUCHED, Array, Guarded
from npuspec._native import levels, unpad


@given(st.data(), st.sampled_from(SIDES))
def test_equals_numpy_bit_for_bit(draw: st.DataObject, side: Side) -> None:
    dtype = draw.draw(st.sampled_from(DTYPES))
    room = draw.draw(hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=5))
    steps = [draw.draw(st.sampled_from([1, 1, 2, -1, -3])) for _ in room]
    stored = draw.draw(hnp.arrays(dtype, tuple(size * abs(step) for size, step in zip(room, steps, strict=True))))
    batch = stored[tuple(slice(None, None, step) for step in steps)]
    memories, wanted = [], []
    for row in batch:
        shape = tuple(draw.draw(st.integers(0, size)) for size in row.shape)
        memories.append(Guarded(shape, dtype))
        sizes = zip(shape, row.shape, strict=True)
        wanted.append(row[tuple(slice(0, n) if side == "right" else slice(most - n, most) for n, most in sizes)])
    for level in (None, *levels()):
        for memory in memories:
            memory.array.view("u1")[...] = UNTOUCHED
        unpad(batch, [memory.array for memory in memories], side=side, level=level)
        for memory, right in zip(memories, wanted, strict=True):
            assert memory.array.tobytes() == right.tobytes()
            memory.assert_intact()


def test_much_is_cut_while_other_threads_may_run() -> None:
    batch = np.arange(1 << 20, dtype="f4").reshape(4, 512, 512)
    outs: list[Array] = [np.empty((n, 500), "f4") for n in (512, 1, 0, 300)]
    unpad(batch, outs)
    for row, out in zip(batch, outs, strict=True):
        assert (out == row[: len(out), :500]).all()


BATCH = np.ones((2, 3), "f4")
MEMORY = np.zeros(4, "f4")
FROZEN = np.zeros(2, "f4")
FROZEN.flags.writeable = False


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        pytest.param(TypeError, "batch is a", {"batch": [[1.0]]}, id="no array"),
        pytest.param(TypeError, "isn't supported", {"batch": np.ones((2, 3), "c8")}, id="complex"),
        pytest.param(TypeError, "output 1 has", {"outs": [np.zeros(2, "f4"), np.zeros(2, "f8")]}, id="dtype"),
        pytest.param(TypeError, "iterable", {"outs": 1}, id="no outputs"),
        pytest.param(BufferError, "output 1 is read-only", {"outs": [np.zeros(2, "f4"), FROZEN]}, id="read-only"),
        pytest.param(BufferError, "isn't C-contig", {"outs": [np.zeros(2, "f4"), MEMORY[::2]]}, id="strided"),
        pytest.param(ValueError, "1 outputs, but the batch has 2", {"outs": [np.zeros(2, "f4")]}, id="count"),
        pytest.param(ValueError, "output 0 has rank 2", {"outs": [np.zeros((1, 2), "f4"), MEMORY]}, id="rank"),
        pytest.param(ValueError, "output 1 has size 4", {"outs": [np.zeros(2, "f4"), MEMORY]}, id="size"),
        pytest.param(ValueError, "output 0 and output 1", {"outs": [MEMORY[:3], MEMORY[2:]]}, id="overlap"),
        pytest.param(
            ValueError, "output 1 and batch", {"outs": [np.zeros(1, "f4"), BATCH[1, :2]]}, id="overlap of batch"
        ),
        pytest.param(ValueError, "side is", {"side": "both"}, id="side"),
    ],
)
def test_nothing_is_written_when_a_call_is_wrong(
    error: type[Exception], message: str, arguments: dict[str, Any]
) -> None:
    call: dict[str, Any] = {"batch": BATCH, "outs": [MEMORY[:1], MEMORY[1:3]]}
    with pytest.raises(error, match=message):
        unpad(**call | arguments)
    assert not MEMORY.any()
    assert not FROZEN.any()
    assert (BATCH == 1).all()
