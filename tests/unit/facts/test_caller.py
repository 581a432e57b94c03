"""Samples that a program gives: taken once, one by one, checked, and kept as files by their content."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from runtime.toys import data, program

from npuspec.bundle.program import Preprocess, Program
from npuspec.diagnostics import InputError, NpuspecError, SpecError
from npuspec.facts import given as given_module
from npuspec.facts.caller import caller_samples
from npuspec.runtime.arrays import read_array, read_arrays
from npuspec.sources.model import Fetched
from npuspec.store import Store

ONE = program(data())
PAIR = program(data("left"), data("right", (2,), "int64"))


def sample(number: int, size: int = 4) -> Any:
    return np.arange(size, dtype=np.float32) + number


def taken(folder: Path, given: Iterable[Any], toy: Program = ONE) -> Fetched:
    return caller_samples(given, Store(folder))(toy)


def refused(folder: Path, given: Iterable[Any], code: str, toy: Program = ONE) -> str:
    """Return what is said; nothing is left behind."""
    with pytest.raises(NpuspecError) as caught:
        taken(folder, given, toy)
    assert caught.value.code == code
    assert isinstance(caught.value, SpecError if code == "invalid-data" else InputError)
    assert_nothing_is_left(folder)
    return caught.value.diagnostics[0].message


def assert_nothing_is_left(folder: Path) -> None:
    assert [path for path in folder.rglob("*") if path.name != "tmp"] == []


class Counted:
    """Counts how often it is iterated, and how many samples were asked for."""

    def __init__(self, *samples: Any) -> None:
        self.samples = samples
        self.iterated = 0
        self.asked = 0

    def __iter__(self) -> Iterator[Any]:
        self.iterated += 1
        for given in self.samples:
            self.asked += 1
            yield given


class Indexed:
    """A data set as PyTorch knows them: it has a length and items, and no `__iter__`."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        if index >= len(self):
            raise IndexError(index)
        return sample(index)


def test_samples_are_taken_once_and_only_when_the_model_is_known(tmp_path: Path) -> None:
    given = Counted(sample(0), sample(1))
    take = caller_samples(given, Store(tmp_path))
    assert given.asked == 0
    found = take(ONE)
    assert (given.iterated, given.asked) == (1, 2)
    assert [file.path for file in found.files] == ["000001.npy", "000002.npy"]
    np.testing.assert_array_equal(read_array(found.root / "000002.npy"), sample(1))
    assert [*(tmp_path / "tmp").iterdir()] == []


@pytest.mark.parametrize(
    "given",
    [
        [sample(0), sample(1), sample(2)],
        (sample(number) for number in range(3)),
        map(sample, range(3)),
        Indexed(),
        np.stack([sample(0), sample(1), sample(2)]),
        [{"x": sample(0)}, MappingProxyType({"x": sample(1)}), sample(2)],
        [sample(number)[::-1].copy()[::-1] for number in range(3)],
        ([memoryview(sample(number)) for number in range(3)]),
    ],
    ids=["list", "generator", "map", "items", "array", "mappings", "strided", "buffers"],
)
def test_whatever_gives_them_the_same_samples_are_the_same_files(tmp_path: Path, given: Any) -> None:
    found = taken(tmp_path, given)
    assert found == taken(tmp_path, [sample(0), sample(1), sample(2)])
    for number in range(3):
        np.save(tmp_path / "saved.npy", sample(number))
        assert (found.root / f"00000{number + 1}.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()


def test_fortran_order_is_no_other_content(tmp_path: Path) -> None:
    toy = program(data(axes=(2, "time")))
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert taken(tmp_path, [array], toy) == taken(tmp_path, [np.asfortranarray(array)], toy)


def test_samples_of_several_inputs_are_files_of_several_arrays(tmp_path: Path) -> None:
    right = np.array([1, 2])
    found = taken(tmp_path, [{"right": right, "left": sample(0)}], PAIR)
    assert [file.path for file in found.files] == ["000001.npz"]
    arrays = read_arrays(found.root / "000001.npz")
    np.testing.assert_array_equal(arrays["left"], sample(0))
    np.testing.assert_array_equal(arrays["right"], right)


def test_a_sample_is_kept_as_it_is_given_and_not_as_the_model_takes_it(tmp_path: Path) -> None:
    moved = Preprocess(dtype="uint8", order=(1, 0), channels=0, scale=(9.0,) * 3)
    toy = program(data(axes=(3, "time"), preprocess=moved))
    given = np.arange(12, dtype=np.uint8).reshape(4, 3)
    found = read_array(taken(tmp_path, [given], toy).only)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, given)


