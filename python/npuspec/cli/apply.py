"""`npuspec apply`."""

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from npuspec.diagnostics.errors import EXIT_USAGE


def apply(
    spec: Annotated[Path, typer.Argument(help="A TOML file.", show_default=False)],
    output: Annotated[
        Optional[Path],  # noqa: UP045  typer reads the annotation
        typer.Option(
            "--output", "-o", help="Where the bundle goes; build/NAME for NAME.toml if left out.", show_default=False
        ),
    ] = None,
    device: Annotated[
        Optional[Literal["NPU", "CPU"]],  # noqa: UP045
        typer.Option(help="Instead of the spec's target and fallbacks."),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Run every stage, also those whose results are there.")
    ] = False,
) -> None:
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
            raise typer.Exit(EXIT_USAGE)
        try:
            applied = apply_prepared(prepared, output, store, observer=progress, rebuild=rebuild)
        except NpuspecError as error:
            progress.stop()
            placed = [d for d in error.diagnostics if d.labels]
            print_diagnostics(placed, document)
            print_error([d for d in error.diagnostics if not d.labels])
            raise typer.Exit(error.exit_code) from None
    if applied.unchanged:
        typer.echo(f"nothing to do: {applied.unchanged}")
    else:
        typer.echo(f"{applied.bundle}: made for {applied.device}, version {applied.digest[:12]}")
