"""What a fault is: a code, a severity, a message that stands alone, a help line, and labels that point by path.

A path names a place in the TOML (`("inputs", "waveform", "shape")`), never a position: positions are looked up when a
diagnostic is rendered, so that moving a line changes no value and no digest.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

Path = tuple[str | int, ...]
"""Keys and array indices from the root of a TOML document; `()` is the whole document."""

_LONGEST = 2000  # characters of a message


class Severity(StrEnum):
    """How bad it is: only errors stop a phase."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Label:
    """A place in the document, and what is to be said right there."""

    path: Path
    message: str = ""
    part: Literal["key", "value"] = "value"
    """Which part of the entry to underline; for a table, "value" is its header."""
    span: tuple[int, int] | None = None
    """Byte offsets, only for a text that could not be parsed: where there is a path, there is no span."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of the text. `text` takes the place of one part of an entry; an "entry" goes with its key."""

    path: Path
    part: Literal["key", "value", "entry"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault. `code` is a key of `npuspec.diagnostics.codes.CODES`."""

    code: str
    message: str
    help: str = ""
    labels: tuple[Label, ...] = field(default=())
    severity: Severity = Severity.ERROR
    edits: tuple[Edit, ...] = ()
    """The mend, where there is one that is safe: it changes nothing that its author meant."""

    def at(self, path: Path, message: str = "", part: Literal["key", "value"] = "value") -> "Diagnostic":
        """Return the same fault with one more label."""
        return replace(self, labels=(*self.labels, Label(path, message, part)))

    def mend(self, path: Path, part: Literal["key", "value", "entry"], text: str = "") -> "Diagnostic":
        """Return the same fault with one more edit of its mend."""
        return replace(self, edits=(*self.edits, Edit(path, part, text)))


def short(text: str) -> str:
    """Leave out the middle of a text that quotes a value of thousands of characters."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 4 :]}"


def has_errors(diagnostics: list[Diagnostic]) -> bool:
    """Tell whether any of them stops the phase."""
    return any(d.severity is Severity.ERROR for d in diagnostics)
