"""What all tables have in common."""

import sys
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def rising(value: Any) -> Any:
    """Refuse a list that doesn't rise: there is one way to write down a set."""
    kinds = {type(item) for item in value} if isinstance(value, list) else set()
    if kinds in ({int}, {str}) and sorted(set(value)) != value:
        raise ValueError("its items must rise, each once")
    return value


def _function(text: str) -> str:
    module, _, name = text.partition(":")
    parts = [*module.split("."), name]
    if not all(part.isidentifier() and part.isascii() for part in parts):
        raise ValueError("it isn't `module:function`")
    if parts[0] in sys.stdlib_module_names:
        raise ValueError(f"`{parts[0]}` is a module of Python's own, and no file beside the spec takes its place")
    return text


class Table(BaseModel):
    """A TOML table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=_kebab, populate_by_name=False)


Size = Annotated[int, Field(ge=1, le=2**31 - 1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Function = Annotated[str, AfterValidator(_function)]
"""Code beside the spec, by its module and its name there."""
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)]
Numbers = Annotated[tuple[Number, ...], Field(strict=False)]
Platform = Literal["3720", "4000", "5010", "5020", "6010"]
