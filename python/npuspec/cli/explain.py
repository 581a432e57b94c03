"""`npuspec explain`."""

from typing import Annotated

import typer

from npuspec.diagnostics.codes import CODES
from npuspec.diagnostics.errors import EXIT_USAGE


def _complete(start: str) -> list[str]:
    return [code for code in CODES if code.startswith(start)]


def explain(
    code: Annotated[str, typer.Argument(help="A diagnostic's code.", autocompletion=_complete, show_default=False)],
) -> None:
    """Explain a diagnostic: why it is one, an example, and the mend."""
    import textwrap

    from npuspec.diagnostics.suggest import did_you_mean

    if (found := CODES.get(code)) is None:
        guess = did_you_mean(code, CODES)
        typer.echo(f"no diagnostic is called `{code}`" + (f"; {guess}" if guess else ""), err=True)
        raise typer.Exit(EXIT_USAGE)
    typer.echo(f"{code}\n\n{textwrap.fill(found.why, 100)}")
    if found.wrong:
        typer.echo(f"\nwrong:\n\n{found.wrong}")
    if found.right:
        typer.echo(f"\nright:\n\n{found.right}")
