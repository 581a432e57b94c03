"""What a model is fed: exactly what NumPy would build, or a refusal that says why."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from npuspec.bundle.program import DataInput, LengthInput, Program, Variant
from npuspec.diagnostics import InputError
from npuspec.runtime.feed import check_sample, choose_variant
from npuspec.runtime.fill import Filler
from runtime.toys import data, length, mask, program

Arrays = dict[str, NDArray[Any]]
RNG = np.random.default_rng(0)


def expected(toy: Program, variant: Variant, rows: list[Arrays]) -> Arrays:
    """Build a model's inputs with NumPy."""
    result: Arrays = {}
    for port in toy.inputs:
        shape = variant.shapes[port.name]
        if isinstance(port, DataInput):
            result[port.name] = np.full(shape, port.pad_value, port.dtype)
            for row, sample in enumerate(rows):
                array = sample[port.name]
                starts = [t - s if port.pad_side == "left" else 0 for s, t in zip(array.shape, shape[1:], strict=True)]
                place = tuple(slice(a, a + s) for a, s in zip(starts, array.shape, strict=True))
                result[port.name][row : row + 1][(slice(None), *place)] = array
            continue
        followed = next(i for i in toy.inputs if i.name == port.of)
        assert isinstance(followed, DataInput)
        sizes = [sample[port.of].shape[followed.axes.index(port.dim)] for sample in rows]
        if isinstance(port, LengthInput):
            result[port.name] = np.array(sizes, port.dtype).reshape(shape)
        else:
            places = np.arange(shape[1])
            valid = [p >= shape[1] - n if followed.pad_side == "left" else p < n for n in sizes for p in [places]]
            result[port.name] = np.array(valid).astype(port.dtype)
    return result


def fed(toy: Program, variant: Variant, rows: list[Arrays]) -> Arrays:
    """Fill buffers that hold something else before."""
    buffers = {i.name: np.full(variant.shapes[i.name], 77, i.dtype) for i in toy.inputs}
    Filler(toy)(buffers, [check_sample(toy, row)[0] for row in rows])
    return buffers


def assert_fed_as_expected(toy: Program, rows: list[Arrays]) -> None:
    for variant in toy.variants:
        wanted, found = expected(toy, variant, rows), fed(toy, variant, rows)
        for name, array in wanted.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array, err_msg=name)


def sample(toy: Program, **sizes: int) -> Arrays:
    result: Arrays = {}
    for port in toy.inputs:
        if isinstance(port, DataInput):
            shape = [sizes[a] if isinstance(a, str) else a for a in port.axes]
            result[port.name] = np.asarray(RNG.integers(0, 2, shape) + RNG.random(shape)).astype(port.dtype)
    return result


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("size", [1, 5, 8])
@pytest.mark.parametrize("dtype", ["int64", "int32", "bool", "float32", "float16", "int8", "uint8"])
def test_a_mask_is_1_where_the_sample_is(dtype: str, size: int, side: str) -> None:
    toy = program(data(pad_side=side), mask(dtype=dtype))
    assert_fed_as_expected(toy, [sample(toy, time=size)])


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("dtype", ["int64", "int32"])
@pytest.mark.parametrize("size", [1, 5, 8])
def test_a_length_is_the_samples_own(dtype: str, rank: int, size: int) -> None:
    toy = program(data(), length(dtype=dtype), length_rank=rank)
    assert_fed_as_expected(toy, [sample(toy, time=size)])


@pytest.mark.parametrize("side", ["left", "right"])
def test_several_masks_and_lengths_of_one_input_all_follow_it(side: str) -> None:
    toy = program(
        data(pad_side=side), mask("m1", "bool"), length("n1", "int32"), mask("m2", "float32"), length("n2", "int64")
    )
    assert_fed_as_expected(toy, [sample(toy, time=3)])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dims", [("time", "width"), ("width", "time")])
def test_lengths_and_masks_of_one_input_may_follow_other_dimensions(side: str, dims: tuple[str, str]) -> None:
    first, second = dims
    toy = program(
        data(axes=("time", 2, "width"), pad_side=side),
        mask("m1", "bool", dim=first),
        mask("m2", "float32", dim=second),
        length("n1", "int32", dim=second),
        length("n2", "int64", dim=first),
        mask("m3", "int64", dim=second),
        sizes=({"time": 8, "width": 5},),
        batch=2,
    )
    assert_fed_as_expected(toy, [sample(toy, time=3, width=5), sample(toy, time=8, width=1)])


@pytest.mark.parametrize("columns", ["first", "second"])
def test_lengths_of_one_input_may_differ_in_rank(columns: str) -> None:
    toy = program(data(), length("first", "int32"), length("second", "int64"), batch=2)
    (variant,) = toy.variants
    variant = structs.replace(variant, shapes={**variant.shapes, columns: (2, 1)})
    toy = structs.replace(toy, variants=(variant,))
    assert_fed_as_expected(toy, [sample(toy, time=size) for size in (3, 7)])


