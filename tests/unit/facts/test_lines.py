"""Texts with an entry on each line."""

from pathlib import Path

import pytest

from npuspec.facts import read_lines


def read(folder: Path, content: bytes, longest: int = 9) -> list[str]:
    (folder / "lines.txt").write_bytes(content)
    return read_lines(folder / "lines.txt", longest)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"\n a\n \n", ["", " a", " "]),  # a blank, and a space, as vocabularies have them
        (b"a\n\n", ["a", ""]),
        ("a\u2028b\n\x85\n\u3000\n".encode(), ["a\u2028b", "\x85", "\u3000"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        (b"", [""]),
    ],
)
def test_only_a_line_feed_ends_a_line_and_nothing_is_left_out(tmp_path: Path, content: bytes, lines: list[str]) -> None:
    assert read(tmp_path, content) == lines


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a\nb\xff\n", "it isn't UTF-8 at byte 3"),
        (b"a\n" + b"b" * 10 + b"\n", "line 2 has more than 9 characters"),
        (b"\n" * 1_000_002, "it has more than 1000000 lines"),
        (b"a" * ((1 << 24) + 1), "it has more than 16777216 bytes of text"),
    ],
)
def test_what_is_too_much_or_no_text_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(tmp_path, content)


def test_as_much_as_may_be_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, b"\n" * 1_000_000)) == 1_000_000
    assert read(tmp_path, b"b" * 9) == ["b" * 9]
