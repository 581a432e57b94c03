"""Padding against NumPy, bit for bit."""

import pickle
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from arrays import UNTOUCHED, Array, Guarded
from npuspec._native import NonFiniteError, levels, pad

Side: TypeAlias = Literal["right", "left"]

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
MASK_DTYPES = ["?", "u1", "i1", "i4", "i8", "f2", "f4"]
SIDES: list[Side] = ["right", "left"]


def reference(samples: list[Array], like: Array, side: Side, value: object) -> Array:
    out = np.full_like(like, value)
    for row, sample in zip(out, samples, strict=True):
        sizes = zip(sample.shape, row.shape, strict=True)
        where = [slice(0, size) if side == "right" else slice(room - size, room) for size, room in sizes]
        row[tuple(where)] = sample
    return out


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Array], tuple[int, ...], Any]:
    """Samples as views of all kinds, the shape of their batch and an element to pad with."""
    dtype = draw(st.sampled_from(DTYPES))
    room = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    samples = []
    for _ in range(draw(st.integers(0, 3))):
        steps = [draw(st.sampled_from([1, 1, 2, -1, -3])) for _ in room]
        shape = [draw(st.integers(0, size)) for size in room]
        stored = draw(hnp.arrays(dtype, tuple(size * abs(step) for size, step in zip(shape, steps, strict=True))))
        sample = stored[tuple(slice(None, None, step) for step in steps)]
        if draw(st.booleans()):
            sample = np.asfortranarray(sample)
        if draw(st.booleans()):
            sample.flags.writeable = False
        samples.append(sample)
    return samples, (len(samples), *room), draw(hnp.from_dtype(np.dtype(dtype)))


@given(
    batch=batches(),
    side=st.sampled_from(SIDES),
    axis=st.integers(0, 3),
    dtypes=st.tuples(st.sampled_from(MASK_DTYPES), st.sampled_from(["i4", "i8"])),
    column=st.sampled_from([(), (1,)]),
)
def test_equals_numpy_bit_for_bit(
    batch: tuple[list[Array], tuple[int, ...], Any],
    side: Side,
    axis: int,
    dtypes: tuple[str, str],
    column: tuple[int, ...],
) -> None:
    samples, shape, value = batch
    mask_dtype, lengths_dtype = dtypes
    axis %= len(shape) - 1
    dtype = np.asarray(value).dtype.str
    memories = (
        Guarded(shape, dtype),
        Guarded((shape[0], *column), lengths_dtype),
        Guarded((shape[0], shape[1 + axis]), mask_dtype),
    )
    out, lengths, mask = (memory.array for memory in memories)
    wanted = reference(samples, out, side, value)
    sizes = [sample.shape[axis] for sample in samples]
    ones: list[Array] = [np.ones(size, mask_dtype) for size in sizes]
    for level in (None, *levels()):
        for array in (out, lengths, mask):
            array.view("u1")[...] = UNTOUCHED
        pad(samples, out, axis=axis, side=side, value=value, lengths=lengths, mask=mask, level=level)
        if np.isnan(value):  # a NaN is a NaN: its payload may not survive Python's float
            np.testing.assert_array_equal(out, wanted)
        else:
            assert out.tobytes() == wanted.tobytes()
        assert lengths.ravel().tolist() == sizes
        assert mask.tobytes() == reference(ones, mask, side, 0).tobytes()
        for memory in memories:
            memory.assert_intact()


@given(
    values=st.lists(hnp.arrays("f4", st.integers(0, 70)), max_size=4),
    step=st.sampled_from([1, 2, -1]),
    side=st.sampled_from(SIDES),
)
def test_single_precision_is_rounded_to_half_as_by_numpy(values: list[Array], step: int, side: Side) -> None:
    # What NumPy makes of a signalling NaN depends on the machine.
    samples = [np.where(np.isnan(value), np.float32(np.nan), value)[::step] for value in values]
    memory = Guarded((len(samples), 71), "f2")
    out = memory.array
    with np.errstate(over="ignore"):
        wanted = reference([sample.astype("f2") for sample in samples], out, side, 1.5)
    for level in levels():
        out.view("u1")[...] = UNTOUCHED
        pad(samples, out, side=side, value=1.5, level=level)
        assert out.tobytes() == wanted.tobytes()
        memory.assert_intact()