@pytest.mark.parametrize(
    "given", ["clips/*.npy", b"clips", {"x": sample(0)}, 3, None, np.float32(1), np.array(1.0), Path("clips")], ids=str
)
def test_what_gives_no_samples_is_refused_at_once(tmp_path: Path, given: Any) -> None:
    with pytest.raises(SpecError) as caught:
        caller_samples(given, Store(tmp_path))
    assert caught.value.code == "invalid-data"
    assert "give an iterable of samples" in str(caught.value)
    assert_nothing_is_left(tmp_path)


def test_no_sample_at_all_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, [], "invalid-data") == "`data` gave no sample"


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (np.zeros(4), "wrong-dtype", "input `x` must be float32, not float64"),
        (np.array([{}, []], object), "wrong-dtype", "input `x` must be float32, not object"),
        (np.zeros(4, ">f4"), "wrong-dtype", "input `x` must be float32, not >f4"),
        ("a.npy", "wrong-dtype", "input `x` must be float32, not <U5"),
        ([[1.0], [1.0, 2.0]], "wrong-dtype", "input `x` is no array"),
        (np.ma.masked_equal(sample(0), 0), "wrong-dtype", "input `x` is a masked array"),
        (np.zeros((1, 4), np.float32), "wrong-rank", "input `x` must have shape [time] float32, not [1, 4]"),
        (np.zeros(9, np.float32), "sample-too-long", "the sample is 9 long in `time`"),
        (np.zeros(0, np.float32), "sample-too-short", "the sample is 0 long in `time`"),
        ({"y": sample(0)}, "unknown-tensor", "there is no input `y`"),
        ({}, "missing-tensor", "input `x` is missing"),
    ],
)
def test_what_the_model_does_not_take_is_refused_with_its_number(
    tmp_path: Path, given: Any, code: str, told: str
) -> None:
    assert refused(tmp_path, [sample(0), sample(1), given], code).startswith(f"sample 3: {told}")


def test_a_model_of_several_inputs_takes_no_bare_array(tmp_path: Path) -> None:
    told = "sample 1: the inputs are a mapping of names to arrays, not ndarray"
    assert refused(tmp_path, [sample(0)], "missing-tensor", PAIR) == told


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_where_the_input_is_declared_so(tmp_path: Path, value: float) -> None:
    given = sample(0)
    given[2] = value
    told = refused(tmp_path, [sample(0), given], "not-finite", program(data(finite=True)))
    assert told == "sample 2: input `x` holds NaN or an infinity"
    assert len(taken(tmp_path, [given]).files) == 1


def failing(error: BaseException) -> Iterator[Any]:
    yield sample(0)
    raise error


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("odd"), RuntimeError(), SpecError([])], ids=repr)
def test_an_error_on_the_way_is_said_and_is_the_cause(tmp_path: Path, error: Exception) -> None:
    told = refused(tmp_path, failing(error), "invalid-data")
    assert told.startswith(f"`data` raised an error when it was asked for sample 2: {type(error).__name__}: {error}")
    with pytest.raises(SpecError) as caught:
        taken(tmp_path, failing(error))
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_ctrl_c_passes_and_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        taken(tmp_path, failing(error))
    assert_nothing_is_left(tmp_path)


class Loud:
    """Says that it was pickled, by making a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        self.place.touch()
        return str, ("loud",)


def test_objects_are_never_pickled(tmp_path: Path) -> None:
    refused(tmp_path / "cache", [np.array([Loud(tmp_path / "touched")])], "wrong-dtype")
    assert not (tmp_path / "touched").exists()


def test_what_never_ends_ends_at_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forever() -> Iterator[Any]:
        while True:
            yield sample(0)

    monkeypatch.setattr(given_module, "MOST_SAMPLES", 5)
    told = refused(tmp_path, forever(), "invalid-data")
    assert told == "`data` gave more than 5 samples, if it ends at all"
    monkeypatch.setattr(given_module, "MOST_BYTES", 40)
    assert refused(tmp_path, forever(), "invalid-data") == "`data` gave more than 40 bytes, up to sample 3"
