"""A TOML text, its values, and where each of them stands.

The values come from tomli; the positions from the Rust TOML parser, which also reports all syntax faults at once.
"""

from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import tomli

from npuspec import _native
from npuspec.diagnostics import Diagnostic, Label, Path
from npuspec.store import look

Span = tuple[int, int]
"""Byte offsets (start, end) into the UTF-8 text."""

MAX_BYTES = 1024 * 1024
"""Of a spec's text."""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one spec. `name` is how diagnostics call the file."""

    name: str
    folder: FilePath
    text: str
    values: dict[str, Any]
    spans: dict[Path, tuple[Span | None, Span]] = field(repr=False)

    def locate(self, label: Label) -> Span:
        """Return the bytes that a label means; a path that isn't in the text is looked for by its nearest parent."""
        if label.span is not None:
            return label.span
        path = label.path
        while path and path not in self.spans:
            path = path[:-1]
        if not path:
            return (0, 0)
        key, value = self.spans[path]
        return key if key is not None and (label.part == "key" and path == label.path) else value


def load(path: FilePath) -> tuple[Document, list[Diagnostic]]:
    """Read a spec's text. With faults, the document holds the text for rendering, and no values."""
    look(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # a device has no size, and may have no end
    except OSError as error:
        fault = Diagnostic(
            "spec-unreadable", f"can't read `{path}`: {error.strerror}", "name a TOML file, such as specs/asr.toml"
        )
        return without_text(str(path), path.parent), [fault]
    return decode(data, name=str(path), folder=path.parent)


def decode(data: bytes, *, name: str, folder: FilePath) -> tuple[Document, list[Diagnostic]]:
    """Parse the bytes of a spec; more of them than `MAX_BYTES` are refused, whatever they are."""
    if len(data) > MAX_BYTES:
        fault = Diagnostic("spec-unreadable", f"`{name}` is larger than 1 MiB", "a spec is a few lines of TOML")
        return without_text(name, folder), [fault]
    try:
        text = data.decode("utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError as error:
        fault = Diagnostic("spec-unreadable", f"`{name}` isn't UTF-8: byte {error.start}", "save the file as UTF-8")
        return without_text(name, folder), [fault]
    return parse(text, name=name, folder=folder)


def parse(text: str, *, name: str = "<text>", folder: FilePath = FilePath()) -> tuple[Document, list[Diagnostic]]:
    """Parse a spec's text; `folder` is what its relative paths are relative to."""
    entries, errors = _native.parse_toml(text)
    if errors:
        faults = [
            Diagnostic(
                "toml-syntax",
                message,
                "mend this first: faults behind it may only follow from it",
                (Label((), span=span or (0, 0)),),
            )
            for message, span in errors
        ]
        return Document(name, folder, text, {}, {}), faults
    spans = {path: (key, value) for path, key, value in entries}
    try:
        values = tomli.loads(text)
    except (ValueError, RecursionError) as error:
        return Document(name, folder, text, {}, spans), [Diagnostic("toml-syntax", str(error), "", (Label(()),))]
    return Document(name, folder, text, values, spans), []


def without_text(name: str, folder: FilePath) -> Document:
    """Return the document of what has no text that could be shown."""
    return Document(name, folder, "", {}, {})
