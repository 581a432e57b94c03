"""What `npuspec fusion` found, for people."""

from collections.abc import Sequence
from itertools import groupby

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from npuspec.diagnostics.text import one_line
from npuspec.fusion import Border, Judged, Report

Group = tuple[Judged, ...]
_LONG = 5  # operations of a chain that are all named


def show(report: Report, name: str) -> None:
    """Print what isn't fused, why and what to do, then what is, what isn't known, and the borders."""
    console = Console(highlight=False, soft_wrap=True)
    variant = f", {report.variant}" if report.variant else ""
    estimated = ", estimated" if report.estimated else ""
    click.echo(one_line(f"{name}{variant}: {report.whole_us:.0f} us on {report.device}{estimated}"))
    groups = _groups([chain for chain in report.chains if chain.verdict == "apart"])
    if groups:
        click.echo()
        console.print(_table(groups))
        for group in groups:
            _explain(group)
    for verdict, what in (("fused", "fused"), ("unknown", "not judged")):
        if found := _groups([chain for chain in report.chains if chain.verdict == verdict]):
            listed = ", ".join(f"{len(group)} {_chain(group[0])}" for group in found)
            reason = f": {found[0][0].why}" if verdict == "unknown" else ""
            click.echo(f"\n{what}: {one_line(listed)}{reason}")
    if not report.chains:
        click.echo("\nthe model has no chain that a device could fuse")
    if report.borders:
        click.echo("\nat the borders")
    for border in report.borders:
        click.echo(one_line(f"  {_border(border)}"))
        click.echo(one_line(f"    do: {border.advice}"))


def _groups(chains: Sequence[Judged]) -> list[Group]:
    """Return chains of the same operations and the same fate together, what takes longest first."""

    def key(chain: Judged) -> tuple[str, str, str]:
        return _chain(chain), _apart(chain), chain.cause or ""

    groups = [tuple(group) for _, group in groupby(sorted(chains, key=key), key)]
    return sorted(groups, key=lambda group: -sum(chain.us for chain in group))


def _chain(chain: Judged) -> str:
    types = [operation.type for operation in chain.operations]
    if len(types) > _LONG:
        return f"{chain.kind} of {len(types)} operations"
    return " + ".join(types)


def _apart(chain: Judged) -> str:
    types = [operation.type for operation in chain.operations if operation.name in chain.apart]
    return " + ".join(types) if len(types) <= _LONG else f"{len(types)} of them"


def _table(groups: Sequence[Group]) -> Table:
    table = Table("not fused", "apart", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("chains", "time", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("cause")
    for group in groups:
        us, share = sum(chain.us for chain in group), sum(chain.share for chain in group)
        time = _time(us, all(chain.counted for chain in group))
        row = (_chain(group[0]), _apart(group[0]))
        table.add_row(*map(Text, row), str(len(group)), time, f"{share:.1%}", group[0].cause)
    return table


def _time(us: float, counted: bool) -> str:
    return f"{us:.1f} us" if counted else f"above {us:.1f} us"


def _explain(group: Group) -> None:
    first = group[0]
    others = f" and {len(group) - 1} more" if len(group) > 1 else ""
    click.secho("\n" + one_line(f"{_chain(first)}: `{first.apart[0]}`{others}"), bold=True)
    click.echo(one_line(f"  {first.why}"))
    if not all(chain.counted for chain in group):
        click.echo("  its own work is counted as nothing in the estimate: what is shown is only moving data")
    click.echo(one_line(f"  do: {first.advice}"))


def _border(border: Border) -> str:
    gives, takes = ("given as", "takes") if border.side == "input" else ("taken as", "gives")
    form = f": {gives} {border.caller}, and the device {takes} {border.device}" if border.device else ": axes are moved"
    return f"{border.side} {border.port}{form}, {_time(border.us, border.counted)}, {border.share:.1%}"
