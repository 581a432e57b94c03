"""Diagnostics as a SARIF 2.1.0 log, the form that code scanning services take.

The log holds nothing of the machine that it was made on: files are named as the user named them, and relative ones are
relative to the root of the sources, wherever that is.
"""

import json
import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from npuspec import _native
from npuspec.diagnostics.codes import CODES, CodeDoc
from npuspec.diagnostics.text import printable

_Row = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
_LEVELS = ("error", "warning", "note")  # SARIF's names are ours; the worst stands first
_BEGIN = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}


def render_sarif(rows: Sequence[_Row]) -> str:
    """Render the JSON form of all texts' diagnostics as one log."""
    codes = sorted({row["code"] for row in rows})
    driver = {"name": "npuspec", "version": _native.__version__, "rules": [_rule(code, rows) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder that npuspec was run in."}}},
        "results": [_result(row, codes.index(row["code"])) for row in rows],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(code: str, rows: Sequence[_Row]) -> dict[str, Any]:
    """Return what is known of a code, with the worst severity that it occurs with as its level."""
    levels = {row["severity"] for row in rows if row["code"] == code}
    rule: dict[str, Any] = {"id": code, "defaultConfiguration": {"level": min(levels, key=_LEVELS.index)}}
    if doc := CODES.get(code):
        rule |= {
            "shortDescription": {"text": doc.why.partition(". ")[0].rstrip(".") + "."},
            "fullDescription": {"text": doc.why},
            "help": {"text": _help(doc, "", "\n"), "markdown": _help(doc, "```\n", "\n```\n")},
        }
    return rule


def _help(doc: CodeDoc, before: str, after: str) -> str:
    """Return why a code is a fault and its examples, each between its fences."""
    examples = {"Wrong": doc.wrong, "Right": doc.right}
    blocks = [f"{title}:\n\n{before}{example}{after}" for title, example in examples.items() if example]
    return "\n".join([doc.why + "\n", *blocks])


def _result(row: _Row, rule: int) -> dict[str, Any]:
    file = _file(row["file"])
    first, *further = row["labels"] or [None]
    message = "\n".join(filter(None, (row["message"], row["help"] and f"help: {row['help']}")))
    result = {
        "ruleId": row["code"],
        "ruleIndex": rule,
        "level": row["severity"],
        "message": _message(message),
        "locations": [_location(file, first)],
    }
    if further:
        result["relatedLocations"] = [
            {"id": number, **_location(file, label)} for number, label in enumerate(further, 1)
        ]
    if row["edits"]:
        replacements = [_replacement(edit) for edit in row["edits"]]
        fix: dict[str, Any] = {"artifactChanges": [{"artifactLocation": file, "replacements": replacements}]}
        if row["help"]:
            fix["description"] = _message(row["help"])
        result["fixes"] = [fix]
    return result


def _location(file: dict[str, str], label: _Row | None) -> dict[str, Any]:
    """Return where a label points; without one, the beginning of the file, since readers insist on a line."""
    region = _region(label["start"], label["end"]) if label else _BEGIN
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": file, "region": region}}
    if label and label["message"]:
        location["message"] = _message(label["message"])
    return location


def _region(start: dict[str, int], end: dict[str, int]) -> dict[str, int]:
    """Return lines and columns. Bytes would be those of the text without the mark that a file may begin with."""
    return {
        "startLine": start["line"],
        "startColumn": start["column"],
        "endLine": end["line"],
        "endColumn": end["column"],
    }


def _replacement(edit: _Row) -> dict[str, Any]:
    replacement: dict[str, Any] = {"deletedRegion": _region(edit["start"], edit["end"])}
    return replacement | ({"insertedContent": {"text": edit["text"]}} if edit["text"] else {})


def _message(text: str) -> dict[str, str]:
    """Return a message that holds no link: `[text](target)` would be one, and a spec may come from a stranger."""
    return {"text": printable(text).replace("](", "] (")}


def _file(name: str) -> dict[str, str]:
    """Return a file by its URI."""
    path = PurePath(name)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    uri = quote(os.fsencode(path.as_posix()))
    return {"uri": uri} if uri.startswith("../") else {"uri": uri, "uriBaseId": ROOT}
