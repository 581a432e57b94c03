"""Diagnostics for people: the message, the line with carets below it, and what to do."""

from collections.abc import Sequence
from typing import Any


def render_text(rows: Sequence[dict[str, Any]], text: str) -> str:
    """Render the JSON form of one text's diagnostics."""
    lines = text.split("\n")
    return "\n".join(_render(row, lines) for row in rows)


def printable(text: str) -> str:
    """Spell control characters out: a spec may come from a stranger, and a terminal obeys escapes."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text.expandtabs(4)
    )


def _render(row: dict[str, Any], lines: list[str]) -> str:
    out = [f"{row['severity']}[{row['code']}]: {row['message']}"]
    gutter = max((len(str(label["start"]["line"])) for label in row["labels"]), default=1)
    pad = " " * gutter
    for label in row["labels"]:
        start, end = label["start"], label["end"]
        line = lines[start["line"] - 1].rstrip("\r") if lines else ""
        last = end["column"] - 1 if end["line"] == start["line"] else len(line)
        first = start["column"] - 1
        before = len(printable(line[:first]))
        carets = "^" * max(1, len(printable(line[first:last])))
        out.append(f"{pad}--> {row['file']}:{start['line']}:{start['column']}")
        if start == end:  # the document as a whole: what is meant isn't written anywhere in it
            continue
        out += [
            f"{pad} |",
            f"{start['line']:>{gutter}} | {printable(line)}",
            f"{pad} | {' ' * before}{carets} {label['message']}".rstrip(),
        ]
    if not row["labels"]:
        out.append(f"{pad}--> {row['file']}")
    if row["help"]:
        out.append(f"{pad} = help: {row['help']}")
    return printable("\n".join(out)) + "\n"
