"""The JSON form: positions are found when it is made, and counted as editors count."""

from pathlib import Path
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

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
        {
            "code": "c",
            "severity": "warning",
            "message": "m",
            "help": "h",
            "file": "s.toml",
            "labels": [],
            "mend": [],
            "edits": [],
        }
    ]


def test_a_mend_says_by_path_what_it_does_and_by_position_what_it_takes() -> None:
    fault = Diagnostic("c", "m").mend(("é", "b"), "value", "3")
    [row] = json_form([fault], source('"é" = { b = 12 }\n'))
    assert row["mend"] == [{"path": ["é", "b"], "part": "value", "text": "3"}]
    assert row["edits"] == [
        {"start": {"line": 1, "column": 13, "byte": 13}, "end": {"line": 1, "column": 15, "byte": 15}, "text": "3"}
    ]


def test_a_mend_without_a_place_is_none() -> None:
    fault = Diagnostic("c", "m").mend(("a",), "value", "2").mend(("b",), "entry")
    [row] = json_form([fault], source("a = 1\n"))
    assert (row["mend"], row["edits"]) == ([], [])


@given(st.text(alphabet=st.sampled_from("aé日\N{GRINNING FACE}\t\r\n"), max_size=50), st.integers(1, 400))
def test_positions_are_those_that_counting_finds(piece: str, times: int) -> None:
    text = piece * times
    place = len(text) // 2
    span = (len(text[:place].encode()),) * 2
    [row] = json_form([Diagnostic("c", "", "", (Label((), span=span),))], Document("s.toml", Path(), text, {}, {}))
    line, column = text[:place].count("\n") + 1, place - (text.rfind("\n", 0, place) + 1) + 1
    assert row["labels"][0]["start"] == {"line": line, "column": column, "byte": span[0]}


def test_thousands_of_faults_on_one_long_line_are_found_in_a_moment() -> None:
    document = source(f"a = [{'10, ' * 20_000}]\n")
    faults = [Diagnostic("c", "m").at(("a", index)).mend(("a", index), "value", "1") for index in range(20_000)]
    start = process_time()
    assert len(json_form(faults, document)) == 20_000
    assert process_time() - start < 10


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
