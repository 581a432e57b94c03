"""Short ways to the JSON form that tests of its renderers read."""

from pathlib import Path
from typing import Any

from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.form import json_form
from npuspec.spec import Document, parse

Row = dict[str, Any]


def source(text: str, name: str = "s.toml") -> Document:
    """Return a text that has been parsed, as far as it can be."""
    return parse(text, name=name)[0]


def form(text: str, *faults: Diagnostic, name: str = "s.toml") -> list[Row]:
    """Return the JSON form of faults in a text."""
    return json_form(faults, source(text, name))


INVALID = Path(__file__).parents[2] / "invalid"
