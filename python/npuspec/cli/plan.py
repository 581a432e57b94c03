"""`npuspec plan`."""

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from npuspec.diagnostics.errors import EXIT_USAGE


def plan(
    spec: Annotated[Path, typer.Argument(help="A TOML file.", show_default=False)],
    json_: Annotated[
        bool, typer.Option("--json", help="Print the plan as JSON: the bytes that its digest is of.")
    ] = False,
    device: Annotated[
        Optional[Literal["NPU", "CPU"]],  # noqa: UP045  typer reads the annotation
        typer.Option(help="Instead of the spec's target and fallbacks."),
    ] = None,
) -> None:
    """Print exactly what `apply` will do.

    Properties with the origin of each value, the quantization recipe, every static shape, which samples calibrate, and
    the stages with their digests. The same spec, model, data and toolchain give the same bytes. Downloads what the spec
    names if it isn't here yet; runs nothing.
    """
    import sys

    from npuspec.cli.output import print_diagnostics
    from npuspec.cli.show import show_plan
    from npuspec.plan import prepare
    from npuspec.store import Store

    document, prepared, diagnostics = prepare(
        spec, Store(), device=device, announce=lambda text: typer.echo(f"{text} ...", err=True)
    )
    print_diagnostics(diagnostics, document)
    if prepared is None:
        raise typer.Exit(EXIT_USAGE)
    if json_:
        sys.stdout.buffer.write(prepared.plan.encode())
    else:
        typer.echo(show_plan(prepared.plan, str(spec)))
