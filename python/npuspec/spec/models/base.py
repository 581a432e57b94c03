"""What all tables have in common."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def rising(value: Any) -> Any:
    """Refuse a list that doesn't rise: there is one way to write down a set."""
    kinds = {type(item) for item in value} if isinstance(value, list) else set()
    if kinds in ({int}, {str}) and sorted(set(value)) != value:
        raise ValueError("its items must rise, each once")
    return value


class Table(BaseModel):
    """A TOML table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=_kebab, populate_by_name=False)


Size = Annotated[int, Field(ge=1, le=2**31 - 1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Numbers = Annotated[tuple[Number, ...], Field(strict=False)]
Platform = Literal["3720", "4000", "5010", "5020", "6010"]
