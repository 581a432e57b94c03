"""`npuspec diff`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npuspec.cli import options
from npuspec.cli.options import FILE
from npuspec.diagnostics.errors import EXIT_CHANGES, EXIT_USAGE

if TYPE_CHECKING:
    from npuspec.plan.model import Plan
    from npuspec.plan.side import Side


@click.command("diff")
@click.argument("a", type=FILE)
@click.argument("b", type=FILE, required=False)
@click.option("--base", metavar="REV", help="Compare the spec with itself at a revision of git.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", help="How it is printed."
)
@click.option("--exit-code", is_flag=True, help="End with exit code 5 if there are changes.")
@options.allow_code
def diff(a: Path, b: Path | None, base: str | None, format_: str, exit_code: bool, allow_code: bool) -> None:
    """Say what a change does: compare plans, not text.

    \b
        npuspec diff old.toml new.toml
        npuspec diff build/asr specs/asr.toml         a bundle, and what would be made now
        npuspec diff specs/asr.toml --base main       for a pull request

    A and B are specs, bundles, or what `plan --json` printed. Each change comes with its consequence, and each
    consequence with its reason. Formatting, comments and order are no changes. Runs nothing, but, where that is
    allowed, functions of the specs' own that give the samples.
    """
    from functools import partial

    from npuspec.cli.diff_show import SHOWN
    from npuspec.plan.diff import diff_plans
    from npuspec.plan.side import read_base, read_side
    from npuspec.store import Store

    if (b is None) == (base is None):
        raise click.UsageError("name what to compare with: either B, or --base REV")

    def announce(text: str) -> None:
        click.echo(f"{text} ...", err=True)

    store = Store()
    read = partial(read_side, store=store, announce=announce, allow_code=allow_code)
    before = read(a) if base is None else read_base(a, base, store, announce, allow_code=allow_code)
    after = read(a if b is None else b)
    found = diff_plans(before.plan, _plan(before, after))
    click.echo(SHOWN[format_](found, after.document.name).encode(), nl=False)  # in any locale, as for a file
    if exit_code and found.changes:
        raise click.exceptions.Exit(EXIT_CHANGES)


def _plan(before: "Side", after: "Side") -> "Plan":
    """Print what is to be said of both sides, and return the plan of the later one."""
    from npuspec.cli.output import print_diagnostics

    for side in (before, after):
        print_diagnostics(side.diagnostics, side.document)
    if before.failed or after.failed or after.plan is None:
        raise click.exceptions.Exit(EXIT_USAGE)
    return after.plan
