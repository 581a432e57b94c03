"""Every sample that doesn't fit is refused by a code, with a message that says what would fit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from npuspec.bundle.program import Program
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, Session
from runtime.toys import along, compiled, data, doubled, length, mask, program

X = np.ones(5, np.float32)


def feedable() -> Program:
    return program(
        data(axes=("time", 2), finite=True),
        data("waveform", ("time",), "int32"),
        length(),
        mask(),
        minimum=3,
        outputs=(along(axis=1),),
    )


@pytest.fixture(scope="module")
def session() -> Session:
    toy = feedable()
    return Session(Engine(toy, compiled(toy, doubled), device="CPU"))


def good() -> dict[str, Any]:
    return {"x": np.ones((5, 2), np.float32), "waveform": np.ones(5, np.int32)}


class Tensor:
    """Another library's array, of the kind that has to be copied to the CPU first."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("it lies on another device")


CASES: dict[str, tuple[dict[Any, Any], str, str]] = {
    "float64": ({"x": np.ones((5, 2))}, "wrong-dtype", "`x` must be float32, not float64"),
    "float16": ({"x": np.ones((5, 2), np.float16)}, "wrong-dtype", "not float16"),
    "int64": ({"waveform": np.ones(5, np.int64)}, "wrong-dtype", "`waveform` must be int32, not int64"),
    "unsigned": ({"waveform": np.ones(5, np.uint32)}, "wrong-dtype", "not uint32"),
    "bool": ({"x": np.ones((5, 2), bool)}, "wrong-dtype", "not bool"),
    "complex": ({"x": np.ones((5, 2), np.complex64)}, "wrong-dtype", "not complex64"),
    "swapped bytes": ({"x": np.ones((5, 2), ">f4")}, "wrong-dtype", "not >f4"),
    "a list of floats": ({"x": [[1.0, 2.0]] * 5}, "wrong-dtype", "not float64"),
    "a list of strings": ({"x": [["a", "b"]] * 5}, "wrong-dtype", "not <U1"),
    "bytes": ({"x": b"abc"}, "wrong-dtype", "not |S3"),
    "objects": ({"x": np.ones((5, 2), object)}, "wrong-dtype", "not object"),
    "None": ({"x": None}, "wrong-dtype", "not object"),
    "dates": ({"x": np.zeros((5, 2), "datetime64[s]")}, "wrong-dtype", "not datetime64"),
    "fields": ({"x": np.zeros(5, [("a", "f4"), ("b", "f4")])}, "wrong-dtype", "`x` must be float32"),
    "rows of different length": ({"x": [[1.0, 2.0], [3.0]]}, "wrong-dtype", "`x` is no array"),
    "a masked array": ({"x": np.ma.ones((5, 2), np.float32)}, "wrong-dtype", "`x` is a masked array"),
    "an object whose conversion fails": ({"x": Tensor()}, "wrong-dtype", "`x` is no array: it lies on another device"),
    "no axes": ({"x": np.float32(1)}, "wrong-rank", "must have shape [time, 2] float32, not []"),
    "one axis too few": ({"x": np.ones(10, np.float32)}, "wrong-rank", "must have shape [time, 2] float32, not [10]"),
    "the batch axis": ({"x": np.ones((1, 5, 2), np.float32)}, "wrong-rank", "not [1, 5, 2]"),
    "another fixed size": ({"x": np.ones((5, 3), np.float32)}, "wrong-shape", "`x` is 3 long in axis 1: 2 is needed"),
    "another shared size": ({"waveform": np.ones(4, np.int32)}, "wrong-shape", "another input has 5 in `time`"),
    "NaN": ({"x": np.full((5, 2), np.nan, np.float32)}, "not-finite", "first at element 0"),
    "an infinity": ({"x": np.array([[1, 1]] * 4 + [[1, -np.inf]], np.float32)}, "not-finite", "first at element 9"),
    "an unknown name": ({"wavefrom": X}, "unknown-tensor", "there is no input `wavefrom`"),
    "a name that is no text": ({3: X}, "unknown-tensor", "there is no input `3`"),
    "a length": ({"n": np.array([5])}, "unknown-tensor", "`n` is filled by npuspec"),
    "a mask": ({"m": np.ones(5, np.int64)}, "unknown-tensor", "`m` is filled by npuspec"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_refused(session: Session, case: str) -> None:
    change, code, message = CASES[case]
    with pytest.raises(InputError) as caught:
        session.infer({**good(), **change})
    (fault,) = caught.value.diagnostics
    assert fault.code == code
    assert message in fault.message
    assert fault.help or code == "unknown-tensor"
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, ValueError)
    assert session.infer(good())["y"].shape == (5, 2)


@pytest.mark.parametrize(("size", "code"), [(0, "sample-too-short"), (2, "sample-too-short"), (9, "sample-too-long")])
def test_a_sample_of_no_possible_length_is_refused(session: Session, size: int, code: str) -> None:
    with pytest.raises(InputError, match="in `time`") as caught:
        session.infer({"x": np.ones((size, 2), np.float32), "waveform": np.ones(size, np.int32)})
    assert caught.value.code == code


@pytest.mark.parametrize("missing", ["x", "waveform"])
def test_a_missing_input_is_named(session: Session, missing: str) -> None:
    sample = good()
    del sample[missing]
    with pytest.raises(InputError, match=f"input `{missing}` is missing") as caught:
        session.infer(sample)
    assert caught.value.code == "missing-tensor"


def test_a_misspelt_name_is_put_right(session: Session) -> None:
    with pytest.raises(InputError) as caught:
        session.infer({"wavefrom": X})
    assert "waveform" in caught.value.diagnostics[0].help


@pytest.mark.parametrize("inputs", [None, 5, X, [X], "waveform"])
def test_what_is_no_mapping_is_refused(session: Session, inputs: Any) -> None:
    with pytest.raises(InputError, match="a mapping of names to arrays") as caught:
        session.infer(inputs)
    assert caught.value.code == "missing-tensor"
    assert "'waveform', 'x'" in caught.value.diagnostics[0].help


def test_what_is_empty_in_a_fixed_axis_is_refused(session: Session) -> None:
    with pytest.raises(InputError) as caught:
        session.infer({**good(), "x": np.ones((5, 0), np.float32)})
    assert caught.value.code == "wrong-shape"


def test_a_list_of_the_models_own_numbers_is_taken() -> None:
    toy = program(data(dtype="int64"), outputs=(along(dtype="int64"),))
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as whole:
        np.testing.assert_array_equal(whole.infer({"x": [1, 2, 3]})["y"], [2, 4, 6])


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.infer_many(None),
        lambda session: session.infer_many(good() for _ in range(2)),
        lambda session: list(session.stream(None)),
        lambda session: session.submit(good(), timeout="1"),
        lambda session: session.submit(good(), timeout=float("nan")),
        lambda session: session.submit(good(), timeout=1 << 2000),
        lambda session: session.set_property(None),
        lambda session: session.set_property([("A", 1)]),
    ],
)
def test_what_is_no_argument_is_refused(session: Session, call: Callable[[Session], object]) -> None:
    with pytest.raises(InputError, match="is wanted, and not") as caught:
        call(session)
    assert caught.value.code == "wrong-argument"


@pytest.mark.parametrize("name", ["NOPE", 5])
def test_a_property_that_nobody_knows_is_refused(session: Session, name: Any) -> None:
    with pytest.raises(InputError, match="CPU doesn't know") as caught:
        session.tell(name)
    assert caught.value.code == "property-refused"
