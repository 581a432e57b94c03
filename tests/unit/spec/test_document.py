"""A spec's text: where each part of it stands, and what isn't a text at all."""

from pathlib import Path

import pytest

from npuspec.diagnostics import Label
from npuspec.diagnostics.form import json_form
from npuspec.spec import load, parse

TEXT = """\
top = "é日"   # a comment
[model]
source = "m.onnx"
inline = { a = 1, b = [10, 20] }

[[gates]]
min = 0.5
[[gates]]
min = 0.75

[inputs.x]
shape = ["batch", "time"]
"""


def part(text: str, label: Label) -> str:
    """Return the text that a label means."""
    document, faults = parse(text)
    assert not faults
    start, end = document.locate(label)
    return text.encode()[start:end].decode()


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        (Label(("top",)), '"é日"'),
        (Label(("top",), part="key"), "top"),
        (Label(("model",)), "[model]"),
        (Label(("model", "source")), '"m.onnx"'),
        (Label(("model", "source"), part="key"), "source"),
        (Label(("model", "inline", "b")), "[10, 20]"),
        (Label(("model", "inline", "b", 1)), "20"),
        (Label(("gates", 1)), "[[gates]]"),
        (Label(("gates", 1, "min")), "0.75"),
        (Label(("inputs", "x", "shape", 1)), '"time"'),
    ],
)
def test_a_label_means_a_key_a_value_a_header_or_an_item(label: Label, meant: str) -> None:
    assert part(TEXT, label) == meant


def test_the_second_table_of_an_array_is_told_from_the_first() -> None:
    document, _ = parse(TEXT)
    assert document.locate(Label(("gates", 0)))[0] < document.locate(Label(("gates", 1)))[0]


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        (Label(("model", "sha256")), "[model]"),
        (Label(("model", "inline", "c")), "{ a = 1, b = [10, 20] }"),
        (Label(("model", "inline", "b", 7)), "[10, 20]"),
        (Label(("gates", 1, "output")), "[[gates]]"),
        (Label(("model", "nothing", "below"), part="key"), "[model]"),
        (Label(("target", "device")), ""),
        (Label(()), ""),
    ],
)
def test_a_path_that_is_not_in_the_text_is_its_nearest_parent(label: Label, meant: str) -> None:
    assert part(TEXT, label) == meant


def test_the_key_of_an_array_item_is_the_item() -> None:
    assert part(TEXT, Label(("inputs", "x", "shape", 0), part="key")) == '"batch"'


def test_a_span_that_is_given_is_taken_as_it_is() -> None:
    document, _ = parse(TEXT)
    assert document.locate(Label(("model",), span=(3, 5))) == (3, 5)


@pytest.mark.parametrize(
    ("text", "label", "meant"),
    [
        ('"é" = 1\n[tabelle]\n"schlüssel ü" = "日本"\n', Label(("tabelle", "schlüssel ü")), '"日本"'),
        (
            '"é" = 1\n[tabelle]\n"schlüssel ü" = "日本"\n',
            Label(("tabelle", "schlüssel ü"), part="key"),
            '"schlüssel ü"',
        ),
        ('\t[t]\t\n\t"k"\t=\t1\n', Label(("t", "k"), part="key"), '"k"'),
        ('\t[t]\t\n\t"k"\t=\t1\n', Label(("t",)), "[t]"),
    ],
)
def test_spans_are_right_behind_wide_letters_and_tabs(text: str, label: Label, meant: str) -> None:
    assert part(text, label) == meant


def test_lines_that_end_as_on_windows_are_counted_once() -> None:
    text = TEXT.replace("\n", "\r\n")
    document, faults = parse(text)
    assert not faults
    assert document.values == parse(TEXT)[0].values
    start, _ = document.locate(Label(("model", "source")))
    assert text.encode()[:start].count(b"\n") == 2
    assert part(text, Label(("model", "source"))) == '"m.onnx"'


def test_every_syntax_fault_is_reported_and_no_values() -> None:
    document, faults = parse("a = \nb = 1\nc = = 2\nb = 3\n", name="s.toml")
    assert {fault.code for fault in faults} == {"toml-syntax"}
    lines = [row["labels"][0]["start"]["line"] for row in json_form(faults, document)]
    assert {1, 3} <= set(lines)
    assert lines == sorted(lines)
    assert document.values == {}


def test_a_key_that_stands_twice_is_a_syntax_fault_at_the_second() -> None:
    document, faults = parse("a = 1\na = 2\n")
    [row] = json_form(faults, document)
    assert (row["code"], row["labels"][0]["start"]["line"]) == ("toml-syntax", 2)


def test_a_file_is_named_as_it_was_asked_for_and_its_folder_is_known(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("a = 1\n")
    document, faults = load(path)
    assert not faults
    assert (document.name, document.folder, document.values) == (str(path), tmp_path, {"a": 1})


def test_a_mark_at_the_beginning_of_the_file_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\n")
    document, faults = load(path)
    assert not faults
    assert document.values == {"a": 1}
    assert document.locate(Label(("a",), part="key")) == (0, 1)


def unreadable(path: Path) -> str:
    document, [fault] = load(path)
    assert fault.code == "spec-unreadable"
    assert fault.help
    assert (document.text, document.values) == ("", {})
    return fault.message


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    assert "No such file" in unreadable(tmp_path / "s.toml")


def test_a_folder_is_a_fault(tmp_path: Path) -> None:
    assert str(tmp_path) in unreadable(tmp_path)


def test_bytes_that_are_not_utf_8_are_a_fault_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"a = 'gr\xfcn'\n")
    assert unreadable(path).endswith("isn't UTF-8: byte 7")


def test_a_file_of_more_than_1_mib_is_a_fault_and_one_of_1_mib_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"#" * (1024 * 1024 - 1) + b"\n")
    assert load(path)[1] == []
    path.write_bytes(b"#" * (1024 * 1024) + b"\n")
    assert "1 MiB" in unreadable(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no file without an end")
def test_a_file_without_an_end_is_a_fault() -> None:
    document, faults = load(Path("/dev/zero"))
    assert [fault.code for fault in faults] == ["spec-unreadable"]
    assert document.text == ""
