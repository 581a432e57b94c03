"""`npuspec check`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from npuspec.diagnostics.errors import EXIT_USAGE


def check(
    specs: Annotated[list[Path], typer.Argument(help="TOML files.", show_default=False)],
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How faults are printed.")] = "text",
) -> None:
    """Check specs: the TOML, the language, its rules, and the model if it is on this disk already.

    Never touches the network. All faults of all files are printed at once, with the place in the TOML and what to do.
    Exit code 0 without errors, 2 with.
    """
    import json

    from npuspec.cli.output import print_diagnostics, print_error
    from npuspec.diagnostics import has_errors
    from npuspec.diagnostics.disk import disk_fault
    from npuspec.diagnostics.form import json_form
    from npuspec.plan import check as check_spec
    from npuspec.store import Store

    failed = False
    rows = []
    for path in specs:
        try:
            document, diagnostics = check_spec(path, Store())
        except OSError as error:
            print_error([disk_fault(error)])
            raise typer.Exit(EXIT_USAGE) from None
        failed |= has_errors(diagnostics)
        if format_ == "json":
            rows += json_form(diagnostics, document)
            continue
        print_diagnostics(diagnostics, document)
        if not has_errors(diagnostics):
            typer.echo(f"{path}: ok")
    if format_ == "json":
        typer.echo(json.dumps(rows, indent=1))
    if failed:
        raise typer.Exit(EXIT_USAGE)
