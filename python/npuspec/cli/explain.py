"""`npuspec explain`."""

import click

from npuspec.diagnostics.errors import EXIT_USAGE


def _complete(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    from npuspec.diagnostics.codes import CODES
    from npuspec.npu import property_table
    from npuspec.tune.pieces import PIECES

    words = dict.fromkeys((*CODES, *property_table(), *PIECES))
    return [word for word in words if word.startswith(start)]


@click.command("explain")
@click.argument("word", metavar="CODE-PROPERTY-or-ADVICE", shell_complete=_complete)
def explain(word: str) -> None:
    """Explain a diagnostic's code, a device property, or a piece of advice.

    A code: why it is a fault, an example, and the mend. A property: its type, its values, since when and where it is
    known, and what is true of it. A property goes by the spec's name or OpenVINO's. Advice, such as `int8` or `batch`:
    what is heard, and how `npuspec tune` tries it on a model.
    """
    import textwrap

    from npuspec.diagnostics.codes import CODES
    from npuspec.diagnostics.suggest import did_you_mean
    from npuspec.diagnostics.text import printable
    from npuspec.npu import explain_property, property_table
    from npuspec.tune.pieces import PIECES, explain_advice

    if (found := CODES.get(word.lower())) is not None:
        click.echo(f"{word.lower()} ({found.severity})\n\n{textwrap.fill(found.why, 100)}")
        if found.wrong:
            click.echo(f"\nwrong:\n\n{found.wrong}")
        if found.right:
            click.echo(f"\nright:\n\n{found.right}")
    elif texts := [text for text in (explain_property(word), explain_advice(word)) if text is not None]:
        click.echo("\n\n".join(texts))
    else:
        guess = did_you_mean(word, (*CODES, *property_table(), *PIECES))
        message = f"no diagnostic, no property and no advice is called `{word}`" + (f"; {guess}" if guess else "")
        click.echo(printable(message), err=True)
        raise click.exceptions.Exit(EXIT_USAGE)