@pytest.mark.parametrize("value", [0.0, -1.5, 1e30, -3e38])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_has_the_stated_value_and_side(value: float, side: str) -> None:
    toy = program(data(pad_value=value, pad_side=side))
    assert_fed_as_expected(toy, [sample(toy, time=3)])


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"],
)
def test_every_dtype_is_padded(dtype: str) -> None:
    toy = program(data(dtype=dtype, pad_value=1.0), mask())
    assert_fed_as_expected(toy, [sample(toy, time=3)])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (4, 6), (4, 2)])
def test_two_padded_dimensions_are_padded_on_the_same_side(side: str, height: int, width: int) -> None:
    sizes = ({"height": 4, "width": 6},)
    for axes in (("height", "width"), ("height", "width", 3), (3, "height", "width"), ("width", 2, "height")):
        toy = program(data(axes=axes, pad_side=side, pad_value=9.0), sizes=sizes)
        assert_fed_as_expected(toy, [sample(toy, height=height, width=width)])


def test_a_dimension_may_be_any_axis_of_the_input_that_is_followed() -> None:
    toy = program(data(axes=(3, "time")), length(), mask())
    assert_fed_as_expected(toy, [sample(toy, time=5)])


def test_inputs_that_share_a_dimension_are_padded_alike() -> None:
    toy = program(data(), data("z", ("time", 4), "int32", pad_value=-1.0), length(of="z"), mask())
    assert_fed_as_expected(toy, [sample(toy, time=5)])


def test_an_input_of_fixed_size_is_fed_as_it_is() -> None:
    toy = program(data(axes=(3, 2)), sizes=({},))
    assert_fed_as_expected(toy, [sample(toy)])


@pytest.mark.parametrize("finite", [False, True])
def test_an_input_of_one_number_a_sample_is_fed_as_it_is(finite: bool) -> None:
    toy = program(data(axes=(), finite=finite), data("ids", (), "int64"), batch=3, sizes=({},))
    rows: list[Arrays] = [{"x": np.array(n, np.float32), "ids": np.array(n)} for n in (1, 2, 3)]
    assert_fed_as_expected(toy, rows)


@pytest.mark.parametrize("rank", [1, 2])
def test_every_row_of_a_batch_has_its_own_length_and_mask(rank: int) -> None:
    toy = program(data(pad_side="left"), length(), mask(), batch=3, length_rank=rank)
    assert_fed_as_expected(toy, [sample(toy, time=size) for size in (8, 1, 4)])


LAYOUTS: Mapping[str, Any] = {
    "every second element": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "columns first": np.asfortranarray,
    "transposed": lambda a: a.T.copy().T,
    "a broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "inside a larger array": lambda a: np.pad(a, 1)[1:-1, 1:-1],
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    "a view of a subclass": lambda a: a.view(np.matrix),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_an_array_makes_no_difference(layout: str) -> None:
    toy = program(data(axes=("time", 3), finite=True), mask())
    array = LAYOUTS[layout](sample(toy, time=5)["x"])
    before = np.array(array)
    array.flags.writeable = False
    assert_fed_as_expected(toy, [{"x": array}])
    np.testing.assert_array_equal(np.asarray(array), before)


def test_the_smallest_variant_that_holds_the_sample_is_chosen() -> None:
    toy = program(data(), sizes=({"time": 4}, {"time": 8}, {"time": 16}))
    chosen = [choose_variant(toy, {"time": n}).sizes["time"] for n in (1, 4, 5, 8, 9, 16)]
    assert chosen == [4, 4, 8, 8, 16, 16]


def test_a_variant_has_to_hold_the_sample_in_every_dimension() -> None:
    sizes = ({"h": 2, "w": 2}, {"h": 2, "w": 8}, {"h": 8, "w": 2}, {"h": 8, "w": 8})
    toy = program(data(axes=("h", "w")), sizes=sizes)
    assert choose_variant(toy, {"h": 2, "w": 2}).sizes == sizes[0]
    assert choose_variant(toy, {"h": 1, "w": 3}).sizes == sizes[1]
    assert choose_variant(toy, {"h": 3, "w": 1}).sizes == sizes[2]
    assert choose_variant(toy, {"h": 3, "w": 3}).sizes == sizes[3]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_is_not_finite_is_refused_with_its_place(bad: float, dtype: str) -> None:
    toy = program(data(axes=("time", 2), dtype=dtype, finite=True), mask())
    rows = [sample(toy, time=5)]
    rows[0]["x"][3, 1] = bad
    with pytest.raises(InputError, match="`x` holds NaN or an infinity, first at element 7") as caught:
        fed(toy, toy.variants[0], rows)
    assert caught.value.code == "not-finite"


def test_what_is_not_finite_is_fed_where_nothing_else_is_said() -> None:
    toy = program(data())
    assert_fed_as_expected(toy, [{"x": np.array([1, np.nan, np.inf, -np.inf], np.float32)}])
