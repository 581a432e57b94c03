"""Any program, any samples: a session feeds what plain NumPy would build, and gives each sample its own result."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from numpy.typing import NDArray

from npuspec.bundle.program import DataInput, Extent, Input, Output, Program
from npuspec.plan.passes.bind import combinations
from npuspec.runtime import Engine, Session
from runtime.test_feed import assert_fed_as_expected
from runtime.toys import compiled, data, doubled, length, mask, program

Arrays = dict[str, NDArray[Any]]
DTYPES = ("float32", "float16", "int64", "int32", "int8", "uint8")


@st.composite
def programs(draw: st.DrawFn, *, followers: bool) -> Program:
    """Draw a program of one data input of rank 1 to 5 with its batch, several of whose axes may vary."""
    names = ("height", "width", "time", "depth")
    axes: list[str | int] = [draw(st.just(name) | st.sampled_from([1, 3])) for name in names[: draw(st.integers(0, 4))]]
    padded = [axis for axis in axes if isinstance(axis, str)]
    dims = {dim: tuple(sorted(draw(st.sets(st.integers(1, 9), min_size=1, max_size=3)))) for dim in padded}
    dtype, side = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(["left", "right"]))
    inputs: list[Input] = [data(axes=tuple(axes), dtype=dtype, pad_side=side, pad_value=draw(st.integers(0, 100)))]
    if followers and padded:
        dim = draw(st.sampled_from(padded))
        inputs += [length(dim=dim, dtype=draw(st.sampled_from(["int32", "int64"])))] if draw(st.booleans()) else []
        inputs += [mask(dim=dim, dtype=draw(st.sampled_from(DTYPES)))] if draw(st.booleans()) else []
    extents = tuple(Extent(dim=str(axis), axis=n) for n, axis in enumerate(axes, 1) if isinstance(axis, str))
    return program(
        *inputs,
        batch=draw(st.integers(1, 4)),
        sizes=tuple(combinations(dims)),
        length_rank=draw(st.integers(1, 2)),
        outputs=(Output(name="y", dtype=dtype, extents=extents),),
    )


@st.composite
def samples_of(draw: st.DrawFn, toy: Program, within: dict[str, int]) -> Arrays:
    """Draw a sample of any sizes up to the given ones: an exact fit is as likely as any other size."""
    (port,) = (port for port in toy.inputs if isinstance(port, DataInput))
    sizes = {dim: draw(st.sampled_from([*range(1, most + 1), most])) for dim, most in within.items()}
    shape = [sizes.get(str(axis), axis) for axis in port.axes]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return {"x": np.asarray(rng.integers(0, 50, shape)).astype(port.dtype)}


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_every_variant_is_fed_what_numpy_would_build(how: st.DataObject) -> None:
    toy = how.draw(programs(followers=True))
    variant = how.draw(st.sampled_from(toy.variants))
    rows = [how.draw(samples_of(toy, variant.sizes)) for _ in range(toy.batch)]
    assert_fed_as_expected(structs.replace(toy, variants=(variant,)), rows)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_every_sample_gets_its_own_result_without_padding(how: st.DataObject) -> None:
    toy = how.draw(programs(followers=False))
    largest = {name: dim.maximum for name, dim in toy.dims.items()}
    samples = [how.draw(samples_of(toy, largest)) for _ in range(how.draw(st.integers(0, 9)))]
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as session:
        results = session.infer_many(samples)
        assert len(results) == len(samples)
        for sample, result in zip(samples, results, strict=True):
            np.testing.assert_array_equal(result["y"], sample["x"] + sample["x"])
            np.testing.assert_array_equal(session.infer(sample)["y"], result["y"])
