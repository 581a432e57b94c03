"""Diagnostics for people: the message, the line with carets below it, and what to do."""

from collections.abc import Sequence
from typing import Any
from unicodedata import combining, east_asian_width

_WIDEST = 200  # characters of a line that are shown
_LEAD = 80  # of these, before what is meant


def render_text(rows: Sequence[dict[str, Any]], text: str) -> str:
    """Render the JSON form of one text's diagnostics."""
    lines = text.split("\n")
    return "\n".join(_render(row, lines) for row in rows)


def printable(text: str) -> str:
    """Spell control characters out: a spec may come from a stranger, and a terminal obeys escapes."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text.expandtabs(4)
    )


def one_line(text: str) -> str:
    """Spell a text out as printable does, on one line."""
    return " ".join(printable(text).split("\n"))


def _part(line: str, first: int, last: int) -> tuple[str, int, int]:
    """Return the part of a long line around what is meant, and where that stands in it."""
    if len(line) <= _WIDEST:
        return line, first, last
    start = max(0, first - _LEAD)
    end = start + _WIDEST
    head, tail = "…" if start else "", "…" if end < len(line) else ""
    shift = len(head) - start
    return head + line[start:end] + tail, first + shift, min(last, end) + shift


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in printable(text))


def _render(row: dict[str, Any], lines: list[str]) -> str:
    out = [f"{row['severity']}[{row['code']}]: {row['message']}"]
    gutter = max((len(str(label["start"]["line"])) for label in row["labels"]), default=1)
    pad = " " * gutter
    for label in row["labels"]:
        start, end = label["start"], label["end"]
        line = lines[start["line"] - 1].rstrip("\r") if lines else ""
        last = end["column"] - 1 if end["line"] == start["line"] else len(line)
        line, first, last = _part(line, start["column"] - 1, last)
        before = _width(line[:first])
        carets = "^" * max(1, _width(line[:last]) - before)
        out.append(f"{pad}--> {row['file']}:{start['line']}:{start['column']}")
        if end["byte"] == 0:  # the document as a whole: what is meant isn't written anywhere in it
            continue
        out += [
            f"{pad} |",
            f"{start['line']:>{gutter}} | {printable(line)}",
            f"{pad} | {' ' * before}{carets} {label['message']}".rstrip(),
        ]
    if not row["labels"]:
        out.append(f"{pad}--> {row['file']}")
    if row["help"]:
        help_ = row["help"].replace("\n", f"\n{pad}         ")
        out.append(f"{pad} = help: {help_}")
    return printable("\n".join(out)) + "\n"
