"""`npuspec explain`."""

import click

from npuspec.diagnostics.errors import EXIT_USAGE


def _complete(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    from npuspec.diagnostics.codes import CODES
    from npuspec.npu import property_table

    return [word for word in (*CODES, *property_table()) if word.startswith(start)]


@click.command("explain")
@click.argument("word", metavar="CODE-or-PROPERTY", shell_complete=_complete)
def explain(word: str) -> None:
    """Explain a diagnostic's code, or a device property.

    A code: why it is a fault, an example, and the mend. A property: its type, its values, since when and where it is
    known, and what is true of it. A property goes by the spec's name or OpenVINO's.
    """
    import textwrap

    from npuspec.diagnostics.codes import CODES
    from npuspec.diagnostics.suggest import did_you_mean
    from npuspec.diagnostics.text import printable
    from npuspec.npu import explain_property, property_table

    if (found := CODES.get(word.lower())) is not None:
        click.echo(f"{word.lower()} ({found.severity})\n\n{textwrap.fill(found.why, 100)}")
        if found.wrong:
            click.echo(f"\nwrong:\n\n{found.wrong}")
        if found.right:
            click.echo(f"\nright:\n\n{found.right}")
    elif (text := explain_property(word)) is not None:
        click.echo(text)
    else:
        guess = did_you_mean(word, (*CODES, *property_table()))
        message = f"no diagnostic and no property is called `{word}`" + (f"; {guess}" if guess else "")
        click.echo(printable(message), err=True)
        raise click.exceptions.Exit(EXIT_USAGE)
