"""Mends: what a mend names is changed, all else stays as it was, and a mend that would do more is refused."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import tomli

from diagnostics.faults import form
from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.mend import apply_edits, mendable, write_text
from npuspec.spec import load

FAULT = Diagnostic("c", "m")


def mended(text: str, *faults: Diagnostic) -> str:
    return apply_edits(text, form(text, *faults))


def without(text: str, *path: str | int) -> str:
    return mended(text, FAULT.mend(path, "entry"))


SPEC = """\
# A spec.
npuspec = 1   # the version

[model]
source = 'm.onnx' # kept
pin = "x"   # why it is pinned

  # About the target.
  [target]
  device = "NPU"

[[gates]]
min = 0.5

# The second gate.
[[gates]]
min = 0.75
"""


def test_a_key_and_a_value_are_replaced_and_nothing_else() -> None:
    new = mended(
        SPEC, FAULT.mend(("model", "pin"), "key", "sha256"), FAULT.mend(("target", "device"), "value", '"CPU"')
    )
    assert new == SPEC.replace("pin =", "sha256 =").replace('"NPU"', '"CPU"')


def test_an_entry_is_replaced_with_its_key() -> None:
    assert mended(SPEC, FAULT.mend(("model", "source"), "entry", 'path = "x"')) == SPEC.replace(
        "source = 'm.onnx'", 'path = "x"'
    )


def test_a_comment_behind_a_removed_entry_stays_on_a_line_of_its_own() -> None:
    assert without(SPEC, "model", "pin") == SPEC.replace('pin = "x"   # why', "# why")
    assert without("\ta = 1 # c", "a") == "\t# c"


@pytest.mark.parametrize(
    ("text", "path", "left"),
    [
        ("a = 1\nb = 2\n", ("a",), "b = 2\n"),
        ("a = 1\nb = 2", ("b",), "a = 1\n"),
        ("a = 1\r\nb = 2\r\nc = 3\r\n", ("b",), "a = 1\r\nc = 3\r\n"),
        ("a = 1 # c\r\nb = 2\r\n", ("a",), "# c\r\nb = 2\r\n"),
        ('a = """\nx\n# no comment\n"""\nb = 2\n', ("a",), "b = 2\n"),
        ("a = [\n  1, # one\n]\nb = 2\n", ("a",), "b = 2\n"),
        ("a.b.c = 1\na.d = 2\n", ("a", "b", "c"), "a.d = 2\n"),
        ("a.b = 1\nx = 0\na.c = 2\n", ("a",), "x = 0\n"),
        ('"é ß".\'b c\' = 1\n"é ß" . d = 2\n', ("é ß", "b c"), '"é ß" . d = 2\n'),
        ('a = "日本" # é\nb = 1\n', ("a",), "# é\nb = 1\n"),
    ],
)
def test_a_removed_statement_takes_its_lines(text: str, path: tuple[str, ...], left: str) -> None:
    assert without(text, *path) == left


