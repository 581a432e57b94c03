"""The table of device properties: name, type, allowed values, scope, devices. Data about OpenVINO, without OpenVINO."""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import tomli
from pydantic import BaseModel, ConfigDict, Field

_HIGHEST = 2**31 - 1
_TYPES = {"boolean": bool, "integer": int, "string": str}


class DeviceProperty(BaseModel):
    """One property of OpenVINO's devices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """OpenVINO's name, such as `NPU_TURBO`."""
    type: Literal["boolean", "integer", "string"]
    values: tuple[str, ...] = ()
    minimum: int | None = None
    scope: Literal["core", "compile", "run"]
    devices: tuple[Literal["NPU", "CPU"], ...] = Field(min_length=1)
    known: str

    def fault(self, value: Any) -> str:
        """Say what is wrong with a value, or "" if the device takes it."""
        if type(value) is not _TYPES[self.type]:
            return f"takes {'an' if self.type[0] in 'aeiou' else 'a'} {self.type}"
        if self.values and value not in self.values:
            return "takes one of " + ", ".join(f"`{v}`" for v in self.values)
        if isinstance(value, int) and abs(value) > _HIGHEST:
            return f"takes a number of at most {_HIGHEST}"
        if isinstance(value, int) and self.minimum is not None and value < self.minimum:
            return f"takes a number of at least {self.minimum}"
        return ""


@cache
def property_table() -> dict[str, DeviceProperty]:
    """Return the properties by the key that a spec uses."""
    text = files("npuspec.npu").joinpath("properties.toml").read_text("utf-8")
    return {key: DeviceProperty.model_validate(row) for key, row in tomli.loads(text).items()}
