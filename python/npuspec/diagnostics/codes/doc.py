"""The form of a code's documentation."""

from dataclasses import dataclass

from npuspec.diagnostics.model import Severity


@dataclass(frozen=True, slots=True)
class CodeDoc:
    """Why a code is a fault, and an example of it with its mend.

    Examples are TOML; lines of a shell begin with `$ `, and lines of Python with `>>> `.
    """

    why: str
    wrong: str = ""
    right: str = ""
    severity: Severity = Severity.ERROR
    """How it is reported; only a warning can be allowed."""
