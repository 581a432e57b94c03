"""The table of OpenVINO's properties: what a spec may set, what it may not, and what is known of each.

Data about OpenVINO, without OpenVINO.
"""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args

from npuspec.npu.tables import read_table

_HIGHEST = 2**31 - 1
_TYPES = {"boolean": bool, "integer": int, "string": str}
_TABLES = ("properties.toml", "reserved.toml", "private.toml")

Type = Literal["boolean", "integer", "string", "other"]
Scope = Literal["core", "compile", "run"]
Phase = Literal["compile", "run", "both", "query"]
Access = Literal["spec", "read-only", "npuspec", "unchecked"]
Needs = Literal["", "compiler", "driver", "compiler or driver", "device"]
Device = Literal["NPU", "CPU"]
Value = bool | int | str

_HERE = ("LOG_LEVEL", "NPU_BYPASS_UMD_CACHING", "NPU_COMPILER_TYPE")
"""What is no matter of a blob that is compiled ahead of time: no driver does that, and who does is told otherwise."""


@dataclass(frozen=True, slots=True)
class DeviceProperty:
    """One property of OpenVINO; properties.toml says what each field means."""

    name: str
    """OpenVINO's name, such as `NPU_TURBO`."""
    type: Type
    scope: Scope
    phase: Phase
    devices: tuple[Device, ...]
    """Which devices know it; none for one of the core."""
    known: str
    access: Access = "spec"
    values: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """The strings that each device takes, where they are listed."""
    minimum: int | None = None
    maximum: int | None = None
    default: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    """OpenVINO's own for each device, where it is known. The core stands as `core`."""
    since: str = ""
    platforms: tuple[str, ...] = ()
    needs: Needs = ""
    instead: str = ""
    """What a spec states in place of what npuspec sets itself."""

    def fault(self, value: Any, devices: Collection[str] = ()) -> str:
        """Say what is wrong with a value, or "" if a device takes it; all of `devices` take what is named instead."""
        if type(value) is not _TYPES.get(self.type):
            return f"takes {'an' if self.type[0] in 'aeiou' else 'a'} {self.type}"
        if self.values and value not in (listed := self.listed()):
            taken = [v for v in listed if not self.refused_by(v, devices)]
            return "takes one of " + ", ".join(f"`{v}`" for v in taken or listed)
        if isinstance(value, int):
            highest, lowest = _HIGHEST if self.maximum is None else self.maximum, self.minimum
            if value > highest or (lowest is None and value < -highest):
                return f"takes a number of at most {highest}"
            if lowest is not None and value < lowest:
                return f"takes a number of at least {lowest}"
        return ""

    def refused_by(self, value: Any, devices: Collection[str]) -> tuple[str, ...]:
        """Return the devices, of these, that refuse a value which others take."""
        return tuple(d for d, taken in self.values.items() if d in devices and value not in taken)

    def listed(self) -> tuple[str, ...]:
        """Return every string that some device takes, or none if they aren't listed."""
        return tuple(dict.fromkeys(value for taken in self.values.values() for value in taken))


@cache
def property_table() -> Mapping[str, DeviceProperty]:
    """Return the properties by the key that a spec uses."""
    table: dict[str, DeviceProperty] = {}
    for name in _TABLES:
        rows = read_table(name)
        if twice := table.keys() & rows.keys():
            raise ValueError(f"{name}: `{min(twice)}` stands in another table too")
        table |= {key: read_row(key, row) for key, row in rows.items()}
    return MappingProxyType(table)


def ahead_of_time(properties: Mapping[str, Value | float]) -> dict[str, Value | float]:
    """Return those of an NPU's properties that matter to a blob which is compiled where no NPU is."""
    phases = {row.name: row.phase for row in property_table().values()}
    return {
        name: value
        for name, value in properties.items()
        if phases.get(name, "compile") in ("compile", "both") and name not in _HERE
    }


def property_key(name: str) -> str:
    """Return the key that a spec uses for OpenVINO's name, however it is written."""
    return name.strip().lower().replace("_", "-").removeprefix("npu-")


def read_row(key: str, row: Mapping[str, Any]) -> DeviceProperty:
    """Return a property as its row in a table says it.

    Raises:
        ValueError: a field is missing, unknown, or none of its values.

    """
    known = {f.name: f for f in fields(DeviceProperty)}
    if extra := row.keys() - known.keys():
        raise ValueError(f"{key}: `{min(extra)}` is no field of a property")
    required = {n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING}
    if missing := required - row.keys():
        raise ValueError(f"{key}: `{min(missing)}` is missing")
    for name, choices in (("type", Type), ("scope", Scope), ("phase", Phase), ("access", Access), ("needs", Needs)):
        if (value := row.get(name, known[name].default)) not in get_args(choices):
            raise ValueError(f"{key}: `{value}` is no {name} of a property")
    if unknown := set(row["devices"]) - set(get_args(Device)):
        raise ValueError(f"{key}: `{min(unknown)}` is no device")
    where = (*row["devices"],) or ("core",)
    by_device = {
        "values": {d: tuple(v) for d, v in _by_device(row.get("values", {}), where).items()},
        "default": _by_device(row.get("default", {}), where),
    }
    lists = {name: tuple(row.get(name, ())) for name in ("devices", "platforms")}
    return DeviceProperty(**{**row, **lists, **{n: MappingProxyType(v) for n, v in by_device.items()}})


def _by_device(stated: Any, devices: tuple[str, ...]) -> dict[str, Any]:
    """Return what is stated for each device: a table does so itself, anything else holds for all of them."""
    return dict(stated) if isinstance(stated, dict) else dict.fromkeys(devices, stated)
