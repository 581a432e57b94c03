"""Samples that are given in memory become files, and what is none is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npuspec.child import ChildError
from npuspec.facts import given as given_module
from npuspec.facts import given_samples
from npuspec.facts.given import write_samples
from npuspec.runtime.arrays import read_array, read_arrays
from npuspec.sources.code import read_code
from npuspec.sources.local import LocalTree
from npuspec.sources.model import Fetched
from npuspec.store import Store


def written(folder: Path, samples: Any, input_: str | None = None) -> list[str]:
    write_samples(samples, folder, input_)
    return sorted(path.name for path in folder.iterdir())


def refused(folder: Path, samples: Any, input_: str | None = None) -> str:
    with pytest.raises(ValueError, match=r"^gave ") as caught:
        write_samples(samples, folder, input_)
    return str(caught.value)


def test_arrays_of_one_input_are_written_as_they_are(tmp_path: Path) -> None:
    samples: list[Any] = [np.arange(6, dtype=np.int16).reshape(2, 3), np.asfortranarray(np.eye(3)), np.float32(2)]
    assert written(tmp_path, iter(samples), "x") == ["000001.npy", "000002.npy", "000003.npy"]
    for number, sample in enumerate(samples, 1):
        found = read_array(tmp_path / f"00000{number}.npy")
        assert found.dtype == sample.dtype
        np.testing.assert_array_equal(found, sample)


def test_arrays_by_name_are_written_together_in_an_order_that_says_nothing(tmp_path: Path) -> None:
    one, other = np.zeros(3, np.float16), np.ones((), np.int64)
    samples = [{"file": one, "onnx::x/1": other}, {"onnx::x/1": other, "file": one}]
    assert written(tmp_path, samples) == ["000001.npz", "000002.npz"]
    assert (tmp_path / "000001.npz").read_bytes() == (tmp_path / "000002.npz").read_bytes()
    found = read_arrays(tmp_path / "000001.npz")
    assert found.keys() == {"file", "onnx::x/1"}
    assert found["file"].dtype == np.float16


@pytest.mark.parametrize(
    ("sample", "input_", "told"),
    [
        ([1.0, 2.0], "x", "gave `list` as sample 1, and an array of numbers is wanted"),
        ({"x": np.zeros(1)}, "x", "gave `dict` as sample 1, and an array of numbers is wanted"),
        (np.array(["a"]), "x", "gave an array of <U1 as sample 1, and an array of numbers is wanted"),
        (np.array([{}]), "x", "gave an array of object as sample 1, and an array of numbers is wanted"),
        (np.zeros(1, complex), "x", "gave an array of complex128 as sample 1, and an array of numbers is wanted"),
        (np.zeros(2), None, "gave `ndarray` as sample 1, and arrays by the names of the model's inputs are wanted"),
        ({1: np.zeros(2)}, None, "gave `dict` as sample 1, and arrays by the names of the model's inputs are wanted"),
        ({}, None, "gave `dict` as sample 1, and arrays by the names of the model's inputs are wanted"),
        ({"x": 1}, None, "gave `int` as `x` of sample 1, and an array of numbers is wanted"),
    ],
)
def test_what_is_no_sample_is_refused_with_what_it_is(
    tmp_path: Path, sample: Any, input_: str | None, told: str
) -> None:
    assert refused(tmp_path, [sample], input_) == told
    assert not [*tmp_path.iterdir()]


def test_no_sample_at_all_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, []) == "gave no sample"


def test_what_never_ends_ends_at_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forever() -> Iterator[Any]:
        while True:
            yield np.zeros(100)

    monkeypatch.setattr(given_module, "MOST_SAMPLES", 5)
    assert refused(tmp_path, forever(), "x") == "gave more than 5 samples, if it ends at all"
    monkeypatch.setattr(given_module, "MOST_BYTES", 2000)
    (tmp_path / "bytes").mkdir()
    assert refused(tmp_path / "bytes", forever(), "x") == "gave more than 2000 bytes, up to sample 3"
    monkeypatch.setattr(given_module, "MOST_OF_ONE", 100)
    (tmp_path / "one").mkdir()
    told = refused(tmp_path / "one", [{"x": np.zeros(8), "z": np.zeros(8)}])
    assert told == "gave 128 bytes as sample 1, and at most 100 are read"


def given(folder: Path, text: str, input_: str | None = "x") -> Fetched:
    (folder / "samples.py").write_text(text)
    files, faults = read_code("samples:some", LocalTree(folder), ("data", "function"))
    assert files is not None, faults
    digests = {file.path: file.sha256 for file in files}
    return given_samples("samples:some", digests, folder=folder, store=Store(folder / "store"), input_=input_)


SOME = """import numpy as np
def some():
    print("stdout is nobody's")
    for number in range(3):
        yield np.full(4, number, np.float32)
"""


def test_a_function_s_samples_are_kept_by_their_content(tmp_path: Path) -> None:
    found = given(tmp_path, SOME)
    assert [file.path for file in found.files] == ["000001.npy", "000002.npy", "000003.npy"]
    np.testing.assert_array_equal(read_array(found.root / "000002.npy"), np.full(4, 1, np.float32))
    again = given(tmp_path, SOME.replace("some():", "some():  # said otherwise"))
    assert (again.root, again.digest) == (found.root, found.digest)
    assert given(tmp_path, SOME.replace("range(3)", "range(2)")).digest != found.digest
    assert [path.name for path in (tmp_path / "store/tmp").iterdir()] == []


@pytest.mark.parametrize(
    ("text", "input_", "code", "told"),
    [
        (SOME, None, "function-result", "`samples:some` gave `ndarray` as sample 1, and arrays by the names"),
        ("def some(): return []", "x", "function-result", "`samples:some` gave no sample"),
        ("def some(): return None", "x", "function-failed", "'NoneType' object is not iterable"),
        (SOME + "    raise OSError('gone')", "x", "function-failed", "samples.py:6, in some: raise OSError('gone')"),
        (SOME + "    raise ValueError('odd')", "x", "function-failed", "ValueError: odd"),
        ("import os\ndef some(): os._exit(3)", "x", "stage-aborted", "exit code 3"),
    ],
)
def test_a_function_that_gives_none_says_why_and_leaves_nothing(
    tmp_path: Path, text: str, input_: str | None, code: str, told: str
) -> None:
    with pytest.raises(ChildError) as caught:
        given(tmp_path, text, input_)
    assert caught.value.code == code
    assert told in caught.value.diagnostics[0].message
    assert [path.name for path in (tmp_path / "store/tmp").iterdir()] == []
    assert not (tmp_path / "store/sources").exists()
