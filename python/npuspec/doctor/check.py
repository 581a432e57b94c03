"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad it is: only a problem makes the exit code."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, and something follows from it."""
    WARNING = "warning"
    """It works, and not as well as it should."""
    PROBLEM = "problem"
    """A device that is there can't be used, or what was asked for isn't there."""
    NOT_HERE = "not here"
    """There is nothing to be checked on this machine."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the report; names of home folders, users and hosts are in none of its texts."""

    name: str
    status: Status
    found: str
    means: str = ""
    todo: str = ""
    """What to do."""