@pytest.mark.parametrize("dtype", ["u1", "i8"])
@pytest.mark.parametrize("side", SIDES)
def test_every_length_of_a_row_is_the_same_at_every_level(dtype: str, side: Side) -> None:
    # Stores of all widths, what is left of them, and what the C library does.
    room = 5000 // np.dtype(dtype).itemsize
    lengths = [*range(min(room, 700)), *range(room - 3, room + 1)]
    samples = [np.arange(1, n + 1).astype(dtype) for n in lengths]
    for level in levels():
        memory, mask = Guarded((len(samples), room), dtype, 3), Guarded((len(samples), room), "i4")
        pad(samples, memory.array, side=side, value=7, mask=mask.array, level=level)
        assert memory.array.tobytes() == reference(samples, memory.array, side, 7).tobytes()
        assert mask.array.sum(1).tolist() == lengths
        memory.assert_intact()
        mask.assert_intact()


def test_every_float16_and_its_neighbours_are_rounded_as_by_numpy() -> None:
    halves = np.arange(1 << 16, dtype="u2").view("f2").astype("f4")
    with np.errstate(invalid="ignore"):
        middle = (halves[:-1] + halves[1:]) / 2
    singles = np.concatenate([halves, *(np.nextafter(middle, side, dtype="f4") for side in (-np.inf, np.inf)), middle])
    singles = np.where(np.isnan(singles), np.copysign(np.float32(np.nan), singles), singles)
    with np.errstate(over="ignore"):
        wanted = singles.astype("f2").tobytes()
    for level in levels():
        out = np.empty((1, len(singles)), "f2")
        pad([singles], out, level=level)
        assert out.tobytes() == wanted


def test_a_signalling_nan_becomes_a_quiet_one_with_its_sign_and_payload() -> None:
    singles = np.array([0x7F800001, 0xFF802001, 0x7FC04000, 0xFFFFFFFF], "u4").view("f4")
    for level in levels():
        out = np.empty((1, 4), "f2")
        pad([singles], out, level=level)
        assert out.view("u2").tolist() == [[0x7E00, 0xFE01, 0x7E02, 0xFFFF]]


@given(batch=batches(), side=st.sampled_from(SIDES), dtype=st.sampled_from(["i4", "i8"]))
def test_samples_may_lie_one_after_another_in_one_array(
    batch: tuple[list[Array], tuple[int, ...], Any], side: Side, dtype: str
) -> None:
    samples, shape, value = batch
    rest = samples[0].shape[1:] if samples else shape[2:]
    samples = [sample for sample in samples if sample.shape[1:] == rest]
    packed = np.concatenate([np.empty((0, *rest), np.asarray(value).dtype), *samples])[::-1]
    sizes = np.array([len(sample) for sample in samples], dtype)
    ends = np.cumsum([0, *sizes])
    memory = Guarded((len(samples), *shape[1:]), packed.dtype.str)
    out = memory.array
    lengths = np.empty(len(samples), "i8")
    pad(packed, out, sizes=sizes, side=side, lengths=lengths)
    parts = [packed[start:end] for start, end in pairwise(ends)]
    assert out.tobytes() == reference(parts, out, side, 0).tobytes()
    assert lengths.tolist() == sizes.tolist()
    memory.assert_intact()


def test_axes_may_be_broadcast_and_transposed() -> None:
    samples = [np.broadcast_to(np.arange(3, dtype="i2"), (2, 3)), np.arange(6, dtype="i2").reshape(3, 2).T]
    out = np.empty((2, 4, 5), "i2")
    pad(samples, out, value=-7)
    assert (out == reference(samples, out, "right", -7)).all()


def test_arrays_needn_t_be_aligned() -> None:
    memory = np.zeros(4 * 9 + 1, "u1")
    out, sample = memory[1:17].view("f4").reshape(1, 4), memory[21:33].view("f4")
    lengths = np.zeros(9, "u1")[1:].view("i8")
    sample[:] = [1, 2, 3]
    pad([sample], out, value=9, lengths=lengths)
    assert out.tolist() == [[1, 2, 3, 9]]
    assert lengths.tolist() == [3]


def test_zero_sizes_are_fine() -> None:
    pad([], np.empty((0, 5), "f4"))
    pad([np.empty((0, 3), "f4")], np.empty((1, 0, 3), "f4"))
    out, mask, lengths = np.empty((2, 2, 3), "f4"), np.empty((2, 3), "?"), np.empty(2, "i4")
    pad([np.empty((0, 3), "f4"), np.empty((2, 0), "f4")], out, value=5, axis=1, mask=mask, lengths=lengths)
    assert (out == 5).all()
    assert mask.tolist() == [[True] * 3, [False] * 3]
    assert lengths.tolist() == [3, 0]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
