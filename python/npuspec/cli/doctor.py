"""`npuspec doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npuspec.cli.options import DEVICE, FILE, Device
from npuspec.diagnostics.errors import EXIT_DEVICE, EXIT_FAILED

if TYPE_CHECKING:
    from npuspec.doctor import Check

_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red", "not here": "dim"}


@click.command("doctor")
@click.argument("bundles", metavar="[BUNDLE]...", nargs=-1, type=FILE)
@click.option("--device", type=DEVICE, help="Test the bundles on this device, and on no fallback.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(bundles: tuple[Path, ...], device: Device | None, as_json: bool) -> None:
    """Find out what hinders the NPU of this machine, or test bundles on a device.

    Looked at are the packages, OpenVINO's plugin and compiler, the device and its kernel module, firmware, node and
    permissions, the container, the driver's libraries and its version. What isn't right is told with what it means and
    what to do. That there is no NPU is no fault.

    With bundles, each is started twice and run on random samples of all its sizes. The answers are held against those
    of the CPU, and the device, the timings and the cache go into a record in Markdown, without names of users, hosts
    and home folders: paste it into an issue.

    \b
        npuspec doctor
        npuspec doctor --device NPU build/asr > record.md

    Exit codes: 0 nothing hinders, 1 there is a problem, 3 a bundle is broken, 4 no such device.
    """
    import json
    from importlib.metadata import version

    from npuspec.bundle import open_bundle
    from npuspec.cli.progress import Progress
    from npuspec.doctor import as_json as to_json
    from npuspec.doctor import as_markdown, examine, this_machine, try_bundle

    if device is not None and not bundles:
        raise click.UsageError(
            "--device says where bundles are tested: name one, npuspec doctor --device NPU build/asr"
        )
    for bundle in bundles:
        open_bundle(bundle)  # what is no bundle is said at once
    with Progress() as progress:
        progress.announce("looking at the machine")
        checks = examine(this_machine())
        records = []
        for bundle in bundles:
            progress.announce(f"testing {bundle}")
            records.append(try_bundle(bundle, device, progress.counted))
    found = {"npuspec": version("npuspec"), **to_json(checks, records)}
    if as_json:
        click.echo(json.dumps(found, indent=1))
    elif bundles:
        click.echo(as_markdown(found["npuspec"], found), nl=False)
    else:
        _show(checks)
    if not found["ok"]:
        raise click.exceptions.Exit(_exit_code(records))


def _exit_code(records: list[dict[str, Any]]) -> int:
    codes = {finding["code"] for record in records for finding in record["findings"]}
    return EXIT_DEVICE if "no-device" in codes else EXIT_FAILED


def _show(checks: "list[Check]") -> None:
    """Print a row for each check, and then what those mean that aren't as they should be."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from npuspec.diagnostics.text import one_line
    from npuspec.doctor import Status

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in ("status", "name", "found"):
        table.add_column(overflow="fold")
    for check in checks:
        table.add_row(Text(check.status, _COLOURS[check.status]), check.name, Text(one_line(check.found)))
    console.print(table)
    for check in checks:
        if check.means and check.status not in {Status.OK, Status.NOT_HERE}:
            click.secho(f"\n{check.status}: {check.name}", bold=True)
            console.print(Text(one_line(check.means)))
            if check.todo:
                console.print(Text(f"do: {one_line(check.todo)}"))
    problems = [check.name for check in checks if check.status is Status.PROBLEM]
    click.echo(
        "\n" + (f"problems: {', '.join(problems)}" if problems else "nothing hinders the devices of this machine")
    )
