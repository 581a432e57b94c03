"""Faults of single values that deserve a code of their own, since much is at stake or much is said wrongly of them."""

from typing import Any

from pydantic_core import ErrorDetails

from npuspec.diagnostics import Diagnostic, Path
from npuspec.npu import Retired, explain_chooser, retired

_DEVICES = (("target", "device"), ("target", "fallback"))
_KEYS = ("tool", "option", "module", "format")
_VALUES = ("tool", "option", "device")
"""The kinds of names that are retired as keys and as values; properties have rules of their own."""


def telling_fault(place: Path, path: Path, detail: ErrorDetails) -> Diagnostic | None:
    """Return the fault at `place`, if it is one of these.

    Args:
        place: what pydantic has something against.
        path: the longest part of it that stands in the file.
        detail: what pydantic has against it.

    """
    kind, given = detail["type"], detail["input"]
    if kind == "missing" and place[0] == "dims" and place[-1] == "overflow":
        return _missing_overflow(path)
    if kind == "dynamic_axis":
        return _dynamic_dimension(path, given)
    if kind == "literal_error" and place[:2] in _DEVICES and (chooser := explain_chooser(str(given))) is not None:
        return Diagnostic("auto-device", *chooser).at(path)
    name, kinds = (str(place[-1]), _KEYS) if kind == "extra_forbidden" else (str(given), _VALUES)
    if kind in ("extra_forbidden", "literal_error") and (gone := retired(name)) is not None and gone.kind in kinds:
        return _retired_name(path, name, gone, is_key=kind == "extra_forbidden")
    return None


def _retired_name(path: Path, name: str, gone: Retired, *, is_key: bool) -> Diagnostic:
    message = f"`{name}` is out of use: {gone.why}"
    fault = Diagnostic("retired-name", message, f"in its place: {gone.instead}")
    return fault.at(path, part="key" if is_key else "value")


def _missing_overflow(path: Path) -> Diagnostic:
    message = f"what happens to a sample that `{path[-1]}` is too small for isn't stated"
    help_ = 'it is never implied: overflow = "error", "truncate" or "chunk"'
    return Diagnostic("missing-overflow", message, help_).at(path, "`overflow` must be stated here")


def _dynamic_dimension(path: Path, given: Any) -> Diagnostic:
    message = f"an axis is left dynamic: `{given}`"
    help_ = "give it a name, and a table [dims.NAME] that says which sizes it has: an NPU takes static shapes"
    return Diagnostic("dynamic-dimension", message, help_).at(path)
