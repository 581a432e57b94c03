"""What all verbs print alike."""

import pytest
from rich.table import Table
from rich.text import Text

from npuspec.cli.output import print_table


@pytest.mark.parametrize("least", [0, 30])
def test_a_table_cuts_nothing_and_wraps_what_may_be_wrapped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], least: int
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    name, figure, reason = "a name of some length", "12345678.9", "words that go on in the next line"
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("reason", overflow="fold", min_width=12)
    table.add_row(Text(name), figure, reason)
    print_table(table, least=least)
    _, first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{name}  {figure}  words")
    assert " ".join([first, *others]).split() == [*name.split(), figure, *reason.split()]
