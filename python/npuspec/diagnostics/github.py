"""Diagnostics as GitHub's workflow commands: a job that prints them has its pull request annotated.

GitHub reads a command up to the end of its line, and its properties up to a comma or colon. All of these are escaped,
so that no name in a stranger's spec can end a command or begin another.
"""

from collections.abc import Sequence
from typing import Any

from npuspec.diagnostics.text import printable

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(rows: Sequence[dict[str, Any]]) -> str:
    """Render the JSON form of any texts' diagnostics."""
    return "".join(_command(row) for row in rows)


def _command(row: dict[str, Any]) -> str:
    properties = {"file": row["file"], **_region(row), "title": f"npuspec {row['code']}"}
    message = "\n".join(filter(None, (row["message"], row["help"] and f"help: {row['help']}")))
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{_COMMANDS[row['severity']]} {given}::{_data(message)}\n"


def _region(row: dict[str, Any]) -> dict[str, int]:
    """Return lines and columns; GitHub takes columns only within one line."""
    if not row["labels"]:
        return {}
    start, end = row["labels"][0]["start"], row["labels"][0]["end"]
    lines = {"line": start["line"], "endLine": end["line"]}
    return lines if start["line"] != end["line"] else {**lines, "col": start["column"], "endColumn": end["column"]}


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
