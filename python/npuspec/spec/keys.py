"""Which keys a table has, by walking the JSON schema of the language."""

from functools import cache
from typing import Any

from npuspec.spec.models import Spec


def known_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the table that holds the entry at pydantic's location `loc`."""
    schema = _schema()
    node: Any = schema
    for item in loc[:-1]:
        node = _step(schema, node, item)
    return [*node.get("properties", {})]


@cache
def _schema() -> dict[str, Any]:
    return Spec.model_json_schema()


def _step(schema: dict[str, Any], node: Any, item: int | str) -> Any:
    """Go from a table's schema to that of an entry, or from a union's to that of the branch with this tag.

    A branch's class begins with its tag: `PadDim` is the branch `pad`.
    """
    for branch in node.get("oneOf", []):
        table = _resolve(schema, branch)
        if table["title"].lower().startswith(str(item)):
            return table
    for known in (node.get("properties", {}).get(item), node.get("additionalProperties"), node.get("items")):
        if isinstance(known, dict):
            return _resolve(schema, known)
    return node


def _resolve(schema: dict[str, Any], node: Any) -> Any:
    """Follow a reference, and look through `X | None`."""
    if "anyOf" in node:
        node = next(branch for branch in node["anyOf"] if branch.get("type") != "null")
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
