"""Reading lengths: a number a line, and what is wrong with its line number."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npuspec.buckets import read_lengths
from npuspec.diagnostics import Diagnostic


def read(folder: Path, data: bytes) -> tuple[Counter[int] | None, list[Diagnostic]]:
    (folder / "l.txt").write_bytes(data)
    return read_lengths(folder / "l.txt", "l.txt")


@pytest.mark.parametrize(
    "data",
    [
        b"3\n0\n3\n",
        b"3\n0\n3",
        b"3\r\n0\r\n3\r\n",
        b"\xef\xbb\xbf3\n0\n3\n",
        b"# tokens\n\n  3 # of a sentence\n\t0\n   \n#\n3\n",
        b"003\n0\n3\n",
    ],
)
def test_what_a_file_may_look_like(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, data) == (Counter({3: 2, 0: 1}), [])


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20))
def test_every_length_is_counted(tmp_path_factory: pytest.TempPathFactory, lengths: list[int]) -> None:
    folder = tmp_path_factory.mktemp("lengths")
    assert read(folder, "\n".join(map(str, lengths)).encode()) == (Counter(lengths), [])


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"-1", "'-1'"),
        (b"3.0", "'3.0'"),
        (b"1e3", "'1e3'"),
        (b"1_000", "'1_000'"),
        (b"3 4", "'3 4'"),
        (b"+3", "'+3'"),
        (b"2147483648", "'2147483648'"),
        (b"9" * 5000, "'" + "9" * 40 + "…'"),
        ("٣".encode(), "'٣'"),
        (b"\xff\x00\x1b[2J", "'\ufffd\\x00\\x1b[2J'"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: bytes, shown: str) -> None:
    counts, [fault] = read(tmp_path, b"# of sentences\n5\n" + line + b"\n7\n")
    assert counts is None
    assert (fault.code, fault.message) == ("bad-lengths", f"line 3 of `l.txt` is no length: {shown}")


def test_more_bad_lines_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    _, [fault] = read(tmp_path, b"1\nx\n2\ny\nx\n")
    assert fault.message == "line 2 of `l.txt` is no length: 'x' (2 more bad lines)"
    _, [fault] = read(tmp_path, b"1\n" * 2**20 + b"x\n" + b"y\n" * 2**20)
    assert fault.message == f"line {2**20 + 1} of `l.txt` is no length: 'x' ({2**20} more bad lines)"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# none yet\n"])
def test_a_file_without_a_length_is_a_fault(tmp_path: Path, data: bytes) -> None:
    counts, [fault] = read(tmp_path, data)
    assert counts is None
    assert fault.message == "`l.txt` holds no length"


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "l.txt").open("wb") as file:
        file.truncate(2**40)
    counts, [fault] = read_lengths(tmp_path / "l.txt", "l.txt")
    assert counts is None
    assert (fault.code, fault.message) == ("bad-lengths", "`l.txt` is larger than 64 MiB")


def test_too_many_different_lengths_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    lines = "\n".join(map(str, range(10**9, 10**9 + 1_500_000)))
    counts, [fault] = read(tmp_path, lines.encode())
    assert counts is None
    assert (fault.code, fault.message) == ("bad-lengths", "`l.txt` has more than 1000000 different lengths")


@pytest.mark.parametrize("name", ["none.txt", "."])
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str) -> None:
    counts, [fault] = read_lengths(tmp_path / name, name)
    assert counts is None
    assert (fault.code, f"`{name}` can't be read" in fault.message) == ("unreadable-file", True)
