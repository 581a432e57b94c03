"""`npuspec tune`."""

from pathlib import Path
from typing import Any

import click

from npuspec.cli import options
from npuspec.cli.options import DEVICE, FILE, Device
from npuspec.diagnostics.errors import EXIT_FAILED, EXIT_INTERRUPTED

_OBJECTIVES = ("latency", "throughput", "size")
_KNOBS = ("precision", "batch", "tiles", "layout", "buckets", "hint", "streams", "requests", "turbo")


@click.command("tune")
@click.argument("spec", type=FILE)
@click.option(
    "--objective",
    type=click.Choice(_OBJECTIVES),
    default="latency",
    show_default=True,
    help="Latency of a request, time for a sample where many are run, or bytes of the compiled models.",
)
@click.option("--device", type=DEVICE, help="Measure on this one, instead of the spec's target.")
@click.option("--platform", metavar="NUMBER", help="Estimate for this NPU, which needn't be here: 4000.")
@click.option(
    "--compiler",
    metavar="COMMAND",
    help="What compiles for --platform; else NPUSPEC_NPU_COMPILER says it, or OpenVINO's own does.",
)
@click.option(
    "--only",
    "only",
    type=click.Choice(_KNOBS),
    metavar="KNOB",
    multiple=True,
    help=f"Try this one, and leave all else as the spec has it; may be given again: {', '.join(_KNOBS)}.",
)
@click.option(
    "--trials",
    type=click.IntRange(0, 10_000),
    default=0,
    help="So many candidates more, which Optuna proposes: for a space of hundreds.",
)
@click.option("--write", "write_", is_flag=True, help="Change the spec into the best one, and write its lock.")
@click.option("--json", "json_", is_flag=True, help="Print all that was found as JSON.")
@options.allow_code
def tune(
    spec: Path,
    objective: str,
    device: Device | None,
    platform: str | None,
    compiler: str | None,
    only: tuple[str, ...],
    trials: int,
    write_: bool,
    json_: bool,
    allow_code: bool,
) -> None:
    """Try precisions, batches, sizes and settings on a spec, and say which are best and which advice holds.

    \b
        npuspec tune specs/asr.toml                          on the target; or as its compiler estimates
        npuspec tune specs/asr.toml --platform 4000          estimated for an NPU that needn't be here
        npuspec tune specs/asr.toml --objective throughput --only precision --only batch
        npuspec tune specs/asr.toml --write                  change the spec, with its comments, and its lock

    What is best holds all gates of the spec: what answers worse, or costs more than a budget, loses, and the table says
    so. Of what fails a gate on its answers no model is compiled to be shipped. All that was found out is kept: after a
    stop, the next run goes on from there.

    Exit codes: 0 done, 1 no candidate that was tried can be made and holds the gates, 2 the spec or the call is wrong,
    4 no such device.
    """
    from npuspec.cli.output import print_diagnostics, print_error
    from npuspec.cli.progress import Progress
    from npuspec.cli.tune_show import show, to_json
    from npuspec.diagnostics import NpuspecError
    from npuspec.spec import load, parse
    from npuspec.tune.tuner import tune as run
    from npuspec.tune.tuner import write

    if device is not None and platform is not None:
        raise click.UsageError("--platform estimates for an NPU that needn't be here, and --device runs: leave one out")
    common: dict[str, Any] = {"allow_code": allow_code, "compiler": compiler}
    asked: dict[str, Any] = {"objective": objective, "device": device, "platform": platform, "only": only}
    document = None
    try:
        with Progress() as progress:
            tuned = run(spec, trials=trials, observer=progress, **asked, **common)
        report = tuned.report
        click.echo(to_json(report)) if json_ else show(report)
        if write_ and report.patch:
            document, _ = parse(tuned.text, name=str(spec), folder=spec.parent)
            lock = write(spec, tuned, **common)
            click.echo(f"{spec}: written", err=True)
            if lock is not None:
                click.echo(f"{lock}: written; commit it with the spec", err=True)
    except KeyboardInterrupt:
        click.echo("interrupted: what was found out is kept, and the next `npuspec tune` goes on from there", err=True)
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    except NpuspecError as error:
        print_diagnostics([d for d in error.diagnostics if d.labels], document or load(spec)[0])
        print_error([d for d in error.diagnostics if not d.labels])
        raise click.exceptions.Exit(error.exit_code) from None
    if report.rows[report.chosen].failed:
        raise click.exceptions.Exit(EXIT_FAILED)
