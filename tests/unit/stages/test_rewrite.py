"""Masks and selections in the graph: what NumPy makes of the same lengths, or a refusal."""

from typing import Any, Literal

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from openvino import opset13 as op
from runtime.toys import CORE, data, length, mask

from npuspec.bundle.program import Extent, Input, LengthInput, Variant
from npuspec.diagnostics import StageError
from npuspec.facts.inspect import port_name
from npuspec.plan.model import BuiltMask, Rewrite, Selection
from npuspec.runtime.feed import Array
from npuspec.stages.rewrite import check_rewrite, rewrite_model
from stages.conftest import Stage
from toy_specs import write

ADDED = LengthInput(name="time_length", dtype="int32", of="x", dim="time")
REFERENCE = {"INFERENCE_PRECISION_HINT": "f32"}
KINDS = ("last-valid", "masked-mean", "zero-invalid")


def parameter(name: str, shape: list[int], dtype: str) -> Any:
    node = op.parameter(shape, ov.Type(np.dtype(dtype)), name=name)
    node.output(0).set_names({name})
    return node


def model(inputs: dict[str, tuple[list[int], str]], build: Any) -> ov.Model:
    """Return a model of named inputs and outputs."""
    given = {name: parameter(name, *form) for name, form in inputs.items()}
    results = []
    for name, node in build(**given).items():
        node.output(0).set_names({name})
        results.append(op.result(node, name=name))
    return ov.Model(results, list(given.values()), "toy")


def passed(node: Any) -> Any:
    """Return an operation that changes nothing, NaN included."""
    return op.transpose(node, op.constant(np.arange(len(node.shape))))


def variant(size: int, **shapes: tuple[int, ...]) -> Variant:
    return Variant(name="v", sizes={"time": size}, shapes=shapes)


def selection(kind: Any, *, length: str = "time_length", side: Any = "right", axis: int = 1, **form: int) -> Selection:
    extent = Extent(dim="time", axis=axis, **form)
    return Selection(output="y", kind=kind, extent=extent, length=length, side=side)


def run(rewritten: ov.Model, fed: dict[str, Array]) -> dict[str, Array]:
    request = CORE.compile_model(rewritten, "CPU", REFERENCE).create_infer_request()
    request.infer(fed)
    return {port_name(port): np.array(request.get_tensor(port_name(port)).data) for port in rewritten.outputs}


def chosen(rows: Array, kind: str, axis: int, steps: list[int], side: str) -> Array:
    """Select with NumPy, row by row; without any step the mean and the last step are 0."""
    made = []
    for row, n in zip(np.moveaxis(rows, axis, 1), steps, strict=True):
        places = np.arange(len(row))
        valid = places < n if side == "right" else places >= len(row) - n
        if kind == "last-valid":
            made.append(row[valid][-1] if n > 0 else np.zeros_like(row[0]))
        elif kind == "masked-mean":
            made.append(row[valid].mean(0) if n > 0 else np.zeros_like(row[0]))
        else:
            made.append(np.moveaxis(np.where(valid.reshape(-1, *(1 for _ in row.shape[1:])), row, 0), 0, axis - 1))
    return np.array(made, rows.dtype)


FORMS = st.fixed_dictionaries(
    {
        "scale": st.integers(1, 3),
        "offset": st.integers(-3, 5),
        "divisor": st.integers(1, 4),
    }
)


@settings(deadline=None)
@given(draw=st.data())
def test_selections_are_those_of_numpy_whatever_the_padding_holds(draw: st.DataObject) -> None:
    kind, side = draw.draw(st.sampled_from(KINDS)), draw.draw(st.sampled_from(["right", "left"]))
    batch, size, form = draw.draw(st.integers(1, 3)), draw.draw(st.integers(1, 9)), draw.draw(FORMS)
    dtype = draw.draw(st.sampled_from(["float32", "float16"] + ["int64", "int32", "bool"] * (kind != "masked-mean")))
    lengths = draw.draw(st.lists(st.integers(0, size), min_size=batch, max_size=batch))
    others = draw.draw(st.lists(st.integers(1, 3), max_size=2))
    axis = draw.draw(st.integers(1, len(others) + 1))
    extent = Extent(dim="time", axis=axis, **form)
    shape = [batch, *others[: axis - 1], max(extent.of(size), 1), *others[axis - 1 :]]
    steps = [max(extent.of(n), 0) for n in lengths]

    plain = model({"x": (shape, dtype)}, lambda x: {"z": passed(x), "y": passed(passed(x))})
    asked: dict[str, Any] = {"side": side, "axis": axis, **form}
    rewrite = Rewrite(lengths=(ADDED,), masks=(), selects=(selection(kind, **asked),))
    rewritten = rewrite_model(plain, rewrite, variant(size, x=tuple(shape)))
    x = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 9, shape).astype(dtype)
    if x.dtype.kind == "f":
        x = np.where(chosen(np.ones_like(x), "zero-invalid", axis, steps, side) == 1, x, np.array(np.nan, dtype))
    found = run(rewritten, {"x": x, "time_length": np.array(lengths, np.int32)[:, None]})
    wanted = chosen(x, kind, axis, steps, side)
    assert (found["y"].shape, found["y"].dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found["y"], wanted, rtol=2e-3 if dtype == "float16" else 1e-6, atol=1e-6)
    np.testing.assert_array_equal(found["z"], x)


