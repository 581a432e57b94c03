"""The text renderer: carets stand below what they mean, and nothing that a terminal obeys gets through."""

from pathlib import Path

import pytest

from npuspec.diagnostics import Diagnostic, Label
from npuspec.diagnostics.form import json_form
from npuspec.diagnostics.text import printable, render_text
from npuspec.spec import Document


def shown(text: str, *spans: tuple[int, int] | tuple[int, int, str], help_: str = "") -> list[str]:
    """Render one fault with labels at these bytes, and return its lines without trailing space."""
    labels = tuple(Label((), span[2] if len(span) == 3 else "", span=(span[0], span[1])) for span in spans)
    source = Document("s.toml", Path(), text, {}, {})
    return render_text(json_form([Diagnostic("a-code", "what", help_, labels)], source), text).splitlines()


def caret_line(text: str, part: str) -> tuple[str, str]:
    """Return the shown line and the carets below it, for a label on the part of the text."""
    start = len(text[: text.index(part)].encode())
    lines = shown(text, (start, start + len(part.encode())))
    return lines[3].partition("| ")[2], lines[4].partition("| ")[2]


def test_a_fault_is_a_head_a_place_the_line_and_what_to_do() -> None:
    assert shown("a = 1\nbc = 2\n", (6, 8, "here"), help_="mend it") == [
        "error[a-code]: what",
        " --> s.toml:2:1",
        "  |",
        "2 | bc = 2",
        "  | ^^ here",
        "  = help: mend it",
    ]


def test_further_lines_of_help_stand_below_the_first() -> None:
    assert shown("a = 1\n", (0, 1), help_="write\nb = 2")[-2:] == ["  = help: write", "          b = 2"]


def test_carets_stand_below_the_part() -> None:
    assert caret_line("key = [1, 23]", "23") == ("key = [1, 23]", "          ^^")


def test_letters_with_accents_take_one_column() -> None:
    assert caret_line('é = "ü", x', "x") == ('é = "ü", x', "         ^")


def test_wide_characters_take_two_columns_before_the_carets_and_below_them() -> None:
    assert caret_line('k = "日本" + z', "z") == ('k = "日本" + z', "             ^")
    assert caret_line('k = "日本"', '"日本"') == ('k = "日本"', "    ^^^^^^")


def test_combining_marks_take_no_column() -> None:
    line = "k = 'e\N{COMBINING ACUTE ACCENT}' z"
    assert caret_line(line, "z") == (line, "        ^")


def test_a_tab_is_shown_as_spaces_and_counted_as_them() -> None:
    assert caret_line("\tk = 1", "1") == ("    k = 1", "        ^")
    assert caret_line("abc\tk", "k") == ("abc k", "    ^")


def test_a_tab_inside_the_part_is_as_wide_as_it_is_shown() -> None:
    assert caret_line("kk = 'a\tb'", "'a\tb'") == ("kk = 'a b'", "     ^^^^^")


def test_a_part_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    lines = shown("k = [\n  1,\n]\n", (4, 12))
    assert lines[3:5] == ["1 | k = [", "  |     ^"]


def test_the_end_of_a_windows_line_is_not_shown() -> None:
    assert shown("a = [\r\n1]\r\n", (4, 9))[3:5] == ["1 | a = [", "  |     ^"]


def test_two_labels_are_both_shown_under_one_head() -> None:
    lines = shown("a = 1\n" * 10, (0, 1, "first"), (54, 55, "second"))
    assert lines == [
        "error[a-code]: what",
        "  --> s.toml:1:1",
        "   |",
        " 1 | a = 1",
        "   | ^ first",
        "  --> s.toml:10:1",
        "   |",
        "10 | a = 1",
        "   | ^ second",
    ]


def test_an_empty_span_within_the_text_is_shown_by_one_caret() -> None:
    assert shown("a =\n", (3, 3))[3:5] == ["1 | a =", "  |    ^"]


def test_the_document_as_a_whole_has_a_place_and_no_line() -> None:
    assert shown("a = 1\n", (0, 0)) == ["error[a-code]: what", " --> s.toml:1:1"]


def test_a_fault_without_labels_names_the_file() -> None:
    assert shown("") == ["error[a-code]: what", " --> s.toml"]


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\x7f"])
def test_what_a_terminal_obeys_is_spelled_out(character: str) -> None:
    text = f"k = '{character}' z"
    lines = shown(text, (len(text.encode()) - 1, len(text.encode()), character))
    spelled = character.encode("unicode_escape").decode()
    assert lines[3] == f"1 | k = '{spelled}' z"
    assert lines[4].index("^") == lines[3].index("z")
    assert character not in "".join(lines)


def test_printable_leaves_lines_and_letters_alone() -> None:
    assert printable("ein Wörtchen\nfür 日本") == "ein Wörtchen\nfür 日本"


def test_of_a_line_without_end_the_part_around_the_fault_is_shown() -> None:
    line = "x = [" + "1, " * 100_000 + "'here', " + "2, " * 100_000 + "]"
    shown_line, carets = caret_line(line, "'here'")
    assert len(shown_line) < 210
    assert shown_line.startswith("…")
    assert shown_line.endswith("…")
    assert carets.index("^") == shown_line.index("'here'")
    assert carets.count("^") == len("'here'")


def test_of_a_value_without_end_the_beginning_is_marked() -> None:
    shown_line, carets = caret_line(f"x = '{'y' * 1000}'", f"'{'y' * 1000}'")
    assert shown_line.startswith("x = 'yyy")
    assert len(carets) <= len(shown_line) < 210
