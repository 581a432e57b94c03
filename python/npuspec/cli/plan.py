"""`npuspec plan`."""

from pathlib import Path
from typing import Any

import click

from npuspec.cli import options
from npuspec.cli.options import FILE
from npuspec.diagnostics.errors import EXIT_USAGE


@click.command("plan")
@click.argument("spec", type=FILE)
@click.option("--json", "json_", is_flag=True, help="Print the plan as JSON: the bytes that its digest is of.")
@options.device
def plan(spec: Path, json_: bool, device: str | None) -> None:
    """Print exactly what `apply` will do.

    Properties with the origin of each value, the quantization recipe, every static shape, which samples calibrate, and
    the stages with their digests. The same spec, model, data and toolchain give the same bytes. Downloads what the spec
    names if it isn't here yet; runs nothing.
    """
    from npuspec.cli.output import print_rows

    found = _found(spec, device)
    print_rows(found["rows"], found["text"])
    if found["json"] is None:
        raise click.exceptions.Exit(EXIT_USAGE)
    click.echo(found["json"] if json_ else found["shown"], nl=not json_)


def _found(spec: Path, device: str | None) -> dict[str, Any]:
    """Return the plan in both forms, and the diagnostics; what hasn't changed isn't looked at again."""
    from npuspec.store.entries import cache_dir
    from npuspec.store.recall import keep, recall, watching

    root, question = cache_dir(), ["plan", str(spec), str(spec.absolute()), device or ""]
    if (kept := recall(root, question)) is not None:
        return dict(kept)
    from npuspec.cli.show import show_plan
    from npuspec.diagnostics.form import json_form
    from npuspec.plan import prepare
    from npuspec.store import Store

    with watching() as seen:
        document, prepared, diagnostics = prepare(
            spec, Store(root), device=device, announce=lambda text: click.echo(f"{text} ...", err=True)
        )
        found: dict[str, Any] = {"rows": json_form(diagnostics, document), "text": document.text, "json": None}
        if prepared is not None:
            found["json"] = prepared.plan.encode().decode()
            found["shown"] = show_plan(prepared.plan, str(spec))
    if prepared is not None:
        keep(root, question, seen, found)
    return found
