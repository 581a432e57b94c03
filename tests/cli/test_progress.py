"""What compilers expect is shown as that, and no text of theirs does more than stand there."""

from typing import Any

import pytest

from npuspec.cli.progress import Progress

MARK = "* leaves out other operations"


def row(variant: str, platform: str = "4000", uncosted: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "platform": platform,
        "variant": variant,
        "precision": "original",
        "latency_us": 7.0,
        "busy_us": None,
        "uncosted_operations": [*uncosted],
        "blob_bytes": 2**20,
        "batch": 1,
        "batch_mode": None,
        **more,
    }


def shown(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any]) -> str:
    Progress().estimated(rows)
    return capsys.readouterr().err


def test_estimates_that_leave_out_other_operations_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    err = shown(capsys, row("a", uncosted=("Convert",)), row("a", "5010"))
    assert err.count("7 us *") == 1
    assert MARK in err
    assert "they count Convert as nothing" in err


def test_nothing_is_said_of_a_mark_that_no_row_has(capsys: pytest.CaptureFixture[str]) -> None:
    err = shown(capsys, row("a", uncosted=("Convert",)), row("b"), row("b", "5010"))
    assert "7 us *" not in err
    assert MARK not in err


def test_a_compiler_s_words_neither_colour_nor_clear_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    err = shown(capsys, row("[bold]a[/bold]", uncosted=("\x1b[2Jgone\n",)))
    assert "\x1b" not in err
    assert "\\x1b[2Jgone" in err
    assert "[bold]a[/bold]" in err
