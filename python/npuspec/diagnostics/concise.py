"""Diagnostics for editors and logs: one line a fault, in the form that most tools can jump from."""

from collections.abc import Sequence
from typing import Any

from npuspec.diagnostics.text import one_line


def render_concise(rows: Sequence[dict[str, Any]]) -> str:
    """Render the JSON form of any texts' diagnostics."""
    return "".join(f"{_place(row)}: {row['severity']}[{row['code']}] {one_line(row['message'])}\n" for row in rows)


def _place(row: dict[str, Any]) -> str:
    file = one_line(row["file"])
    if not row["labels"]:
        return file
    start = row["labels"][0]["start"]
    return f"{file}:{start['line']}:{start['column']}"
