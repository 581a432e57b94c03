"""The language as a JSON Schema, for editors and linters of TOML.

Made from the models, with the docstrings of tables and the strings below their fields as descriptions. These are read
from the source when the schema is made, so that importing the models costs nothing more. Every table is written where
it stands, without references: what a tool shows of a key is then what is said there. TOML has no null, so that a key
that may be left out has the type that it has when it is there.
"""

import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from npuspec.npu import DeviceProperty, property_table
from npuspec.spec.models import Properties, Spec

_DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest one that taplo knows

Node = dict[str, Any]


def json_schema() -> Node:
    """Return the schema of a spec: every key with its type, values, default and description."""
    schema = Spec.model_json_schema(by_alias=True, schema_generator=_Described)
    return {"$schema": _DRAFT, "title": "npuspec", **_plain(schema, schema.get("$defs", {}))}


def schema_text() -> str:
    """Return the schema as it is committed, in docs/npuspec.schema.json."""
    return json.dumps(json_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


class _Described(GenerateJsonSchema):
    """Pydantic's schema, with a description for every key."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Node:
        node = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, text in field_texts(model).items():
            node["properties"][model.model_fields[name].alias or name]["description"] = text
        if model is Properties:
            _add_properties(node)
        return node


def field_texts(model: type[BaseModel]) -> dict[str, str]:
    """Return what is written below each field of a table.

    Raises:
        TypeError: where nothing is written.

    """
    written = {name: text for table in reversed(model.__mro__) for name, text in _written(table)}
    if silent := [name for name in model.model_fields if name not in written]:
        raise TypeError(f"nothing is written below {', '.join(silent)} in {model.__name__}")
    return {name: written[name] for name in model.model_fields}


def _written(table: type) -> Iterator[tuple[str, str]]:
    if not issubclass(table, BaseModel) or table is BaseModel:
        return
    body = next(n.body for n in _classes(table.__module__) if n.name == table.__name__)
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(ast.Constant(str(text))):
                    yield field.target.id, " ".join(text.split())


@cache
def _classes(module: str) -> list[ast.ClassDef]:
    source = Path(str(sys.modules[module].__file__)).read_text("utf-8")
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def _add_properties(node: Node) -> None:
    """Put the properties that a spec may set into their tables: in `core` those of OpenVINO itself."""
    core = node["properties"]["core"]
    core["properties"] = {}
    for key, known in property_table().items():
        if known.access == "spec":
            table = core if known.scope == "core" else node
            table["properties"][key] = _property(known)
    node["additionalProperties"] = core["additionalProperties"] = False


def _property(known: DeviceProperty) -> Node:
    node: Node = {"type": known.type, "description": f"{known.name}: {known.known}"}
    if listed := known.listed():
        node["enum"] = list(listed)
    defaults = [*known.default.values()]
    if defaults and defaults.count(defaults[0]) == len(defaults) == max(1, len(known.devices)):
        node["default"] = defaults[0]
    limits = {"minimum": known.minimum, "maximum": known.maximum}
    return node | {name: limit for name, limit in limits.items() if limit is not None}


def _plain(node: Any, tables: Node) -> Any:
    """Write a schema without references, titles, nulls and pydantic's words for unions."""
    if isinstance(node, list):
        return [_plain(item, tables) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(tables[node["$ref"].rpartition("/")[2]], tables)
    if "anyOf" in node:
        kinds = [kind for kind in node["anyOf"] if kind.get("type") != "null"]
        node = {k: v for k, v in node.items() if k != "anyOf"} | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
        if "$ref" in node:
            return _plain(node, tables)
    if "oneOf" in node:
        described = {k: v for k, v in node.items() if k == "description"}
        return described | _chosen([_plain(kind, tables) for kind in node["oneOf"]])
    plain = {
        key: {name: _plain(entry, tables) for name, entry in value.items()}
        if key == "properties"
        else _plain(value, tables)
        for key, value in node.items()
        if key not in ("title", "$defs") and (key != "default" or _is_stated(value))
    }
    match plain:
        case {"description": str(text)}:
            plain["description"] = " ".join(text.split())
    return plain


def _is_stated(default: Any) -> bool:
    """Tell whether a default says something: a table's is that of its keys, and null can't be written."""
    return default is not None and not isinstance(default, dict)


def _chosen(kinds: list[Node]) -> Node:
    """Write a union of tables so that only the kind that was meant is held against what is there.

    One key has words of its own in each kind. Where a kind doesn't need it, that kind is meant by its absence. Which
    other keys there may be is said by the kind alone, and so allowed explicitly before: tombi warns of it otherwise.
    """
    key = next(name for name in kinds[0]["properties"] if _tells_apart(kinds, name))
    every = [word for kind in kinds for word in _words(kind, key)]
    default = next((kind for kind in kinds if key not in kind.get("required", [])), None)
    says = " ".join(f"{', '.join(f'`{w}`' for w in _words(k, key))}: {k['description']}" for k in kinds)
    head: Node = {"type": "string", "enum": every, "description": says}
    if default is not None and "default" in default["properties"][key]:
        head["default"] = default["properties"][key]["default"]
    node: Node = {"type": "object", "properties": {key: head}, "additionalProperties": True, "allOf": []}
    if default is None:
        node["required"] = [key]
    for kind in kinds:
        meant: Node = {"properties": {key: {"enum": _words(kind, key)}}}
        if kind is not default:
            meant["required"] = [key]
        node["allOf"].append({"if": meant, "then": kind})
    return node


def _tells_apart(kinds: list[Node], key: str) -> bool:
    words = [_words(kind, key) for kind in kinds]
    return all(words) and len({*chain(*words)}) == sum(map(len, words))


def _words(kind: Node, key: str) -> list[str]:
    known = kind["properties"].get(key, {})
    return [known["const"]] if "const" in known else list(known.get("enum", []))