@pytest.mark.parametrize(
    ("text", "path", "left"),
    [
        ("t = { a = 1, b = 2, c = 3 }\n", ("t", "a"), "t = { b = 2, c = 3 }\n"),
        ("t = { a = 1, b = 2, c = 3 }\n", ("t", "b"), "t = { a = 1, c = 3 }\n"),
        ("t = { a = 1, b = 2, c = 3 }\n", ("t", "c"), "t = { a = 1, b = 2 }\n"),
        ("t = { a = 1 }\n", ("t", "a"), "t = {}\n"),
        ("t = { a.x = 1, b = 2, a.y = 3 }\n", ("t", "a"), "t = { b = 2 }\n"),
        ("t = { a.x = 1, b = 2, a.y = 3 }\n", ("t", "a", "x"), "t = { b = 2, a.y = 3 }\n"),
        ("t = { a = { b = 1 }, c = 2 }\n", ("t", "a", "b"), "t = { a = {}, c = 2 }\n"),
        ("x = [1, 2, 3]\n", ("x", 0), "x = [2, 3]\n"),
        ("x = [1, 2, 3]\n", ("x", 2), "x = [1, 2]\n"),
        ("x = [1, 2, 3,]\n", ("x", 2), "x = [1, 2,]\n"),
        ("x = [ 1 , 2 ]\n", ("x", 1), "x = [ 1  ]\n"),
        ("x = [1]\n", ("x", 0), "x = []\n"),
        ("x = [1,]\n", ("x", 0), "x = []\n"),
        ("x = [[1, 2], [3]]\n", ("x", 0, 1), "x = [[1], [3]]\n"),
        ("x = [[1, 2], [3]]\n", ("x", 1), "x = [[1, 2]]\n"),
        ("x = [{ a = 1 }, { a = 2 }]\n", ("x", 0), "x = [{ a = 2 }]\n"),
        ("x = ['a,b', \"]\", 3] # c\n", ("x", 1), "x = ['a,b', 3] # c\n"),
        ("x = [\n  1,\n  2, # two\n  3,\n]\n", ("x", 0), "x = [\n  2, # two\n  3,\n]\n"),
        ("x = [\n  1,\n  2, # two\n  3,\n]\n", ("x", 1), "x = [\n  1,\n  # two\n  3,\n]\n"),
        ("x = [\n  1,\n  2\n]\n", ("x", 1), "x = [\n  1,\n]\n"),
        ("x = [\n  1,\r\n  2\r\n]\r\n", ("x", 1), "x = [\n  1,\r\n]\r\n"),
        ("x = [\n  1, 2,\n  3, 4,\n]\n", ("x", 1), "x = [\n  1,\n  3, 4,\n]\n"),
        ("x = [\n  1, 2,\n  3, 4,\n]\n", ("x", 2), "x = [\n  1, 2,\n  4,\n]\n"),
        ("x = [\n  1, 2,\n  3, 4,\n]\n", ("x", 3), "x = [\n  1, 2,\n  3,\n]\n"),
        ("x = [\n  1 # one\n  , 2\n]\n", ("x", 0), "x = [\n  # one\n   2\n]\n"),
        ("x = [\n  1\n  , 2\n]\n", ("x", 1), "x = [\n  1\n  \n]\n"),
        ("x = [\n  1, # one\n]\n", ("x", 0), "x = [\n  # one\n]\n"),
        ("t = {\n  a = 1, # one\n  b = 2,\n}\n", ("t", "b"), "t = {\n  a = 1, # one\n}\n"),
    ],
)
def test_a_removed_item_takes_its_comma(text: str, path: tuple[str | int, ...], left: str) -> None:
    new = without(text, *path)
    tomli.loads(new)
    assert new == left


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (("model",), "[model]\nsource = 'm.onnx' # kept\npin = \"x\"   # why it is pinned\n\n"),
        (("target",), '  [target]\n  device = "NPU"\n\n'),
        (("gates", 0), "[[gates]]\nmin = 0.5\n\n"),
        (("gates", 1), "[[gates]]\nmin = 0.75\n"),
    ],
)
def test_a_removed_table_takes_its_lines_up_to_what_belongs_to_the_next(path: tuple[str | int, ...], gone: str) -> None:
    assert without(SPEC, *path) == SPEC.replace(gone, "")


def test_all_elements_of_an_array_of_tables_can_go() -> None:
    assert "gates" not in tomli.loads(without(SPEC, "gates"))


