"""The JSON form: positions are found when it is made, and counted as editors count."""

from pathlib import Path

from npuspec.diagnostics import Diagnostic, Label, Severity
from npuspec.diagnostics.form import json_form
from npuspec.spec import Document, parse


def source(text: str) -> Document:
    return parse(text, name="s.toml")[0]


def test_lines_and_columns_count_from_one_in_characters_and_bytes_from_zero() -> None:
    text = 'a = 1\n"é日" = { b = 2 }\n'
    [row] = json_form([Diagnostic("c", "m").at(("é日", "b"), "here")], source(text))
    [label] = row["labels"]
    assert label["path"] == ["é日", "b"]
    assert label["message"] == "here"
    assert label["start"] == {"line": 2, "column": 14, "byte": text.encode().index(b"2")}
    assert label["end"] == {"line": 2, "column": 15, "byte": text.encode().index(b"2") + 1}


def test_it_holds_everything_that_a_renderer_needs() -> None:
    fault = Diagnostic("c", "m", "h", severity=Severity.WARNING)
    assert json_form([fault], source("")) == [
        {"code": "c", "severity": "warning", "message": "m", "help": "h", "file": "s.toml", "labels": []}
    ]


def test_faults_stand_in_the_order_of_the_text_and_those_without_a_place_first() -> None:
    faults = [Diagnostic("third", "").at(("b",)), Diagnostic("second", "").at(("a",)), Diagnostic("first", "")]
    assert [row["code"] for row in json_form(faults, source("a = 1\nb = 2\n"))] == ["first", "second", "third"]


def test_faults_at_one_place_keep_their_order() -> None:
    faults = [Diagnostic(code, "").at(("a",)) for code in "zyx"]
    assert [row["code"] for row in json_form(faults, source("a = 1\n"))] == ["z", "y", "x"]


def test_a_place_behind_the_last_line_can_be_named() -> None:
    text = "a ="
    document = Document("s.toml", Path(), text, {}, {})
    [row] = json_form([Diagnostic("c", "", "", (Label((), span=(3, 3)),))], document)
    assert row["labels"][0]["start"] == {"line": 1, "column": 4, "byte": 3}
