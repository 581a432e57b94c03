"""Text files as they are read: as a whole, or with an entry on each line."""

from pathlib import Path

_MOST_BYTES = 1 << 24
_MOST_LINES = 1_000_000


def decoded(file: Path, most: int) -> str:
    """Return a file's text.

    Raises:
        ValueError: it has more than `most` bytes, or isn't UTF-8.
        OSError: it can't be read.

    """
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most} bytes of text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it isn't UTF-8 at byte {error.start}") from None


def read_lines(file: Path, longest: int) -> list[str]:
    """Return a file's lines, blank and empty ones among them; only a line feed ends one, and the last needs none.

    Raises:
        ValueError: its size, its encoding, or a line of more than `longest` characters.
        OSError: it can't be read.

    """
    text = decoded(file, _MOST_BYTES).removesuffix("\n")
    if text.count("\n") >= _MOST_LINES:
        raise ValueError(f"it has more than {_MOST_LINES} lines")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if number := next((n for n, line in enumerate(lines, 1) if len(line) > longest), None):
        raise ValueError(f"line {number} has more than {longest} characters")
    return lines
