"""What `npuspec fusion` found, for people."""

from collections.abc import Sequence

import click
from rich.table import Table
from rich.text import Text

from npuspec.cli.output import print_table
from npuspec.diagnostics.text import one_line
from npuspec.fusion import Report
from npuspec.fusion.groups import Group, border_in_words, grouped


def show(report: Report, name: str) -> None:
    """Print what isn't fused, why and what to do, then what is, what isn't known, and the borders."""
    variant = f", {report.variant}" if report.variant else ""
    estimated = ", estimated" if report.estimated else ""
    click.echo(one_line(f"{name}{variant}: {report.whole_us:.0f} us on {report.device}{estimated}"))
    groups = grouped([chain for chain in report.chains if chain.verdict == "apart"])
    if groups:
        click.echo()
        print_table(_table(groups))
        for group in groups:
            _explain(group)
    for verdict, what in (("fused", "fused"), ("unknown", "not judged")):
        if found := grouped([chain for chain in report.chains if chain.verdict == verdict]):
            listed = ", ".join(f"{len(group.chains)} {group.chain}" for group in found)
            reason = f": {found[0].first.why}" if verdict == "unknown" else ""
            click.echo(f"\n{what}: {one_line(listed)}{reason}")
    if not report.chains:
        click.echo("\nthe model has no chain that a device could fuse")
    if report.borders:
        click.echo("\nat the borders")
    for border in report.borders:
        click.echo(one_line(f"  {border_in_words(border)}"))
        click.echo(one_line(f"    do: {border.advice}"))


def _table(groups: Sequence[Group]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("not fused", "apart"):
        table.add_column(heading, no_wrap=True)
    for heading in ("chains", "time", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("cause", no_wrap=True)
    for group in groups:
        us, share = group.time, f"{group.share:.1%}"
        table.add_row(Text(group.chain), Text(group.apart), str(len(group.chains)), us, share, group.first.cause)
    return table


def _explain(group: Group) -> None:
    others = f" and {len(group.chains) - 1} more" if len(group.chains) > 1 else ""
    click.secho("\n" + one_line(f"{group.chain}: `{group.first.apart[0]}`{others}"), bold=True)
    click.echo(one_line(f"  {group.first.why}"))
    if not group.counted:
        click.echo("  its own work is counted as nothing in the estimate: what is shown is only moving data")
    click.echo(one_line(f"  do: {group.first.advice}"))
