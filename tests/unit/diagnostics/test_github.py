"""The renderer for GitHub: commands that its runner reads back as they were meant."""

import re

import pytest

from diagnostics.faults import form
from npuspec.diagnostics import Diagnostic, Severity
from npuspec.diagnostics.github import render_github

COMMAND = re.compile(r"::(\w+) ([^\n]*?)::([^\n]*)\n")


def read(text: str) -> tuple[str, dict[str, str], str]:
    """Read one command as the runner does: properties are parted by commas, and each is unescaped."""
    match = COMMAND.fullmatch(text)
    assert match
    pairs = (pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {name: unescape(value) for name, value in pairs}, unescape(match[3])


def unescape(text: str) -> str:
    for escape, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def test_a_fault_is_a_command_with_its_place() -> None:
    rows = form("a = 1\nbc = 23\n", Diagnostic("a-code", "what", "mend it").at(("bc",), "here"))
    assert render_github(rows) == (
        "::error file=s.toml,line=2,endLine=2,col=6,endColumn=8,title=npuspec a-code::what%0Ahelp: mend it\n"
    )


@pytest.mark.parametrize(
    ("severity", "command"), [(Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.NOTE, "notice")]
)
def test_each_severity_has_its_command(severity: Severity, command: str) -> None:
    assert read(render_github(form("", Diagnostic("c", "m", severity=severity))))[0] == command


def test_a_place_of_several_lines_has_no_columns() -> None:
    _, properties, _ = read(render_github(form("a = [\n1]\n", Diagnostic("c", "m").at(("a",)))))
    assert properties == {"file": "s.toml", "line": "1", "endLine": "2", "title": "npuspec c"}


def test_a_fault_without_a_place_names_its_file_only() -> None:
    assert render_github(form("", Diagnostic("c", "m"))) == "::error file=s.toml,title=npuspec c::m\n"


HOSTILE = "a,b: 100% %0A\n::error file=x::y"


def test_a_name_and_a_message_come_through_whole() -> None:
    _, properties, message = read(render_github(form("", Diagnostic("c", HOSTILE), name=HOSTILE)))
    assert properties["file"] == HOSTILE
    assert message == HOSTILE


@pytest.mark.parametrize("text", [HOSTILE, "a\r\n::error::b", "\x1b[2J", "a\u2028b"])
def test_nothing_in_a_spec_can_begin_another_command(text: str) -> None:
    [line] = render_github(form("", Diagnostic("c", text, text), name=text)).splitlines()
    assert line.isprintable()
