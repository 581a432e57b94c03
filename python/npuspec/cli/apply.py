"""`npuspec apply`."""

from pathlib import Path

import click

from npuspec.cli import options
from npuspec.cli.options import FILE, Device
from npuspec.diagnostics.errors import EXIT_USAGE


@click.command("apply")
@click.argument("spec", metavar="SPEC-or-PLANFILE", type=FILE)
@click.option("--output", "-o", type=FILE, help="Where the bundle goes; build/NAME for NAME.toml if left out.")
@options.device
@click.option("--rebuild", is_flag=True, help="Run every stage, also those whose results are there.")
@click.option("--locked", is_flag=True, help="Make nothing unless all is as the lock says; write no lock.")
@options.allow_code
@click.option(
    "--compiler",
    metavar="COMMAND",
    help="What compiles for [target] platforms; else NPUSPEC_NPU_COMPILER says it, or OpenVINO's own does.",
)
def apply(
    spec: Path,
    output: Path | None,
    device: Device | None,
    rebuild: bool,
    locked: bool,
    allow_code: bool,
    compiler: str | None,
) -> None:
    """Execute a spec: a bundle with models, compiled blobs, the plan and the evidence.

    Stages whose inputs haven't changed aren't run again. The bundle is replaced in one step, and only if every gate is
    met: whatever happens, the old one or the new one is there, whole. What was made and measured is also written to the
    lock, NAME.lock beside NAME.toml, which is committed for review.

    A plan file, as `npuspec plan --out` writes it, is executed as it was reviewed: if the spec, the model, the data or
    the tools have changed since, it is refused (exit code 3), and what changed is said.
    """
    from npuspec.cli.output import print_diagnostics, print_error
    from npuspec.cli.progress import Progress
    from npuspec.diagnostics import NpuspecError, StalePlanError
    from npuspec.execute import apply_prepared
    from npuspec.plan import prepare
    from npuspec.plan.lock import lock_path
    from npuspec.plan.planfile import check_fresh, is_planfile, locate_spec, read_planfile
    from npuspec.store import Store

    planfile = read_planfile(spec) if is_planfile(spec) else None
    if planfile is not None:
        if device is not None:
            raise click.UsageError("a plan file says for which device it is: leave --device out")
        place, spec, device = spec, locate_spec(spec, planfile), planfile.device
    store = Store()
    with Progress() as progress:
        document, prepared, diagnostics = prepare(
            spec, store, device=device, announce=progress.announce, allow_code=allow_code
        )
        refused = set() if prepared is None else {(fault.code, fault.labels) for fault in prepared.traps}
        print_diagnostics([d for d in diagnostics if (d.code, d.labels) not in refused], document)
        if prepared is None:
            raise click.exceptions.Exit(EXIT_USAGE)
        try:
            if planfile is not None and (stale := check_fresh(place, planfile, prepared.plan)):
                raise StalePlanError(stale)
            applied = apply_prepared(
                prepared,
                output or Path("build", spec.stem),
                store,
                observer=progress,
                rebuild=rebuild,
                lock=lock_path(spec),
                locked=locked,
                allow_code=allow_code,
                compiler=compiler,
            )
        except NpuspecError as error:
            progress.stop()
            print_diagnostics([d for d in error.diagnostics if d.labels], document)
            print_error([d for d in error.diagnostics if not d.labels])
            raise click.exceptions.Exit(error.exit_code) from None
    if applied.unchanged:
        click.echo(f"nothing to do: {applied.unchanged}")
    else:
        click.echo(f"{applied.bundle}: made for {applied.device}, version {applied.digest[:12]}")
    if applied.lock is not None:
        click.echo(f"{applied.lock}: written; commit it with the spec")