def test_the_first_value_that_is_not_finite_is_named(bad: float, dtype: str, side: Side) -> None:
    good = np.full((60, 99), np.finfo(dtype).max, dtype)
    sample = np.full((50, 90), np.finfo(dtype).min, dtype)
    sample[40:, 70:] = bad
    memory = Guarded((2, 60, 100), dtype)
    out = memory.array
    for level in levels():
        with pytest.raises(NonFiniteError, match=r"sample 1 .* flat index 3670") as caught:
            pad([good, sample], out, side=side, finite=True, level=level)
    assert (caught.value.sample, caught.value.index) == (1, 40 * 90 + 70)
    assert caught.value.args == (str(caught.value),)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (type(again), again.sample, again.index) == (NonFiniteError, 1, 3670)
    memory.assert_intact()
    pad([good, sample], out, side=side)
    assert out.tobytes() == reference([good, sample], out, side, 0).tobytes()


def test_finite_says_nothing_of_integers_and_padding() -> None:
    pad([np.ones(2, "i4")], np.empty((1, 3), "i4"), finite=True)
    out = np.empty((1, 3), "f4")
    pad([np.ones(2, "f4")], out, value=np.inf, finite=True)
    assert out.tolist() == [[1, 1, np.inf]]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("?", 2),
        ("?", 0.5),
        ("u1", -1),
        ("u1", 256),
        ("i1", -129),
        ("u2", 1 << 16),
        ("i4", 1 << 31),
        ("i4", 0.5),
        ("i8", float("nan")),
        ("i8", float("inf")),
        ("i8", 1 << 63),
        ("i8", 2.0**63),
        ("u8", 1 << 64),
        ("f2", 65520.0),
        ("f4", 1e39),
        ("f8", 10**400),
    ],
)
def test_values_without_counterpart_are_refused(dtype: str, value: float) -> None:
    memory = Guarded((1, 3), dtype)
    out = memory.array
    with pytest.raises(ValueError, match=r"value|dtype"):
        pad([np.ones(2, dtype)], out, value=value)
    assert (out.view("u1") == UNTOUCHED).all()
    memory.assert_intact()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("?", True),
        ("?", 1.0),
        ("u8", (1 << 64) - 1),
        ("i8", -(1 << 63)),
        ("i4", 7.0),
        ("i2", np.int64(3)),
        ("f4", 0.1),
        ("f4", -0.0),
        ("f8", np.float32(0.1)),
    ],
)
def test_values_with_a_counterpart_are_taken(dtype: str, value: float) -> None:
    out = np.empty((1, 1), dtype)
    pad([np.empty(0, dtype)], out, value=value)
    assert out.tobytes() == np.array([value]).astype(dtype).tobytes()


@given(st.floats(-65519, 65519) | st.floats(-1e-7, 1e-7) | st.integers(-65519, 65519))
@example(1 + 2**-11 + 2**-40)  # rounded to float32 first, it would go down
@example(-1 - 2**-11 - 2**-30)
@example(2**-25 + 2**-60)
def test_values_are_rounded_once(value: float) -> None:
    out = np.empty((1, 1), "f2")
    pad([np.empty(0, "f2")], out, value=value)
    assert out.tobytes() == np.array([float(value)]).astype("f2").tobytes()


