"""From a document's values to a Spec: every fault at once, each with the path that it is at."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from npuspec.diagnostics import Diagnostic, Path, has_errors
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.spec.document import Document
from npuspec.spec.models import Spec
from npuspec.spec.rules import RULES


def validate(document: Document) -> tuple[Spec | None, list[Diagnostic]]:
    """Check the values against the language, and then against the rules that look at several of them together."""
    if not document.values:
        return None, [Diagnostic("missing-key", "the spec is empty", "begin with `npuspec = 1`").at(())]
    try:
        spec = Spec.model_validate(document.values)
    except ValidationError as error:
        return None, [_diagnostic(document, detail) for detail in error.errors(include_url=False)]
    diagnostics = [fault for rule in RULES for fault in rule(spec)]
    return (None if has_errors(diagnostics) else spec), diagnostics


def _diagnostic(document: Document, detail: ErrorDetails) -> Diagnostic:
    path = _path_in(document.values, detail["loc"])
    name = ".".join(str(p) for p in detail["loc"] if p in path or p is detail["loc"][-1])
    match detail["type"]:
        case "extra_forbidden":
            here = _known_keys(detail["loc"])
            message = f"unknown key `{path[-1]}`"
            return Diagnostic("unknown-key", message, did_you_mean(str(path[-1]), here)).at(
                path, "not a key of this table", "key"
            )
        case "missing":
            key = str(detail["loc"][-1])
            return Diagnostic("missing-key", f"`{key}` is missing", _why_needed(key)).at(
                path, f"`{key}` must be stated here"
            )
        case "union_tag_not_found":
            return Diagnostic("missing-key", "`strategy` is missing", "one of `fixed`, `pad`, `buckets`").at(path)
        case "union_tag_invalid":
            tags = detail["ctx"]["expected_tags"].replace("'", "`")
            key = "role" if path[:1] == ("inputs",) else "strategy"
            return Diagnostic("wrong-value", f"unknown {key} `{detail['ctx']['tag']}`", f"one of {tags}").at(
                (*path, key)
            )
        case kind:
            code = "wrong-type" if kind.endswith("_type") else "wrong-value"
            text = detail["msg"].removeprefix("Value error, ")
            return Diagnostic(code, f"`{name}`: {text[:1].lower()}{text[1:]}", _mend(detail)).at(
                path, f"this is {_shown(detail['input'])}"
            )


def _path_in(values: Any, loc: tuple[int | str, ...]) -> Path:
    """Keep of pydantic's location what stands in the file: it also holds the tags of unions."""
    path: list[int | str] = []
    for item in loc:
        try:
            values = values[item]
        except (KeyError, IndexError, TypeError):
            continue
        path.append(item)
    return tuple(path)


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the table that holds the unknown one, by walking the JSON schema of the language."""
    schema = Spec.model_json_schema()
    node: Any = schema
    for item in loc[:-1]:
        node = _step(schema, node, item)
    return [*node.get("properties", {})]


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
        "overflow": 'what happens to a longer sample is never implied: `overflow = "error"`',
        "strategy": "one of `fixed`, `pad`, `buckets`",
    }.get(key, f"add `{key} = …`")


def _mend(detail: ErrorDetails) -> str:
    if detail["type"] == "literal_error":
        return "one of " + str(detail["ctx"]["expected"]).replace("'", "`")
    if detail["type"] == "string_pattern_mismatch":
        return "64 hexadecimal digits in lower case, as `sha256sum` prints them"
    return "strings stand in quotes, numbers and booleans don't" if detail["type"].endswith("_type") else ""


def _shown(value: Any) -> str:
    kinds = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array", dict: "a table"}
    return kinds.get(type(value), type(value).__name__)
