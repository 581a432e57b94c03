"""`npuspec verify`."""

from pathlib import Path

import click

from npuspec.cli.options import FILE
from npuspec.diagnostics.errors import EXIT_BUNDLE


@click.command("verify")
@click.argument("bundle", type=FILE)
@click.option("--json", "json_", is_flag=True, help="Print what was found as JSON.")
def verify(bundle: Path, json_: bool) -> None:
    """Hash every file of a bundle, and say all that isn't as its manifest lists it.

    Loading a bundle hashes what it reads, and no more. Ends with exit code 3 if anything was changed, is missing, or
    was added.
    """
    from npuspec.bundle import verify_bundle
    from npuspec.diagnostics.text import printable

    opened, broken = verify_bundle(bundle)
    size = sum(record.size for record in opened.manifest.files.values())
    if json_:
        from npuspec.store import canonical_json

        found = {"version": opened.root.name, "files": len(opened.manifest.files), "bytes": size, "broken": broken}
        click.echo(canonical_json(found), nl=False)
    elif broken:
        for why in broken:
            click.secho(printable(f"error[broken-bundle]: {why}"), err=True, bold=True, fg="red")
        click.echo("  = help: copy it again, or make it again: npuspec apply SPEC", err=True)
    else:
        click.echo(f"{bundle}: version {opened.root.name[:12]}, all {len(opened.manifest.files)} files are whole")
    if broken:
        raise click.exceptions.Exit(EXIT_BUNDLE)
