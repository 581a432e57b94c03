"""A file of real lengths: text, a whole number a line. Blank lines, and what follows a `#`, say nothing."""

from collections import Counter
from io import BytesIO
from pathlib import Path

from npuspec.diagnostics import Diagnostic

LONGEST = 2**31 - 1
"""The greatest length, which is the greatest size of the language."""

_MAX_BYTES = 64 * 1024 * 1024
_MOST = 1_000_000  # different lengths, each of which takes memory
_BLOCK = 1 << 20  # bytes
_DIGITS = 10  # of the longest
_SHOWN = 40  # characters of a bad line


def read_lengths(path: Path, name: str) -> tuple[Counter[int] | None, list[Diagnostic]]:
    """Count the lengths of a file; 0 is one.

    Args:
        path: where the file lies.
        name: what a message calls it.

    Returns:
        How often each length occurs, or None and a fault: `bad-lengths`, or `unreadable-file`.

    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        message = f"`{name}` can't be read: {error.strerror or error}"
        return None, [Diagnostic("unreadable-file", message, "check that it exists and that you may read it")]
    if len(data) > _MAX_BYTES:
        message = f"`{name}` is larger than {_MAX_BYTES >> 20} MiB"
        return None, [Diagnostic("bad-lengths", message, "a million lengths say as much: `shuf -n 1000000` draws them")]
    data = data.removeprefix(b"\xef\xbb\xbf")
    counts, bad, first = Counter[int](), 0, b""
    lines = BytesIO(data)
    while block := lines.readlines(_BLOCK):
        for line, count in Counter(block).items():  # most lines are the same few, and are parsed once
            text = line.partition(b"#")[0].strip()
            if text.isdigit() and len(text) <= _DIGITS and int(text) <= LONGEST:
                counts[int(text)] += count
            elif text:
                bad, first = bad + count, first or line
        if len(counts) > _MOST:
            message = f"`{name}` has more than {_MOST} different lengths"
            return None, [Diagnostic("bad-lengths", message, "a million lengths say as much, in whatever steps")]
    if bad:
        return None, [_bad_lines(data, first, bad - 1, name)]
    if not counts:
        return None, [Diagnostic("bad-lengths", f"`{name}` holds no length", "write a whole number on each line")]
    return counts, []


def _bad_lines(data: bytes, first: bytes, others: int, name: str) -> Diagnostic:
    number = next(number for number, line in enumerate(BytesIO(data), 1) if line == first)
    text = first.decode(errors="replace").strip()
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    more = f" ({others} more bad {'lines' if others > 1 else 'line'})" if others else ""
    message = f"line {number} of `{name}` is no length: {shown!r}{more}"
    return Diagnostic("bad-lengths", message, f"a length is a whole number from 0 to {LONGEST}, and stands alone")