@settings(deadline=None)
@given(draw=st.data())
def test_masks_are_those_of_numpy(draw: st.DataObject) -> None:
    batch, size = draw.draw(st.integers(1, 3)), draw.draw(st.integers(1, 9))
    side: Literal["right", "left"] = draw.draw(st.sampled_from(["right", "left"]))
    lengths = draw.draw(st.lists(st.integers(0, size), min_size=batch, max_size=batch))
    dtypes = draw.draw(
        st.lists(
            st.sampled_from(["bool", "uint8", "int8", "int32", "int64", "float16", "float32"]), min_size=1, max_size=2
        )
    )
    own = draw.draw(st.sampled_from([None, ("int64", 1), ("int32", 1), ("int64", 2), ("int32", 2)]))
    names = [f"m{number}" for number in range(len(dtypes))]
    inputs = {name: ([batch, size], dtype) for name, dtype in zip(names, dtypes, strict=True)}
    told = ADDED if own is None else LengthInput(name="n", dtype=own[0], of="x", dim="time")
    if own is not None:
        inputs["n"] = ([batch, 1][: own[1]], own[0])
    plain = model(inputs, lambda **ports: {f"{name} seen": passed(port) for name, port in ports.items()})
    rewrite = Rewrite(
        lengths=(ADDED,) if own is None else (),
        masks=tuple(BuiltMask(name=name, length=told.name, side=side) for name in names),
        selects=(),
    )
    shapes = {name: tuple(shape) for name, (shape, _) in inputs.items()}
    rewritten = rewrite_model(plain, rewrite, variant(size, **shapes))
    assert [port_name(port) for port in rewritten.inputs] == [told.name]
    shape = shapes.get(told.name, (batch, 1))
    found = run(rewritten, {told.name: np.array(lengths, told.dtype).reshape(shape)})
    places, n = np.arange(size), np.array(lengths)[:, None]
    valid = places < n if side == "right" else places >= size - n
    for name, dtype in zip(names, dtypes, strict=True):
        assert found[f"{name} seen"].dtype == dtype
        np.testing.assert_array_equal(found[f"{name} seen"], valid.astype(dtype))


INPUTS: tuple[Input, ...] = (mask(dtype="float32"), data(axes=("time", 2)), length())
SHAPES: dict[str, tuple[int, ...]] = {"m": (3, 8), "x": (3, 8, 2), "n": (3,)}
FORMS_OF_INPUTS = {"m": ([3, 8], "float32"), "x": ([3, 8, 2], "float32"), "n": ([3], "int64")}


def masked() -> ov.Model:
    """Return a model with a mask, a length and three outputs: of both, of the mask alone, and of the length alone."""

    def build(m: Any, x: Any, n: Any) -> dict[str, Any]:
        y = op.multiply(x, op.unsqueeze(m, op.constant(2)))
        return {"first": passed(n), "y": op.relu(y), "last": passed(m)}

    return model(FORMS_OF_INPUTS, build)


def rewrite_of(*selects: Selection, built: bool = True, length: str = "n", side: Any = "right") -> Rewrite:
    return Rewrite(
        lengths=(ADDED,) if length == "time_length" else (),
        masks=(BuiltMask(name="m", length=length, side=side),) if built else (),
        selects=selects,
    )


