"""What all verbs print alike: data on stdout, everything else on stderr."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from npuspec.diagnostics import Diagnostic
    from npuspec.diagnostics.form import Source

_MOST = 200  # faults of one spec that are shown
_BETWEEN = 2  # characters between two columns, at most
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


def print_diagnostics(diagnostics: "Sequence[Diagnostic]", source: "Source") -> None:
    """Print the diagnostics of one spec to stderr."""
    from npuspec.diagnostics.form import json_form

    print_rows(json_form(diagnostics, source), source.text)


def print_rows(rows: Sequence[dict[str, Any]], text: str) -> None:
    """Print the diagnostics of one spec, in their JSON form, to stderr."""
    from npuspec.diagnostics.text import render_text

    for row in rows[:_MOST]:
        head, _, rest = render_text([row], text).partition("\n")
        click.secho(head, err=True, bold=True, fg=_COLOURS[row["severity"]])
        click.echo(rest, err=True)
    if len(rows) > _MOST:
        click.echo(f"and {len(rows) - _MOST} more", err=True)


def print_error(diagnostics: "Sequence[Diagnostic]") -> None:
    """Print faults that belong to no text."""
    from npuspec.diagnostics.text import printable

    for d in diagnostics:
        click.secho(
            printable(f"{d.severity}[{d.code}]: {d.message}"), err=True, bold=True, fg=_COLOURS[str(d.severity)]
        )
        if d.help:
            click.echo(printable(f"  = help: {d.help}"), err=True)


def print_table(table: "Table", *, least: int = 0) -> None:
    """Print a table whose columns that don't wrap are as wide as what is in them: no figure and no name is cut.

    Args:
        table: it may be wider than the terminal, where its lines go on in the next one.
        least: so wide a terminal is supposed for what wraps.

    """
    from rich.cells import cell_len
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    needed = 0
    for column in table.columns:
        cells = (column.header, *column.cells) if column.no_wrap else ()
        needed += max(map(cell_len, map(str, cells)), default=column.min_width or 0) + _BETWEEN
    console.width = max(console.width, least, needed)
    console.print(table)


def write_file(output: "Path", text: str) -> None:
    """Write a file as a whole or not at all.

    Raises:
        SpecError: `unwritable-output`.

    """
    from npuspec.diagnostics import Diagnostic, SpecError
    from npuspec.store import replace_file

    try:
        replace_file(output, text.encode())
    except OSError as error:
        message = f"can't write `{output}`: {error.strerror}"
        raise SpecError(Diagnostic("unwritable-output", message, "name a file in a folder that is there")) from None