@pytest.mark.parametrize(
    ("text", "path", "left"),
    [
        ("[a]\nx = 1\n\n[a.b]\ny = 2\n\n[c]\n", ("a",), "[c]\n"),
        ("[a.b]\nx = 1\n[c]\ny = 1\n[a.d]\nz = 1\n", ("a",), "[c]\ny = 1\n"),
        ("[dims.time]\nsize = 1\n\n[c]\n", ("dims", "time"), "[c]\n"),
        ("[c]\n\n[dims.time]\nsize = 1\n", ("dims", "time"), "[c]\n"),
        ("[a]\nx = 1\n# of a\n\n# of nobody\n\n# of c\n[c]\n", ("a",), "# of nobody\n\n# of c\n[c]\n"),
        ("[a]\nx = 1\n# of c\n[c]\n", ("a",), "# of c\n[c]\n"),
        ("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n", ("a", 0), "[[a]]\n[a.b]\nx = 2\n"),
        ("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n", ("a", 1, "b"), "[[a]]\n[a.b]\nx = 1\n[[a]]\n"),
        ("[ a . 'b' ] # c\r\nx = 1\r\n\r\n[c]\r\n", ("a", "b"), "[c]\r\n"),
    ],
)
def test_a_removed_table_takes_the_tables_below_it(text: str, path: tuple[str | int, ...], left: str) -> None:
    assert without(text, *path) == left


@pytest.mark.parametrize(
    ("text", "path", "new"),
    [
        ("[input.a]\nx = 1\n[input.b]\nx = 2\n", ("input",), "[inputs.a]\nx = 1\n[inputs.b]\nx = 2\n"),
        ("[[input]]\nx = 1\n[[input]]\n[input.b]\n", ("input",), "[[inputs]]\nx = 1\n[[inputs]]\n[inputs.b]\n"),
        ("input.a = 1\ninput.'b' = 2\n", ("input",), "inputs.a = 1\ninputs.'b' = 2\n"),
        ("[a]\ninput . x = 1\n'input'.y = 2\n", ("a", "input"), "[a]\ninputs . x = 1\ninputs.y = 2\n"),
        ("a = { input.x = 1, input.y = 2 }\n", ("a", "input"), "a = { inputs.x = 1, inputs.y = 2 }\n"),
        ("[[a]]\n[a.input]\n[[a]]\n[a.input]\n", ("a", 1, "input"), "[[a]]\n[a.input]\n[[a]]\n[a.inputs]\n"),
        ("[a.input]\nx.y = 1\n", ("a", "input"), "[a.inputs]\nx.y = 1\n"),
        ('[ "input" . x ]\n', ("input",), "[ inputs . x ]\n"),
    ],
)
def test_a_key_is_renamed_wherever_it_is_written(text: str, path: tuple[str | int, ...], new: str) -> None:
    assert mended(text, FAULT.mend(path, "key", "inputs")) == new


def test_the_edits_of_one_fault_may_share_a_comma() -> None:
    text = 'q = { mode = "none", preset = "mixed", samples = 18 }\n'
    fault = FAULT.mend(("q", "preset"), "entry").mend(("q", "samples"), "entry")
    assert mended(text, fault) == 'q = { mode = "none" }\n'
    assert mended(text, fault.mend(("q", "mode"), "entry")) == "q = {}\n"


def test_neighbours_that_go_may_end_a_line() -> None:
    text = "x = [\n  1, 2,\n  3,\n]\n"
    assert mended(text, FAULT.mend(("x", 0), "entry").mend(("x", 1), "entry")) == "x = [\n  \n  3,\n]\n"


def test_a_table_that_only_its_entries_name_goes_with_them_beside_an_item_that_goes() -> None:
    text = "x = [1, { a.b = 1 }]\n"
    assert mended(text, FAULT.mend(("x", 0), "entry").mend(("x", 1, "a", "b"), "entry")) == "x = [{}]\n"


def test_a_key_and_its_value_can_be_changed_by_one_mend() -> None:
    assert mended("a = 1\n", FAULT.mend(("a",), "key", "b").mend(("a",), "value", "2")) == "b = 2\n"


def test_a_table_and_a_key_in_it_can_be_renamed_at_once() -> None:
    new = mended("[a]\nx = 1\n", FAULT.mend(("a",), "key", "b"), FAULT.mend(("a", "x"), "key", "y"))
    assert new == "[b]\ny = 1\n"