@pytest.mark.parametrize("own", ["n", "time_length"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("built", [True, False])
def test_other_ports_keep_their_names_and_their_order(kind: str, own: str, built: bool) -> None:
    rewrite = rewrite_of(selection(kind, length=own), built=built, length=own)
    before = masked()
    after = rewrite_model(before, rewrite, variant(8, **SHAPES))
    assert [port_name(port) for port in after.outputs] == ["first", "y", "last"]
    added = ["time_length"] if own == "time_length" else []
    assert [port_name(port) for port in after.inputs] == [*(["x", "n"] if built else ["m", "x", "n"]), *added]
    check_rewrite(before, after, rewrite, INPUTS, variant(8, **SHAPES))


@pytest.mark.parametrize(
    ("wrong", "output"),
    [
        (rewrite_of(selection("last-valid", length="n"), side="left"), "y"),
        (rewrite_of(selection("zero-invalid", length="n", offset=-1)), "y"),
        (rewrite_of(selection("masked-mean", length="n", offset=-1)), "y"),
        (rewrite_of(selection("last-valid", length="n", offset=-1)), "y"),
        (rewrite_of(selection("masked-mean", length="n", side="left")), "y"),
        (rewrite_of(side="left"), "y"),
    ],
)
def test_a_model_that_answers_something_else_is_refused(wrong: Rewrite, output: str) -> None:
    before = masked()
    after = rewrite_model(before, wrong, variant(8, **SHAPES))
    right = rewrite_of(*(selection(s.kind, length="n") for s in wrong.selects))
    with pytest.raises(StageError, match=f"output `{output}` isn't what it was") as caught:
        check_rewrite(before, after, right, INPUTS, variant(8, **SHAPES))
    assert caught.value.code == "rewrite-failed"


def test_outputs_that_are_one_tensor_can_not_be_told_apart() -> None:
    x = parameter("x", [1, 8, 2], "float32")
    y = op.relu(x)
    y.output(0).set_names({"y", "z"})
    before = ov.Model([op.result(y), op.result(y)], [x], "twins")
    rewrite = Rewrite(lengths=(ADDED,), masks=(), selects=(selection("last-valid"),))
    after = rewrite_model(before, rewrite, variant(8, x=(1, 8, 2)))
    with pytest.raises(StageError, match="outputs") as caught:
        check_rewrite(before, after, rewrite, (data(axes=("time", 2)),), variant(8, x=(1, 8, 2)))
    assert caught.value.code == "rewrite-failed"


def test_an_output_that_is_an_input_keeps_its_name() -> None:
    m, x = parameter("m", [2, 8], "int64"), parameter("x", [2, 8], "float32")
    y = op.relu(x)
    y.output(0).set_names({"y"})
    before = ov.Model([op.result(m), op.result(y)], [m, x], "through")
    rewrite = rewrite_of(length="time_length")
    shapes: dict[str, tuple[int, ...]] = {"m": (2, 8), "x": (2, 8)}
    after = rewrite_model(before, rewrite, variant(8, **shapes))
    check_rewrite(before, after, rewrite, (mask(), data()), variant(8, **shapes))
    assert [port_name(port) for port in after.outputs] == ["m", "y"]


def test_whole_values_are_zeros_and_ones_so_that_an_embedding_takes_them() -> None:
    table = op.constant(np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32))
    before = model(
        {"x": ([2, 8], "int64"), "m": ([2, 8], "int64")},
        lambda x, m: {"y": op.gather(table, op.multiply(x, m), op.constant(0))},
    )
    rewrite = rewrite_of(selection("masked-mean"), length="time_length")
    shapes: dict[str, tuple[int, ...]] = {"x": (2, 8), "m": (2, 8)}
    after = rewrite_model(before, rewrite, variant(8, **shapes))
    check_rewrite(before, after, rewrite, (data(dtype="int64"), mask()), variant(8, **shapes))


def test_the_stage_writes_the_rewritten_model_and_always_the_same_bytes(stage: Stage) -> None:
    source = write(stage.root / "source", masked())
    told: dict[str, Any] = {
        "variant": to_builtins(variant(8, **SHAPES)),
        "layouts": {},
        "original": [to_builtins(port) for port in INPUTS],
        "rewrite": to_builtins(rewrite_of(selection("masked-mean"), length="time_length")),
    }
    once = stage("shape", source, name="once", **told)
    op.relu(parameter("nameless", [1], "float32"))  # moves the counter of names on
    again = stage("shape", source, name="again", **told)
    for file in ("model.xml", "model.bin"):
        assert (once / file).read_bytes() == (again / file).read_bytes()
    written = CORE.read_model(once / "model.xml")
    assert [(port_name(port), list(port.shape)) for port in written.inputs] == [
        ("x", [3, 8, 2]),
        ("n", [3]),
        ("time_length", [3, 1]),
    ]
    assert [(port_name(port), list(port.shape)) for port in written.outputs] == [
        ("first", [3]),
        ("y", [3, 2]),
        ("last", [3, 8]),
    ]
