"""From a document's values to a Spec: every fault at once, each with the path that it is at."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from npuspec.diagnostics import Diagnostic, Path, has_errors
from npuspec.diagnostics.suggest import did_you_mean, surely_meant
from npuspec.spec.allow import without_allowed
from npuspec.spec.document import Document
from npuspec.spec.keys import known_keys
from npuspec.spec.models import METRICS, Spec
from npuspec.spec.rules import PROPERTY_RULES, RULES
from npuspec.spec.telling import telling_fault

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
_PLAIN = {
    "finite_number": ("must be a finite number", "state a number that can be written out, such as 0.0"),
    "greater_than_equal": ("must be at least {ge}", "state {ge} or more"),
    "less_than_equal": ("must be at most {le}", "state {le} or less"),
    "sha256": ("isn't a SHA-256", "64 hexadecimal digits in lower case, as `sha256sum` prints them"),
    "string_pattern_mismatch": (
        "isn't a layout",
        "a capital letter for each axis, at most 6, such as `NCHW`; `?` for any other",
    ),
    "string_too_long": ("is longer than {max_length} characters", "shorten it"),
    "string_too_short": ("must not be empty", "write what is meant"),
    "too_long": ("has {actual_length} items, and at most {max_length} are possible", "leave some of them out"),
    "too_short": ("must not be empty", "state at least one"),
}
"""What pydantic has against a value of the right type, and what to do."""
_HELP = {
    "npuspec": "write `npuspec = 1`, or take a version of npuspec that reads this one",
    "function": 'a file beside the spec and a function in it: function = "metrics:wer" is `wer` in metrics.py',
    "candidates": "put them in order: candidates = [1, 4]",
    "platforms": 'put them in order: platforms = ["3720", "4000"]',
    "reason": "say it in a few words",
    "sizes": "put them in order: sizes = [32, 64]",
}
_TAGS = {"dims": "strategy", "inputs": "role", "gates": "metric"}
"""Tables that are of several kinds, and the key that says which."""
_MENDED = 100  # keys of a table, above which none is mended: each is held against all others
_MOST = 500  # faults of one spec: nobody reads more, and each takes its time

_SHORTEST = {
    "npuspec": 1,
    "model": {"source": "model.onnx"},
    "target": {"device": "NPU", "fallback": ["CPU"]},
    "inputs": {"x": {"shape": ["batch"]}},
}


def validate(document: Document) -> tuple[Spec | None, list[Diagnostic]]:
    """Check the values against the language, and then against the rules that look at several of them together.

    Warnings that the spec allows are still among those of a valid one: `apply_allowances` takes them out at the end.
    """
    if not document.values:
        return None, [Diagnostic("missing-key", "the spec is empty", "begin with `npuspec = 1`").at(())]
    try:
        spec = Spec.model_validate(document.values)
    except ValidationError as error:
        details = error.errors(include_url=False)[:_MOST]
        misspelt = {(d["loc"][:-1], _closest(d)) for d in details if d["type"] == "extra_forbidden"}
        faults = [
            _diagnostic(document, d)
            for d in details
            if not _is_echo(d) and (d["type"] != "missing" or (d["loc"][:-1], d["loc"][-1]) not in misspelt)
        ]
        return None, faults + _faults_of_properties(document.values, {str(d["loc"][0]) for d in details})
    diagnostics = [fault for rule in RULES for fault in islice(rule(spec), _MOST)]
    return (None, without_allowed(spec, diagnostics)) if has_errors(diagnostics) else (spec, diagnostics)


def _faults_of_properties(values: Mapping[str, Any], broken: Collection[str]) -> list[Diagnostic]:
    """Return the faults of the properties where other tables are broken: nobody should have to come back for them.

    Where the target is broken, what depends on the device stays open.
    """
    if "properties" not in values.keys() - broken:
        return []
    sound = {key: values[key] for key in ("allow", "cache", "properties", "target") if key in values.keys() - broken}
    spec = Spec.model_validate({**_SHORTEST, **sound})
    open_codes = () if "target" in sound else ("contradictory-properties", "precision-refused", "property-device")
    found = [fault for rule in PROPERTY_RULES for fault in islice(rule(spec), _MOST)]
    return without_allowed(spec, [fault for fault in found if fault.code not in open_codes])


def _is_echo(detail: ErrorDetails) -> bool:
    """Tell whether an array is called empty since all of its items are wrong, which is said of each of them."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _diagnostic(document: Document, detail: ErrorDetails) -> Diagnostic:
    place = _without_tag(detail["loc"])
    path = _path_in(document.values, place)
    if (fault := telling_fault(place, path, detail)) is not None:
        return fault
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(document, path, detail)
        case "missing":
            return _missing(path, str(place[-1]))
        case "union_tag_not_found":
            return _missing_tag(path, detail)
        case "union_tag_invalid" | "literal_error":
            return _not_one_of(place, path, detail)
        case _:
            return _wrong(".".join(map(str, place)), path, detail)


def _unknown_key(document: Document, path: Path, detail: ErrorDetails) -> Diagnostic:
    key, known = str(detail["loc"][-1]), known_keys(detail["loc"])
    help_ = did_you_mean(key, known)
    fault = Diagnostic("unknown-key", f"unknown key `{key}`", help_).at(path, "not a key of this table", "key")
    table: Any = document.values
    for item in path[:-1]:
        table = table[item]
    if len(table) > _MENDED or not (meant := surely_meant(key, known)) or meant in table:
        return fault
    rivals = [other for other in table if other not in (key, *known) and get_close_matches(other, [meant])]
    return fault if rivals else fault.mend(path, "key", meant)


