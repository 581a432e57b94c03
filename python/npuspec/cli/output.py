"""What all verbs print alike: data on stdout, everything else on stderr."""

from collections.abc import Sequence

import typer

from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.form import Source, json_form
from npuspec.diagnostics.text import printable, render_text

_MOST = 200  # faults of one spec that are shown
_COLOURS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW, "note": typer.colors.CYAN}


def print_diagnostics(diagnostics: Sequence[Diagnostic], source: Source) -> None:
    """Print the diagnostics of one spec to stderr."""
    for row in json_form(diagnostics[:_MOST], source):
        head, _, rest = render_text([row], source.text).partition("\n")
        typer.secho(head, err=True, bold=True, fg=_COLOURS[row["severity"]])
        typer.echo(rest, err=True)
    if len(diagnostics) > _MOST:
        typer.echo(f"and {len(diagnostics) - _MOST} more", err=True)


def print_error(diagnostics: Sequence[Diagnostic]) -> None:
    """Print faults that belong to no text."""
    for d in diagnostics:
        typer.secho(
            printable(f"{d.severity}[{d.code}]: {d.message}"), err=True, bold=True, fg=_COLOURS[str(d.severity)]
        )
        if d.help:
            typer.echo(printable(f"  = help: {d.help}"), err=True)
