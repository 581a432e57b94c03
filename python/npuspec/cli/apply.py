"""`npuspec apply`."""

from pathlib import Path

import click

from npuspec.cli import options
from npuspec.cli.options import FILE
from npuspec.diagnostics.errors import EXIT_USAGE


@click.command("apply")
@click.argument("spec", type=FILE)
@click.option("--output", "-o", type=FILE, help="Where the bundle goes; build/NAME for NAME.toml if left out.")
@options.device
@click.option("--rebuild", is_flag=True, help="Run every stage, also those whose results are there.")
def apply(spec: Path, output: Path | None, device: str | None, rebuild: bool) -> None:
    """Execute a spec: a bundle with models, compiled blobs, the plan and the evidence.

    Stages whose inputs haven't changed aren't run again. The bundle is replaced in one step, and only if every gate is
    met: whatever happens, the old one or the new one is there, whole.
    """
    from npuspec.cli.output import print_diagnostics, print_error
    from npuspec.cli.progress import Progress
    from npuspec.diagnostics import NpuspecError
    from npuspec.execute import apply_prepared
    from npuspec.plan import prepare
    from npuspec.store import Store

    store = Store()
    output = output or Path("build", spec.stem)
    with Progress() as progress:
        document, prepared, diagnostics = prepare(spec, store, device=device, announce=progress.announce)
        print_diagnostics(diagnostics, document)
        if prepared is None:
            raise click.exceptions.Exit(EXIT_USAGE)
        try:
            applied = apply_prepared(prepared, output, store, observer=progress, rebuild=rebuild)
        except NpuspecError as error:
            progress.stop()
            placed = [d for d in error.diagnostics if d.labels]
            print_diagnostics(placed, document)
            print_error([d for d in error.diagnostics if not d.labels])
            raise click.exceptions.Exit(error.exit_code) from None
    if applied.unchanged:
        click.echo(f"nothing to do: {applied.unchanged}")
    else:
        click.echo(f"{applied.bundle}: made for {applied.device}, version {applied.digest[:12]}")
