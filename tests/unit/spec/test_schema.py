"""The JSON Schema of the language: complete, current, and in words that tools for TOML know."""

from collections.abc import Iterator
from typing import Any, ClassVar

import jsonschema
import pytest
import tomli

from builders import BUCKETS, DATA, GATE, SMALL
from conftest import ASR_SPEC, ROOT
from npuspec.npu import property_table
from npuspec.spec.models import Spec, Table
from npuspec.spec.schema import field_texts, json_schema, schema_text

SCHEMA = json_schema()
PROPERTIES = SCHEMA["properties"]["properties"]["properties"]


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, with the way to it."""
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for word in ("items", "additionalProperties", "then"):
        if isinstance(node.get(word), dict):
            yield from nodes(node[word], f"{path}/{word}")
    for word in ("allOf", "anyOf"):
        for index, below in enumerate(node.get(word, [])):
            yield from nodes(below, f"{path}/{word}{index}")


def faults(text: str) -> list[tuple[str, str]]:
    """What jsonschema has against a spec: where, and by which word of the schema."""
    found = jsonschema.Draft7Validator(SCHEMA).iter_errors(tomli.loads(text))
    return sorted((".".join(map(str, fault.absolute_path)), str(fault.validator)) for fault in found)


def test_the_committed_schema_is_current() -> None:
    assert (ROOT / "docs" / "npuspec.schema.json").read_text("utf-8") == schema_text()


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_every_key_and_every_table_is_described() -> None:
    silent = [
        f"{path}.{name}"
        for path, node in nodes(SCHEMA)
        for name, below in node.get("properties", {}).items()
        if not below.get("description", "").strip()
    ]
    tables = [path for path, n in nodes(SCHEMA) if n.get("additionalProperties") is False and not n.get("description")]
    assert silent == []
    assert tables == []


def test_a_field_without_a_string_below_it_is_an_error() -> None:
    with pytest.raises(TypeError, match="nothing is written below size in Silent"):
        field_texts(Silent)


class Silent(Table):
    """A table with one field that is described, and one that isn't."""

    other: ClassVar[int] = 0
    name: str
    """Its name."""
    size: int


def test_no_table_takes_unknown_keys_but_those_whose_names_the_user_gives() -> None:
    assert all("additionalProperties" in n for _, n in nodes(SCHEMA) if n.get("type") == "object")
    # The tables of a union allow what their kinds refuse.
    free = {path for path, n in nodes(SCHEMA) if n.get("additionalProperties") is True}
    assert free == {
        ".dims/additionalProperties",
        ".inputs/additionalProperties",
        ".gates/items",
        ".properties.unchecked",
    }


def test_nothing_is_null_titled_or_referred_to() -> None:
    text = schema_text()
    assert "null" not in text
    assert '"$ref"' not in text
    assert [path for path, node in nodes(SCHEMA) if isinstance(node.get("title"), str)] == [""]


def test_keys_are_the_language_s_own() -> None:
    assert list(SCHEMA["properties"]) == [field.alias for field in Spec.model_fields.values()]


@pytest.mark.parametrize("key", sorted(property_table()))
def test_each_property_that_a_spec_may_set_is_there_with_its_type_and_values(key: str) -> None:
    known = property_table()[key]
    table, other = PROPERTIES, PROPERTIES["core"]["properties"]
    if known.scope == "core":
        table, other = other, table
    assert key not in other
    assert (key in table) == (known.access == "spec")
    if key in table:
        assert table[key]["type"] == known.type
        assert table[key].get("enum", []) == list(known.listed())
        assert known.known in table[key]["description"]


def test_defaults_are_the_models() -> None:
    assert SCHEMA["properties"]["quantization"]["properties"]["samples"]["default"] == 300
    assert "default" not in SCHEMA["properties"]["quantization"]
    assert SCHEMA["properties"]["inputs"]["additionalProperties"]["properties"]["role"]["default"] == "data"


@pytest.mark.parametrize("text", [SMALL, BUCKETS, SMALL + DATA + GATE, ASR_SPEC.read_text("utf-8")])
def test_a_right_spec_is_right(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("overflow =", "overflwo =", [("dims.time", "additionalProperties"), ("dims.time", "required")]),
        ('overflow = "error"\n', "", [("dims.time", "required")]),
        ('strategy = "pad"\n', "", [("dims.time", "required")]),
        ('strategy = "pad"', 'strategy = "grow"', [("dims.time.strategy", "enum")]),
        ("size = 64", 'size = "64"', [("dims.time.size", "type")]),
        ('shape = ["batch", "time"]', "", [("inputs.x", "required")]),
        ("[inputs.x]", '[inputs.n]\nrole = "length"\n[inputs.x]', [("inputs.n", "required")]),
        ('device = "NPU"', 'device = "GPU"', [("target.device", "enum")]),
        ("[target]", "[properties]\nturbo = 1\n[target]", [("properties.turbo", "type")]),
        ("npuspec = 1", "npuspec = 2", [("npuspec", "const")]),
    ],
)
def test_one_mistake_is_said_where_it_is_and_of_the_kind_that_was_meant(
    old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    assert old in SMALL
    assert faults(SMALL.replace(old, new)) == expected
