"""What `npuspec tune` found, for people."""

from collections.abc import Callable

import click
import msgspec
from rich.table import Table
from rich.text import Text

from npuspec.cli.output import print_table
from npuspec.diagnostics.text import one_line, printable
from npuspec.tune.model import Report, Row, Verdict

_WIDTH = 150  # characters: in a narrower terminal lines go on in the next one
_LEAST = 40  # of them for a reason
_STYLES = {"helps": "green", "harms": "red", "no effect": "", "can't be known here": "dim"}


def to_json(report: Report) -> str:
    """Return all that was found as JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode()


def show(report: Report) -> None:
    """Print every candidate, what is best, what isn't tried, the advice, and the patch."""
    where = f"estimated for NPU {report.platform}" if report.platform else f"measured on {report.device}"
    tried = sum(row.point is not None for row in report.rows)
    click.echo(f"{report.objective}, {where}: {tried} of {report.points} candidates\n")
    print_table(_candidates(report), least=_WIDTH)
    if left_out := sorted({name for row in report.rows for name in row.uncosted}):
        click.echo()
        click.echo(one_line(f"estimates count {', '.join(left_out)} as nothing where they occur"))
    if report.left_out:
        click.echo("\nnot tried")
    for why in sorted({*report.left_out.values()}):
        knobs = [knob for knob, reason in report.left_out.items() if reason == why]
        click.echo(f"  {', '.join(knobs)}: {why}")
    if report.advice:
        click.echo("\nadvice, tried on this model alone: `npuspec explain NAME`")
        print_table(_advice(report), least=_WIDTH)
    click.echo(f"\n{report.compiles} models compiled to choose; just now {report.made}, those for advice among them")
    best = report.rows[report.chosen]
    if best.gates:
        click.echo(f"\n{one_line(best.name)}")
    for gate in best.gates:
        click.echo(f"  {one_line(gate)}")
    for gate in report.dropped:
        click.echo(f"  no longer held, since there is nothing to compare: {one_line(gate)}")
    if best.failed:
        click.echo("\nno candidate that was tried can be made and holds the gates")
    elif report.patch:
        click.echo(f"\nbest: {one_line(best.name)}\n\n{printable(report.patch)}", nl=False)
    else:
        click.echo("\nbest: the spec as it is")


def _candidates(report: Report) -> Table:
    figures = {name: [figure(row) for row in report.rows] for name, figure in _FIGURES.items()}
    shown = [name for name, cells in figures.items() if {*cells} != {"-"}]
    table = Table("", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("candidate", no_wrap=True)
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("known how, and why it isn't taken", overflow="fold", min_width=_LEAST)
    for number, row in enumerate(report.rows):
        is_best = number == report.chosen
        cells = [figures[name][number] for name in shown]
        told = one_line("; ".join(filter(None, (row.evidence, row.lost))))
        table.add_row(">" if is_best else "", Text(row.name), *cells, Text(told), style="bold" if is_best else "")
    return table


def _us(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} us"


_FIGURES: dict[str, Callable[[Row], str]] = {
    "latency": lambda row: _us(row.latency_us),
    "p95": lambda row: _us(row.p95_us),
    "a sample": lambda row: _us(row.sample_us),
    "size": lambda row: "-" if row.size_bytes is None else f"{row.size_bytes / 2**20:.1f} MiB",
    "compiling": lambda row: "-" if row.compile_s is None else f"{row.compile_s:.1f} s",
    "on CPU": lambda row: _us(row.cpu_us),
    "agreement": lambda row: "-" if row.agreement is None else f"{row.agreement:.3f}",
}


def _advice(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for _ in ("advice", "verdict"):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for verdict in report.advice:
        judged = Text(verdict.verdict, style=_STYLES[verdict.verdict])
        table.add_row(f"  {verdict.advice}", judged, Text(one_line(_told(verdict))))
    return table


def _told(verdict: Verdict) -> str:
    parts = [verdict.tried]
    if verdict.before is not None and verdict.after is not None:
        change = f"{_us(verdict.before)} -> {_us(verdict.after)} ({verdict.after / verdict.before:.2f} times)"
        parts.append(f"{verdict.what} {change}, {verdict.evidence}")
    parts.append(verdict.why)
    return "; ".join(filter(None, parts))
