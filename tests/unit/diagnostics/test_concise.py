"""The concise renderer: each fault is one line that says all that matters."""

import pytest

from diagnostics.faults import form
from npuspec.diagnostics import Diagnostic, Severity
from npuspec.diagnostics.concise import render_concise


def test_a_fault_is_one_line_with_its_place() -> None:
    rows = form("a = 1\nbc = 2\n", Diagnostic("a-code", "what", "mend it").at(("bc",), "here"))
    assert render_concise(rows) == "s.toml:2:6: error[a-code] what\n"


def test_faults_of_several_files_stand_in_the_order_given() -> None:
    first = form("a = 1\n", Diagnostic("x", "one", severity=Severity.WARNING).at(("a",), part="key"), name="b.toml")
    second = form("a = 1\n", Diagnostic("y", "two", severity=Severity.NOTE).at(("a",)), name="a.toml")
    assert render_concise([*first, *second]) == "b.toml:1:1: warning[x] one\na.toml:1:5: note[y] two\n"


def test_a_fault_without_a_place_names_its_file() -> None:
    assert render_concise(form("", Diagnostic("a-code", "what"))) == "s.toml: error[a-code] what\n"


def test_no_faults_are_no_lines() -> None:
    assert render_concise([]) == ""


@pytest.mark.parametrize("message", ["two\nlines", "two\r\nlines", "\x1b[2J", "a\x85b", "a\u2028b", "\udcff"])
@pytest.mark.parametrize("in_name", [False, True])
def test_nothing_in_a_spec_can_begin_another_line_or_move_the_cursor(message: str, in_name: bool) -> None:
    fault = Diagnostic("c", "m" if in_name else message)
    [line] = render_concise(form("", fault, name=message if in_name else "s.toml")).splitlines()
    assert line.isprintable()