GOOD, OUT, MEMORY = np.ones(2, "f4"), np.zeros((2, 3), "f4"), np.zeros(6, "i4")
HALF = np.zeros((2, 3), "f2")
PACKED: dict[str, Any] = {"samples": GOOD, "sizes": np.array([1, 1]), "lengths": None, "mask": None}
FROZEN = np.zeros((2, 3), "f4")
FROZEN.flags.writeable = False
SWAPPED = np.dtype("f4").newbyteorder("S")


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        pytest.param(TypeError, "sample 1 is a", {"samples": [GOOD, [1.0]]}, id="no array"),
        pytest.param(TypeError, "iterable", {"samples": 1}, id="no samples"),
        pytest.param(TypeError, "out is a", {"out": [[0.0]]}, id="out is a list"),
        pytest.param(TypeError, r"sample 1 has .* float32", {"samples": [GOOD, GOOD.astype("f8")]}, id="dtype"),
        pytest.param(TypeError, "sample 1 has", {"samples": [GOOD, GOOD.astype(SWAPPED)]}, id="byte order"),
        pytest.param(TypeError, "out has", {"out": np.zeros((2, 3), SWAPPED)}, id="byte order of out"),
        pytest.param(TypeError, "isn't supported", {"out": np.zeros((2, 3), "c8")}, id="complex"),
        pytest.param(TypeError, "isn't supported", {"out": np.zeros((2, 3), "f4,f4")}, id="structure"),
        pytest.param(BufferError, "out is read-only", {"out": FROZEN}, id="read-only"),
        pytest.param(BufferError, "isn't C-contiguous", {"out": np.zeros((2, 6), "f4")[:, ::2]}, id="strided"),
        pytest.param(BufferError, "sample 1 has no axes", {"samples": [GOOD, np.array(1, "f4")]}, id="scalar"),
        pytest.param(BufferError, "lengths is read-only", {"lengths": memoryview(bytes(8)).cast("i")}, id="bytes"),
        pytest.param(BufferError, "mask isn't C-contiguous", {"mask": np.zeros((3, 2), "?").T}, id="strided mask"),
        pytest.param(ValueError, "3 samples, but out has 2", {"samples": [GOOD] * 3}, id="count"),
        pytest.param(ValueError, "sample 1 has rank 2", {"samples": [GOOD, GOOD.reshape(1, 2)]}, id="rank"),
        pytest.param(ValueError, "sample 1 has size 4 on axis 0", {"samples": [GOOD, np.ones(4, "f4")]}, id="size"),
        pytest.param(ValueError, "no axis 1", {"axis": 1}, id="axis"),
        pytest.param(ValueError, "less than 0", {"axis": -1}, id="negative axis"),
        pytest.param(ValueError, "side is", {"side": "both"}, id="side"),
        pytest.param(ValueError, "threads is 0", {"threads": 0}, id="threads"),
        pytest.param(ValueError, "no level", {"level": "sse"}, id="level"),
        pytest.param(TypeError, "not dtype float32", {"out": HALF, "samples": [GOOD, HALF[0]]}, id="half and single"),
        pytest.param(ValueError, "rank 2, not 1", {"samples": GOOD, "sizes": np.zeros((1, 2), "i4")}, id="sizes rank"),
        pytest.param(TypeError, "sizes has dtype", {"samples": GOOD, "sizes": np.ones(2, "u4")}, id="sizes dtype"),
        pytest.param(ValueError, "more than the 2", {"samples": GOOD, "sizes": np.array([2, 1])}, id="sizes too large"),
        pytest.param(
            ValueError, "add up to 1, but", {"samples": GOOD, "sizes": np.array([0, 1])}, id="sizes too small"
        ),
        pytest.param(
            ValueError, "less than 0, at 1", {"samples": GOOD, "sizes": np.array([1, -1])}, id="sizes below 0"
        ),
        pytest.param(ValueError, "2 samples", {"out": np.zeros((3, 3), "f4"), **PACKED}, id="sizes and rows"),
        pytest.param(
            ValueError, "sample 0 has size 4", {"samples": np.ones(5, "f4"), "sizes": np.array([4, 1])}, id="room"
        ),
        pytest.param(TypeError, "value", {"value": "0"}, id="value"),
        pytest.param(ValueError, "lengths has shape", {"lengths": np.zeros(3, "i4")}, id="lengths shape"),
        pytest.param(TypeError, "lengths has dtype", {"lengths": np.zeros(2, "u4")}, id="lengths dtype"),
        pytest.param(ValueError, "mask has shape", {"mask": np.zeros((2, 2), "?")}, id="mask shape"),
        pytest.param(TypeError, "mask has dtype", {"mask": np.zeros((2, 3), "f8")}, id="mask dtype"),
        pytest.param(ValueError, "out and sample 1", {"samples": [GOOD, OUT[1, :2]]}, id="overlap"),
        pytest.param(ValueError, "out and mask", {"mask": OUT}, id="overlap of mask"),
        pytest.param(
            ValueError,
            "lengths and mask",
            {"lengths": MEMORY[:2], "mask": MEMORY.view("u1")[4:10].reshape(2, 3)},
            id="overlap of outputs",
        ),
    ],
)
def test_nothing_is_written_when_a_call_is_wrong(
    error: type[Exception], message: str, arguments: dict[str, Any]
) -> None:
    lengths, mask = np.zeros(2, "i4"), np.zeros((2, 3), "?")
    call: dict[str, Any] = {"samples": [GOOD, GOOD], "out": OUT, "value": 1, "lengths": lengths, "mask": mask}
    with pytest.raises(error, match=message):
        pad(**call | arguments)
    for output in (OUT, HALF, FROZEN, MEMORY, lengths, mask):
        assert not output.any()


def test_samples_may_overlap_each_other() -> None:
    memory, out = np.arange(4, dtype="f4"), np.empty((2, 3), "f4")
    pad([memory[:3], memory[::-1][:3]], out)
    assert out.tolist() == [[0, 1, 2], [3, 2, 1]]


def test_memory_is_held_while_it_is_used_and_released_after() -> None:
    out = bytearray(8)
    samples: Any = [memoryview(b"abc")]
    view: Any = memoryview(out).cast("B", (1, 8))
    pad(samples, view, value=ord("."))
    view.release()
    out += b"!"
    assert bytes(out) == b"abc.....!"
