"""Pairs of settings that contradict each other, as contradictions.toml lists them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from npuspec.npu.tables import read_table

CACHE_KIND = "cache.kind"
"""The key of a condition that is about [cache] instead of a property."""

PLATFORMS = "target.platforms"
"""The key of a condition that is about [target], which holds if one of the platforms is meant."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that may be stated: a key, and perhaps what its value is."""

    key: str
    values: tuple[bool | int | str, ...] = ()
    above: int | None = None
    containing: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))  # TOML gives a list

    def holds(self, stated: Mapping[str, Any]) -> bool:
        """Tell whether it is stated so. Values are compared with their types: 1 isn't true."""
        if self.key not in stated:
            return False
        value = stated[self.key]
        if self.values:
            given = value if isinstance(value, tuple) else (value,)
            return any(type(one) is type(v) and one == v for one in given for v in self.values)
        if self.above is not None:
            return type(value) is int and value > self.above
        return not self.containing or (isinstance(value, str) and self.containing in value)

    def __str__(self) -> str:
        """Say the condition for people."""
        name = {CACHE_KIND: "[cache] kind", PLATFORMS: "[target] platforms"}.get(self.key, self.key)
        if self.values:
            return f"{name} = " + " or ".join(map(json.dumps, self.values))
        if self.above is not None:
            return f"{name} above {self.above}"
        return f"{name} with `{self.containing}`" if self.containing else name


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two conditions that must not both hold."""

    first: Condition
    second: Condition
    why: str
    help: str
    code: str = "contradictory-properties"
    devices: tuple[str, ...] = ()

    def holds(self, stated: Mapping[str, Any], devices: Collection[str]) -> bool:
        """Tell whether both conditions hold, for one of these devices."""
        concerned = not self.devices or any(d in devices for d in self.devices)
        return concerned and self.first.holds(stated) and self.second.holds(stated)


@cache
def contradictions() -> tuple[Contradiction, ...]:
    """Return all of them, in the order of the table."""
    return tuple(_read(row) for row in read_table("contradictions.toml")["pair"])


def _read(row: dict[str, Any]) -> Contradiction:
    conditions = {name: Condition(**row[name]) for name in ("first", "second")}
    return Contradiction(**{**row, **conditions, "devices": tuple(row.get("devices", ()))})
