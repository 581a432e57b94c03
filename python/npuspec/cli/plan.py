"""`npuspec plan`."""

from pathlib import Path
from typing import Any

import click
import msgspec

from npuspec.cli import options
from npuspec.cli.options import FILE, Device
from npuspec.diagnostics.errors import EXIT_CHANGES, EXIT_USAGE


@click.command("plan")
@click.argument("spec", type=FILE)
@click.option("--json", "json_", is_flag=True, help="Print the plan as JSON, the same bytes for the same plan.")
@click.option("--out", type=FILE, help="Write the plan to this file, for `npuspec apply FILE`.")
@click.option("--locked", is_flag=True, help="Fail unless digests, versions and settings are those of the lock.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 5 if the lock has another plan, or there is none.")
@options.device
@options.allow_code
def plan(
    spec: Path,
    json_: bool,
    out: Path | None,
    locked: bool,
    detailed_exitcode: bool,
    device: Device | None,
    allow_code: bool,
) -> None:
    """Print exactly what `apply` will do.

    Properties with the origin of each value, the quantization recipe, every static shape, which samples calibrate, and
    the stages with their digests. The same spec, model, data and toolchain give the same bytes. Downloads what the spec
    names if it isn't here yet; runs nothing, but, where that is allowed, a function of the spec's own that gives the
    samples.

    The lock, NAME.lock beside NAME.toml, says what was last made. With --detailed-exitcode: 0 if this is the same plan,
    5 if it is another one, 2 if there is no plan.
    """
    from npuspec.cli.output import print_rows

    exact = json_ or locked or detailed_exitcode or out is not None
    found = (_planned if exact else _recalled)(spec, device, allow_code)
    print_rows(found["rows"], found["text"])
    if found["json"] is None:
        raise click.exceptions.Exit(EXIT_USAGE)
    click.echo(found["json"] if json_ else found["shown"], nl=not json_)
    if out is None and not locked and not detailed_exitcode:
        return
    from npuspec.diagnostics import LockError
    from npuspec.diagnostics.text import one_line
    from npuspec.plan import Plan
    from npuspec.plan.lock import hold_lock, lock_drift, lock_path, read_lock
    from npuspec.plan.planfile import write_planfile

    made, lock = msgspec.json.decode(found["json"], type=Plan), lock_path(spec)
    if locked and (drift := hold_lock(lock, read_lock(lock), made)):
        raise LockError(drift)
    if out is not None:
        written = write_planfile(out, made, spec, device)
        click.echo(f"{out}: {'written' if written else 'unchanged'}; execute it with `npuspec apply {out}`", err=True)
    if detailed_exitcode:
        changes = lock_drift(read_lock(lock), made) if lock.exists() else [f"there is no {lock}"]
        for change in changes:
            click.echo(one_line(change), err=True)
        if changes:
            raise click.exceptions.Exit(EXIT_CHANGES)


def _recalled(spec: Path, device: str | None, allow_code: bool = False) -> dict[str, Any]:
    """Return what `_planned` does; what hasn't changed isn't looked at again."""
    from npuspec.store.entries import cache_dir
    from npuspec.store.recall import keep, recall, watching

    root, question = cache_dir(), ["plan", str(spec), str(spec.absolute()), device or ""]
    if (kept := recall(root, question)) is not None:
        return dict(kept)
    with watching() as seen:
        found = _planned(spec, device, allow_code)
    if found["json"] is not None:
        keep(root, question, seen, found)
    return found


def _planned(spec: Path, device: str | None, allow_code: bool) -> dict[str, Any]:
    """Return the plan in both forms, and the diagnostics."""
    from npuspec.cli.show import show_plan
    from npuspec.diagnostics.form import json_form
    from npuspec.plan import prepare
    from npuspec.store import Store

    document, prepared, diagnostics = prepare(
        spec,
        Store(),
        device=device,
        announce=lambda text: click.echo(f"{text} ...", err=True),
        allow_code=allow_code,
    )
    found: dict[str, Any] = {"rows": json_form(diagnostics, document), "text": document.text, "json": None}
    if prepared is not None:
        found["json"] = prepared.plan.encode().decode()
        found["shown"] = show_plan(prepared.plan, str(spec))
    return found
