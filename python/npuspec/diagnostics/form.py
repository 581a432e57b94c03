"""The one form of diagnostics that all renderers read: plain data, with lines and columns."""

import re
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol

from npuspec.diagnostics.edits import Layout, Spans, resolve
from npuspec.diagnostics.model import Diagnostic, Label, short

_BLOCK = 4096  # bytes whose characters are counted once for all
_FURTHER = bytes(range(0x80, 0xC0))  # bytes that don't begin a character of UTF-8


class Source(Protocol):
    """A text that labels can be found in."""

    @property
    def name(self) -> str:
        """How the text is called."""

    @property
    def text(self) -> str:
        """The text itself."""

    @property
    def spans(self) -> Spans:
        """Where each path's key and value stand."""

    def locate(self, label: Label) -> tuple[int, int]:
        """Return the byte offsets (start, end) that a label means."""


def json_form(diagnostics: Sequence[Diagnostic], source: Source) -> list[dict[str, Any]]:
    """Return the diagnostics of one text as JSON data, in the order in which they stand in it.

    Lines and columns count from 1, columns in characters; bytes count from 0. "mend" says by path what a mend does,
    and "edits" what it takes to do so in this text. Both are empty if there is no safe mend.
    """
    places = _Places(source.text)
    layout = Layout(source.text, source.spans) if any(d.edits for d in diagnostics) else None
    rows = [
        {
            "code": d.code,
            "severity": str(d.severity),
            "message": short(d.message),
            "help": short(d.help),
            "file": source.name,
            "labels": [_label(places, label, source.locate(label)) for label in d.labels],
            **_mend(places, d, layout),
        }
        for d in diagnostics
    ]
    return sorted(rows, key=_first_byte)


def _first_byte(row: dict[str, Any]) -> int:
    return int(row["labels"][0]["start"]["byte"]) if row["labels"] else -1


def _label(places: "_Places", label: Label, span: tuple[int, int]) -> dict[str, Any]:
    start, end = span
    return {
        "path": list(label.path),
        "message": short(label.message),
        "start": places.position(start),
        "end": places.position(end),
    }


def _mend(places: "_Places", d: Diagnostic, layout: Layout | None) -> dict[str, Any]:
    changes = resolve(d.edits, layout) if layout else []
    return {
        "mend": [{"path": list(e.path), "part": e.part, "text": e.text} for e in d.edits] if changes else [],
        "edits": [
            {"start": places.position(start), "end": places.position(end), "text": text} for start, end, text in changes
        ],
    }


class _Places:
    """Lines and columns of one text. A text of megabytes may have thousands of faults, on one line if need be."""

    def __init__(self, text: str) -> None:
        self._data = text.encode()
        self._lines = [0, *(match.end() for match in re.finditer(b"\n", self._data))]
        blocks = (self._characters(start, start + _BLOCK) for start in range(0, len(self._data), _BLOCK))
        self._before = [0, *accumulate(blocks)]

    def position(self, byte: int) -> dict[str, int]:
        """Return line, column and byte of a place in the text."""
        line = bisect(self._lines, byte)
        column = self._index(byte) - self._index(self._lines[line - 1]) + 1
        return {"line": line, "column": column, "byte": byte}

    def _index(self, byte: int) -> int:
        block = byte // _BLOCK
        return self._before[block] + self._characters(block * _BLOCK, byte)

    def _characters(self, start: int, end: int) -> int:
        return len(self._data[start:end].translate(None, _FURTHER))
