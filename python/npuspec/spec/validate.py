"""From a document's values to a Spec: every fault at once, each with the path that it is at."""

from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from npuspec.diagnostics import Diagnostic, Path, has_errors
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.spec.document import Document
from npuspec.spec.models import Spec
from npuspec.spec.rules import RULES

_WANTED = {
    "bool_type": "a boolean",
    "dict_type": "a table",
    "float_type": "a number",
    "int_type": "an integer",
    "model_attributes_type": "a table",
    "model_type": "a table",
    "string_type": "a string",
    "tuple_type": "an array",
}
_KINDS = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array", dict: "a table"}


def validate(document: Document) -> tuple[Spec | None, list[Diagnostic]]:
    """Check the values against the language, and then against the rules that look at several of them together."""
    if not document.values:
        return None, [Diagnostic("missing-key", "the spec is empty", "begin with `npuspec = 1`").at(())]
    try:
        spec = Spec.model_validate(document.values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        misspelt = {(d["loc"][:-1], _closest(d)) for d in details if d["type"] == "extra_forbidden"}
        return None, [
            _diagnostic(document, d)
            for d in details
            if d["type"] != "missing" or (d["loc"][:-1], d["loc"][-1]) not in misspelt
        ]
    diagnostics = [fault for rule in RULES for fault in rule(spec)]
    return (None if has_errors(diagnostics) else spec), diagnostics


def _diagnostic(document: Document, detail: ErrorDetails) -> Diagnostic:
    place = _without_tag(detail["loc"])
    path = _path_in(document.values, place)
    match detail["type"]:
        case "extra_forbidden":
            key = str(place[-1])
            help_ = did_you_mean(key, _known_keys(detail["loc"]))
            return Diagnostic("unknown-key", f"unknown key `{key}`", help_).at(path, "not a key of this table", "key")
        case "missing":
            key = str(place[-1])
            return Diagnostic("missing-key", f"`{key}` is missing", _why_needed(key)).at(
                path, f"`{key}` must be stated here"
            )
        case "union_tag_not_found":
            return Diagnostic("missing-key", "`strategy` is missing", _why_needed("strategy")).at(
                path, "`strategy` must be stated here"
            )
        case "union_tag_invalid":
            tags = detail["ctx"]["expected_tags"].replace("'", "`")
            key = "role" if path[:1] == ("inputs",) else "strategy"
            return Diagnostic("wrong-value", f"unknown {key} `{detail['ctx']['tag']}`", f"one of {tags}").at(
                (*path, key)
            )
        case _:
            return _wrong(".".join(map(str, place)), detail).at(path, _is_shown(detail))


def _wrong(name: str, detail: ErrorDetails) -> Diagnostic:
    kind, given = detail["type"], detail["input"]
    if (wanted := _WANTED.get(kind)) is not None:
        quotes = isinstance(given, str) or wanted == "a string"
        help_ = "strings stand in quotes, numbers and booleans don't" if quotes else ""
        return Diagnostic("wrong-type", f"`{name}` must be {wanted}", help_)
    if kind == "too_short":
        return Diagnostic("wrong-value", f"`{name}` must not be empty")
    if kind == "too_long":
        most, found = detail["ctx"]["max_length"], detail["ctx"]["actual_length"]
        return Diagnostic("wrong-value", f"`{name}` has {found} items, and at most {most} are possible")
    text = detail["msg"].removeprefix("Value error, ")
    return Diagnostic("wrong-value", f"`{name}`: {text[:1].lower()}{text[1:]}", _mend(detail))


def _closest(detail: ErrorDetails) -> str:
    """Return the key that an unknown one was meant to be: what is misspelt isn't missing as well."""
    return next(iter(get_close_matches(str(detail["loc"][-1]), _known_keys(detail["loc"]), n=1)), "")


def _without_tag(loc: tuple[int | str, ...]) -> Path:
    """Take out of pydantic's location what isn't in the file: the tag of a dimension's or an input's union."""
    return (*loc[:2], *loc[3:]) if loc[0] in ("dims", "inputs") else loc


def _path_in(values: Any, place: Path) -> Path:
    """Return the longest part of a path that stands in the file."""
    for depth, item in enumerate(place):
        try:
            values = values[item]
        except (KeyError, IndexError, TypeError):
            return place[:depth]
    return place


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the table that holds the unknown one, by walking the JSON schema of the language."""
    schema = _schema()
    node: Any = schema
    for item in loc[:-1]:
        node = _step(schema, node, item)
    return [*node.get("properties", {})]


@cache
def _schema() -> dict[str, Any]:
    return Spec.model_json_schema()


def _step(schema: dict[str, Any], node: Any, item: int | str) -> Any:
    """Go from a table's schema to that of an entry, or from a union's to that of the branch with this tag."""
    for branch in node.get("oneOf", []):
        table = _resolve(schema, branch)
        if item in {key.get("const") for key in table["properties"].values()}:
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


def _why_needed(key: str) -> str:
    return {
        "npuspec": "the version of the language: `npuspec = 1`",
        "model": "add the table [model] with a `source`",
        "target": "add the table [target] with a `device`",
        "inputs": "add a table [inputs.NAME] for each input of the model",
        "overflow": 'what happens to a longer sample is never implied: `overflow = "error"`',
        "strategy": "one of `fixed`, `pad`, `buckets`",
    }.get(key, f"add `{key} = …`")


def _mend(detail: ErrorDetails) -> str:
    if detail["type"] == "literal_error":
        return "one of " + str(detail["ctx"]["expected"]).replace("'", "`")
    if detail["type"] == "string_pattern_mismatch":
        return "64 hexadecimal digits in lower case, as `sha256sum` prints them"
    return ""


def _is_shown(detail: ErrorDetails) -> str:
    """Say what stands there, where its type is what is wrong with it."""
    return f"this is {_KINDS.get(type(detail['input']), 'a date or time')}" if detail["type"] in _WANTED else ""
