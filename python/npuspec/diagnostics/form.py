"""The one form of diagnostics that all renderers read: plain data, with lines and columns."""

from collections.abc import Sequence
from typing import Any, Protocol

from npuspec.diagnostics.model import Diagnostic, Label


class Source(Protocol):
    """A text that labels can be found in."""

    @property
    def name(self) -> str:
        """How the text is called."""

    @property
    def text(self) -> str:
        """The text itself."""

    def locate(self, label: Label) -> tuple[int, int]:
        """Return the byte offsets (start, end) that a label means."""


def json_form(diagnostics: Sequence[Diagnostic], source: Source) -> list[dict[str, Any]]:
    """Return the diagnostics of one text as JSON data, in the order in which they stand in it.

    Lines and columns count from 1, columns in characters; bytes count from 0.
    """
    data = source.text.encode()
    rows = [
        {
            "code": d.code,
            "severity": str(d.severity),
            "message": d.message,
            "help": d.help,
            "file": source.name,
            "labels": [_label(data, label, source.locate(label)) for label in d.labels],
        }
        for d in diagnostics
    ]
    return sorted(rows, key=_first_byte)


def _first_byte(row: dict[str, Any]) -> int:
    return int(row["labels"][0]["start"]["byte"]) if row["labels"] else -1


def _label(data: bytes, label: Label, span: tuple[int, int]) -> dict[str, Any]:
    start, end = span
    return {
        "path": list(label.path),
        "message": label.message,
        "start": _position(data, start),
        "end": _position(data, end),
    }


def _position(data: bytes, byte: int) -> dict[str, int]:
    before = data[:byte]
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode(errors="replace")) + 1
    return {"line": before.count(b"\n") + 1, "column": column, "byte": byte}
