"""`npuspec bench`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npuspec.cli.options import DEVICE, FILE, Device, complete_variants

if TYPE_CHECKING:
    from collections import Counter

    from npuspec.bench.app import Api
    from npuspec.bench.measure import Tell
    from npuspec.cli.progress import Progress


@click.command("bench")
@click.argument("bundle", type=FILE)
@click.option("--against", type=FILE, metavar="BUNDLE", help="Measure both in turn, and say whether BUNDLE is faster.")
@click.option("--device", type=DEVICE, help="Instead of the bundle's target and fallbacks.")
@click.option(
    "--variant",
    "variants",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_variants,
    help="Only this one; may be given again.",
)
@click.option("--seconds", type=float, default=3.0, show_default=True, help="For each figure of a variant.")
@click.option("--lengths", type=FILE, help="Real lengths, one a line: what padding them costs.")
@click.option("--dim", metavar="NAME", help="The dimension that the lengths are of, where there are several.")
@click.option("--starts", type=click.IntRange(0, 100), default=3, show_default=True, help="Cold and warm starts.")
@click.option("--json", "json_", is_flag=True, help="Print all figures as JSON.")
@click.option(
    "--benchmark-app",
    "api",
    type=click.Choice(["sync", "async"]),
    help="Measure one variant as benchmark_app -api does, and print the JSON that its -json_stats writes.",
)
def bench(
    bundle: Path,
    against: Path | None,
    device: Device | None,
    variants: tuple[str, ...],
    seconds: float,
    lengths: Path | None,
    dim: str | None,
    starts: int,
    json_: bool,
    api: "Api | None",
) -> None:
    """Measure how fast a bundle is, or whether it is faster than another.

    \b
        npuspec bench build/asr
        npuspec bench build/asr --lengths specs/asr.lengths       padding included, and what it wastes
        npuspec bench build/asr --against build/asr-int8          faster, slower, or no difference
        npuspec bench build/asr --variant time32000 --benchmark-app sync > benchmark_report.json

    Of each variant's compiled model: latency one inference at a time, with percentiles, and throughput with as many
    at a time as the device finds best, where every row of a batch counts as a sample. Then samples through a session,
    which pads them: elements a second with padding and without. Without --lengths, samples fill their variant. Then
    starts in processes of their own: cold, with no compiled model that was kept, and warm.

    With --against, both are put on the device anew in each of 24 rounds, and run in turn. The interval around the ratio
    of latencies has a confidence of 99 % and counts rounds, not inferences. Where it holds 1, or the ratio is less than
    1 % away from that, there is no difference.

    Exit codes: 0 measured, whatever came out, 2 the call is wrong, 3 a bundle is broken, 4 no such device.
    """
    import json

    from msgspec import to_builtins

    from npuspec.bench.app import app_form
    from npuspec.bench.compare import compare
    from npuspec.bench.measure import measure
    from npuspec.cli.bench_show import show, show_comparison, show_notes
    from npuspec.cli.progress import Progress

    _check(against, lengths, dim, json_, api)
    common: dict[str, Any] = {"device": device, "variants": variants, "seconds": seconds}
    with Progress() as progress:
        common["tell"] = _teller(progress)
        if against is not None:
            comparison = compare(bundle, against, **common)
            notes = [*comparison.first.notes, *comparison.second.notes, *comparison.notes]
        else:
            more: dict[str, Any] = {"lengths": _read(lengths), "dim": dim, "starts": starts}
            if api is not None:
                _check_one(bundle, variants)
                more = {"served": False, "starts": 0}
            report = measure(bundle, **common, **more)
            notes = [*report.place.notes]
    if api is not None:
        form, unsaid = app_form(bundle, report.place, report.bare[0], api, seconds)
        notes += unsaid
    show_notes(notes)
    if api is not None:
        click.echo(json.dumps(form, indent=1))
    elif json_:
        click.echo(json.dumps(to_builtins(report if against is None else comparison), indent=1))
    elif against is not None:
        show_comparison(comparison)
    else:
        show(report)


def _check(against: Path | None, lengths: Path | None, dim: str | None, json_: bool, api: str | None) -> None:
    """Refuse options that don't go together."""
    if against is not None and (lengths, dim, api) != (None, None, None):
        raise click.UsageError("--against compares compiled models: it knows no --lengths, --dim and --benchmark-app")
    if dim is not None and lengths is None:
        raise click.UsageError("--dim is the dimension that --lengths are of: give both")
    if api is not None and (lengths is not None or json_):
        raise click.UsageError("--benchmark-app prints what benchmark_app knows: leave --lengths and --json out")


def _read(lengths: Path | None) -> "Counter[int] | None":
    """Return how often each length occurs in a file."""
    from npuspec.buckets import read_lengths
    from npuspec.diagnostics import SpecError

    if lengths is None:
        return None
    counts, faults = read_lengths(lengths, str(lengths))
    if counts is None:
        raise SpecError(faults)
    return counts


def _check_one(bundle: Path, variants: tuple[str, ...]) -> None:
    """Refuse more than one variant."""
    from npuspec.bundle import open_bundle

    known = [variant.name for variant in open_bundle(bundle, hashed=False).manifest.program.variants]
    if len({*(variants or known)}) > 1:
        raise click.UsageError(f"--benchmark-app is about one variant: --variant names one of {', '.join(known)}")


def _teller(progress: "Progress") -> "Tell":
    """Return what announces each new thing, and moves its bar."""
    said = ""

    def tell(what: str, done: int, total: int) -> None:
        nonlocal said
        if what != said:
            progress.announce(what)
            said = what
        progress.counted(done, total)

    return tell