def _missing(path: Path, key: str) -> Diagnostic:
    return Diagnostic("missing-key", f"`{key}` is missing", _why_needed(key)).at(path, f"`{key}` must be stated here")


def _missing_tag(path: Path, detail: ErrorDetails) -> Diagnostic:
    """Without the key that says of which kind a table is, its other keys can't be checked; it may be misspelt."""
    tag = _TAGS[str(path[0])]
    for key in get_close_matches(tag, [*detail["input"]] if isinstance(detail["input"], dict) else [], n=1):
        fault = Diagnostic("unknown-key", f"unknown key `{key}`", f"did you mean `{tag}`?")
        fault = fault.at((*path, key), "not a key of this table", "key")
        return fault.mend((*path, key), "key", tag) if surely_meant(key, [tag]) else fault
    return _missing(path, tag)


def _not_one_of(place: Path, path: Path, detail: ErrorDetails) -> Diagnostic:
    if detail["type"] == "union_tag_invalid":
        key, given = _TAGS[str(path[0])], detail["ctx"]["tag"]
        allowed = [*METRICS] if key == "metric" else detail["ctx"]["expected_tags"].replace("'", "").split(", ")
        message, path = f"unknown {key} `{given}`", (*path, key)
    else:
        given = detail["input"]
        allowed = re.findall("'(.*?)'", str(detail["ctx"]["expected"]))
        shown = str(given).lower() if isinstance(given, bool) else given
        message = f"`{'.'.join(map(str, place))}`: `{shown}` isn't one of its values"
    fault = Diagnostic("wrong-value", message, "one of " + ", ".join(f"`{word}`" for word in allowed)).at(path)
    same = [word for word in allowed if isinstance(given, str) and word.casefold() == given.casefold()]
    return fault.mend(path, "value", f'"{same[0]}"') if same else fault


def _wrong(name: str, path: Path, detail: ErrorDetails) -> Diagnostic:
    kind, given = detail["type"], detail["input"]
    if (wanted := _WANTED.get(kind)) is not None:
        shown = f"this is {_KINDS.get(type(given), 'a date or time')}"
        fault = Diagnostic("wrong-type", f"`{name}` must be {wanted}", _written(name, wanted)).at(path, shown)
        return fault.mend(path, "value", given) if _is_quoted(kind, given) else fault
    message, help_ = _wrong_value(str(path[-1]) if path else "", detail)
    return Diagnostic("wrong-value", f"`{name}` {message}", help_).at(path)


def _written(name: str, wanted: str) -> str:
    """Say how a value of the wanted type is written."""
    below = ".NAME" if name in ("dims", "inputs", "outputs") else ""
    table = "{ … }" if name.rpartition(".")[2].isdigit() else f"[{name}{below}]"
    return {
        "a table": f"a table is written `{table}`",
        "an array": "an array stands in brackets: `[…]`",
        "an integer": "an integer has no quotes and no fraction",
    }.get(wanted, "strings stand in quotes, numbers and booleans don't")


def _wrong_value(key: str, detail: ErrorDetails) -> tuple[str, str]:
    """Say what is wrong with a value of the right type, and what to do."""
    if (plain := _PLAIN.get("sha256" if key.endswith("sha256") else detail["type"])) is not None:
        message, help_ = (text.format(**detail.get("ctx", {})) for text in plain)
        return message, help_
    text = detail["msg"].removeprefix("Value error, ")
    help_ = _HELP.get(key, "give it a size, or a name that has a table in [dims]")
    return f"can't be this: {text[:1].lower()}{text[1:]}", help_


def _is_quoted(kind: str, given: Any) -> bool:
    """Tell whether the value is right but for the quotes around it."""
    if not isinstance(given, str):
        return False
    return (kind == "bool_type" and given in ("true", "false")) or (
        kind == "int_type" and re.fullmatch(r"0|[1-9][0-9]{0,9}", given) is not None
    )


def _closest(detail: ErrorDetails) -> str:
    """Return the key that an unknown one was meant to be: what is misspelt isn't missing as well."""
    return next(iter(get_close_matches(str(detail["loc"][-1]), known_keys(detail["loc"]), n=1)), "")


def _without_tag(loc: tuple[int | str, ...]) -> Path:
    """Take out of pydantic's location what isn't in the file: the tag that tells a union's kinds apart."""
    return (*loc[:2], *loc[3:]) if loc[0] in _TAGS else loc


def _path_in(values: Any, place: Path) -> Path:
    """Return the longest part of a path that stands in the file."""
    for depth, item in enumerate(place):
        try:
            values = values[item]
        except (KeyError, IndexError, TypeError):
            return place[:depth]
    return place


def _why_needed(key: str) -> str:
    return {
        "npuspec": "the version of the language: `npuspec = 1`",
        "model": "add the table [model] with a `source`",
        "target": "add the table [target] with a `device`",
        "inputs": "add a table [inputs.NAME] for each input of the model",
        "function": 'name code beside the spec: function = "metrics:wer" is `wer` in metrics.py',
        "strategy": "one of `fixed`, `pad`, `buckets`",
        "metric": "one of " + ", ".join(f"`{metric}`" for metric in METRICS),
    }.get(key, f"add `{key} = …`")