def test_where_two_mends_meet_the_first_in_the_text_stands() -> None:
    text = "[a]\nx = 1\n"
    first, second = FAULT.mend(("a",), "entry"), FAULT.mend(("a", "x"), "value", "2")
    rows = form(text, second, first)
    assert mendable(text, rows) == [row for row in rows if row["mend"][0]["part"] == "entry"]
    assert apply_edits("[a]\nx = 1\n", rows) == ""


def test_a_mend_is_whole_or_none() -> None:
    text = "a = 1\nb = 2\n"
    meeting = FAULT.mend(("a",), "value", "3").mend(("b",), "value", "3")
    assert mended(text, FAULT.mend(("a",), "value", "2"), meeting) == "a = 2\nb = 2\n"


@pytest.mark.parametrize(
    "fault",
    [
        FAULT.mend(("a",), "value", "1 2"),
        FAULT.mend(("a",), "value", "1\nc = 3"),
        FAULT.mend(("a",), "key", "b"),
        FAULT.mend(("a",), "key", "not bare"),
        FAULT.mend(("a",), "key", "c.d"),
        FAULT.mend(("a",), "entry", "c = 1\nd = 2"),
        FAULT.mend(("t",), "value", "1"),
        FAULT.mend(("t",), "key", "a"),
        FAULT.mend(("x", 0), "key", "a"),
        FAULT.mend(("x", 1), "entry"),
        FAULT.mend(("missing",), "entry"),
        FAULT.mend((), "entry"),
    ],
)
def test_a_mend_that_does_other_things_than_it_says_is_refused(fault: Diagnostic) -> None:
    text = "a = 1\nb = 2\nx = [1]\n[t]\ny = 1\n"
    good = FAULT.mend(("t", "y"), "value", "3")
    assert mended(text, fault) == text
    assert mended(text, fault, good) == text.replace("y = 1", "y = 3")


def test_a_row_whose_places_are_wrong_is_refused() -> None:
    text = "a = 1\nb = 2\n"
    [row] = form(text, FAULT.mend(("a",), "entry"))
    row["edits"][0]["end"]["byte"] = len(text)
    assert apply_edits(text, [row]) == text


def test_values_that_python_takes_for_equal_are_told_apart() -> None:
    text = "a = 1\nb = nan\n"
    [row] = form(text, FAULT.mend(("a",), "value", "true"))
    assert apply_edits(text, [row]) == "a = true\nb = nan\n"
    row["mend"][0]["text"] = "1"
    assert apply_edits(text, [row]) == text


def test_a_text_without_mends_stays() -> None:
    assert mended(SPEC, FAULT.at(("model",))) == SPEC


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    path.chmod(0o640)
    return path


def reread(path: Path) -> tuple[str, dict[str, Any]]:
    document, faults = load(path)
    assert not faults
    return document.text, document.values


def test_a_written_text_keeps_the_files_mark_mode_and_line_ends(spec: Path) -> None:
    text, _ = reread(spec)
    write_text(spec, without(text, "a"))
    assert spec.read_bytes() == b"\xef\xbb\xbfb = 2\r\n"
    assert stat.S_IMODE(spec.stat().st_mode) == 0o640
    assert [path.name for path in spec.parent.iterdir()] == ["s.toml"]


def test_a_text_without_a_mark_gets_none(spec: Path) -> None:
    spec.write_bytes(b"a = 1\n")
    write_text(spec, "a = 2\n")
    assert spec.read_bytes() == b"a = 2\n"


def test_a_link_stays_and_its_target_is_written(spec: Path) -> None:
    link = spec.parent / "link.toml"
    link.symlink_to(spec.name)
    write_text(link, "c = 3\n")
    assert link.is_symlink()
    assert reread(spec) == ("c = 3\n", {"c": 3})


def test_what_cannot_be_written_stays_as_it_was(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(spec, "c = 3\n")
    assert spec.read_bytes() == b"\xef\xbb\xbfa = 1\r\nb = 2\r\n"
    assert [path.name for path in spec.parent.iterdir()] == ["s.toml"]


def test_a_file_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "s.toml", "a = 1\n")
