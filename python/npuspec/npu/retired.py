"""Names of tools, options, devices and properties that are gone or were never right, and what takes their place."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from npuspec.npu.tables import read_table


@dataclass(frozen=True, slots=True)
class Retired:
    """A name, or a family of names, that is out of use."""

    kind: Literal["tool", "option", "module", "device", "property", "value", "format"]
    instead: str
    """What takes its place; "nothing" and the reason, if nothing does."""
    why: str
    words: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    """Words that begin with one of the prefixes, and are in use."""


def retired(word: str) -> Retired | None:
    """Look a key or a value up as a user writes it: in any case, with `-` or `_`, with dashes before it."""
    written = word.strip().lstrip("-").lower().replace("_", "-")
    for row in _table():
        if written in row.words or (written.startswith(row.prefixes) and written not in row.spared):
            return row
    return None


@cache
def _table() -> tuple[Retired, ...]:
    return tuple(_read(row) for row in read_table("retired.toml")["retired"])


def _read(row: dict[str, Any]) -> Retired:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
    return Retired(**values)
