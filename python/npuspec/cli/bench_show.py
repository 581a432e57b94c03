"""What `npuspec bench` measured, for people."""

from collections.abc import Iterable

import click
from rich.table import Table
from rich.text import Text

from npuspec.bench.figures import Comparison, Latency, Place, Report, Served, Starts
from npuspec.cli.output import print_table
from npuspec.diagnostics.text import one_line, printable

_TIMES = ("median", "p90", "p95", "p99", "min", "max")


def show_notes(notes: Iterable[str]) -> None:
    """Print what the reader should know, on stderr, and once."""
    for note in dict.fromkeys(notes):
        click.secho(f"note: {printable(note)}", err=True, bold=True)


def show(report: Report) -> None:
    """Print all figures of one bundle."""
    _head(report.place)
    latencies = _table("latency in ms", *_TIMES, "runs")
    rates = _table("compiled model", "batch", "one at a time", "many", "at a time", "p95 in ms")
    for row in report.bare:
        name = row.variant if row.stable else f"{row.variant} *"
        latencies.add_row(Text(name), *_times(row.single.latency))
        single, many = (f"{rate.samples_per_second:.1f}/s" for rate in (row.single, row.many))
        rates.add_row(
            Text(row.variant), str(row.batch), single, many, str(row.many.requests), f"{row.many.latency.p95:.3f}"
        )
    for served in report.served:
        latencies.add_row(Text(f"session, {served.variant or 'lengths'}"), *_times(served.latency))
    tables = [latencies, rates]
    if report.served:
        tables.append(_served(report.served))
    if report.starts is not None:
        tables.append(_starts(report.starts))
    for number, table in enumerate(tables):
        click.echo("\n" * (number > 0), nl=False)
        print_table(table)
    if not all(row.stable for row in report.bare):
        click.echo("* hadn't settled when it was measured: something else keeps the machine busy")


def _served(rows: Iterable[Served]) -> Table:
    table = _table("session", "samples", "elements", "with padding", "padding", "rows filled")
    for row in rows:
        rates = (row.samples_per_second, row.elements_per_second, row.computed_per_second)
        shares = f"{row.padding:.1%}", f"{row.rows:.1%}"
        name = row.variant or f"given lengths ({row.drawn})"
        table.add_row(Text(name), *(f"{rate:.1f}/s" for rate in rates), *shares)
    return table


def _starts(starts: Starts) -> Table:
    table = _table("start in ms", "process", "imports", "load", "first", "starts", "compiled models")
    for name, start in (("cold", starts.cold), ("warm", starts.warm)):
        times = [f"{each:.1f}" for each in (start.process, start.imports, start.load, start.first)]
        table.add_row(name, *times, str(start.count), ", ".join(sorted({*start.origins.values()})))
    return table


def show_comparison(comparison: Comparison) -> None:
    """Print for each variant what the first bundle is, and by how much."""
    for place in (comparison.first, comparison.second):
        _head(place)
    table = _table("variant", "batch", "first", "second", "ratio", "interval", "the first is")
    for row in comparison.compared:
        table.add_row(
            Text(row.variant),
            str(row.batch),
            f"{row.first.median:.3f}",
            f"{row.second.median:.3f}",
            f"{row.ratio:.3f}",
            f"{row.low:.3f} to {row.high:.3f}",
            row.verdict,
        )
    print_table(table)
    click.echo("medians of latencies in ms; ratios of rounds, with an interval of 99 %")
    if comparison.left_out:
        click.echo(printable(f"only one of them has {', '.join(comparison.left_out)}"))


def _head(place: Place) -> None:
    click.echo(one_line(f"{place.bundle} {place.version[:12]} on {place.device}: {place.identity}"))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for head in others:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _times(latency: Latency) -> list[str]:
    figures = (latency.median, latency.p90, latency.p95, latency.p99, latency.minimum, latency.maximum)
    return [*(f"{figure:.3f}" for figure in figures), str(latency.count)]
