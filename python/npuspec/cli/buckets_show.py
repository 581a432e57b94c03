"""What `npuspec buckets` found: tables, a plot and TOML for people, JSON for programs."""

import json
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import click
from rich.console import Console
from rich.table import Table

from npuspec.buckets import Bucket, Choice, fill, padding
from npuspec.diagnostics.suggest import toml_key, toml_string
from npuspec.diagnostics.text import printable

_STEPS = 6  # of the plot, at most, between two sizes
_LEAST_BAR = 10  # characters
_LEAST_TABLE = 40  # characters, which hold the longest figures: in a narrower terminal lines go on in the next one


@dataclass(frozen=True)
class Found:
    """The lengths, what was chosen, and by what cost."""

    source: str | None
    """The path of the lengths as a spec names it; None where they lie outside of its folder."""
    counts: Counter[int]
    reach: int
    """The longest length, or what longer ones are cut to."""
    choices: tuple[Choice, ...]
    count: int
    """How many sizes were asked for."""
    cost: tuple[Fraction, ...]
    """A polynomial's coefficients, where nothing was measured."""
    points: dict[int, float]
    """What was measured, in milliseconds."""
    device: str
    dim: str

    @cached_property
    def chosen(self) -> Choice:
        """The cheapest sizes, as many as were asked for or fewer."""
        return [choice for choice in self.choices if len(choice.sizes) <= self.count][-1]

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """What the chosen sizes hold."""
        return fill(self.counts, self.chosen.sizes)

    @cached_property
    def total(self) -> int:
        """How many lengths there are."""
        return sum(self.counts.values())

    @cached_property
    def longer(self) -> int:
        """How many lengths are beyond the largest size."""
        return sum(count for length, count in self.counts.items() if length > self.reach)

    def padding(self, choice: Choice) -> float:
        """Return the share of what is computed that is padding."""
        return padding(fill(self.counts, choice.sizes))

    def ratio(self, choice: Choice) -> float:
        """Return the expected cost relative to that of one size."""
        return float(choice.cost / self.choices[0].cost)


def to_json(found: Found) -> str:
    """Return all figures as JSON."""
    rows = [
        {"sizes": c.sizes, "cost": float(c.cost), "relative": found.ratio(c), "padding": found.padding(c)}
        for c in found.choices
    ]
    cost = [*found.points.items()] if found.points else [float(coefficient) for coefficient in found.cost]
    answer = {
        "lengths": {"count": found.total, "longest": max(found.counts), "longer": found.longer},
        "cost": {"measured-ms" if found.points else "polynomial": cost},
        "choices": rows,
        "chosen": found.choices.index(found.chosen),
        "buckets": [{"size": b.size, "samples": b.samples, "filled": b.filled} for b in found.buckets],
        "toml": _toml(found),
    }
    return json.dumps(answer, indent=1)


def show(found: Found) -> None:
    """Print everything for people; in any terminal, and where there is none."""
    console = Console(highlight=False, soft_wrap=True)
    width, console.width = console.width, max(console.width, _LEAST_TABLE)
    first, chosen = found.choices[0], found.chosen
    longer = f", {found.longer} of them longer than {found.reach}" if found.longer else ""
    click.echo(f"{found.total} length{'s' * (found.total != 1)}, {min(found.counts)} to {max(found.counts)}{longer}")
    click.echo(f"cost of a sample in size n: {_cost(found)}\n")
    console.print(_choices(found))
    if len(chosen.sizes) < found.count:
        click.echo(f"more than {len(chosen.sizes)} cost no less")
    click.echo(f"\nbefore: size {first.sizes[0]}, {found.padding(first):.1%} of what is computed is padding")
    ratio = f", at {found.ratio(chosen):.1%} of the cost"
    click.echo(f"after: {_sizes(chosen)}, {found.padding(chosen):.1%} is padding{ratio}\n")
    console.print(_held(found))
    click.echo("\n" + "\n".join(_plot(found, width)))
    click.echo("\n" + printable(_toml(found)), nl=False)


def _sizes(choice: Choice) -> str:
    return ("sizes " if len(choice.sizes) > 1 else "size ") + ", ".join(map(str, choice.sizes))


def _cost(found: Found) -> str:
    if found.points:
        measured = ", ".join(f"{size}: {milliseconds:.3g} ms" for size, milliseconds in found.points.items())
        return f"measured on {found.device}, and between in straight lines\n  {measured}"
    powers = ("", "n", *(f"n^{power}" for power in range(2, len(found.cost))))
    terms = [
        power if value == 1 and power else f"{float(value):g}{' ' * bool(power)}{power}"
        for value, power in zip(found.cost, powers, strict=False)
        if value
    ]
    return " + ".join(terms)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _choices(found: Found) -> Table:
    table = _table("", "sizes", "cost", "padding")
    table.add_column("", overflow="fold")
    for choice in found.choices:
        is_chosen = choice is found.chosen
        figures = f"{found.ratio(choice):.1%}", f"{found.padding(choice):.1%}"
        row = (">" if is_chosen else "", str(len(choice.sizes)), *figures, ", ".join(map(str, choice.sizes)))
        table.add_row(*row, style="bold" if is_chosen else "")
    return table


def _held(found: Found) -> Table:
    table = _table("size", "samples", "share", "mean fill")
    for bucket in found.buckets:
        fill_ = bucket.filled / (bucket.size * bucket.samples)
        table.add_row(str(bucket.size), str(bucket.samples), f"{bucket.samples / found.total:.1%}", f"{fill_:.1%}")
    return table


def _plot(found: Found, width: int) -> list[str]:
    """Return a histogram with the sizes between its bars: up to each of them, lengths in a few equal steps."""
    starts: list[int] = []
    for low, size in pairwise([-1, *found.chosen.sizes]):
        starts += range(low + 1, size + 1, -(-(size - low) // _STEPS))
    ends = [*(start - 1 for start in starts[1:]), found.chosen.sizes[-1]]
    bars = fill(found.counts, ends)
    names = [f"{start}-{end}" if end > start else f"{end}" for start, end in zip(starts, ends, strict=True)]
    most = max(bar.samples for bar in bars)
    label, digits = max(map(len, names)), len(str(most))
    room = max(width - label - digits - 2, _LEAST_BAR)
    rows = []
    for name, bar in zip(names, bars, strict=True):
        rows.append(f"{name:>{label}} {bar.samples:>{digits}} {'#' * -(-bar.samples * room // most)}".rstrip())
        if bar.size in found.chosen.sizes:
            rows.append(f"= {bar.size} ".ljust(label + digits + 2 + room, "="))
    return rows


def _toml(found: Found) -> str:
    sizes = found.chosen.sizes
    several = len(sizes) > 1
    overflow = 'overflow = "error"  # what becomes of a longer one; or "truncate", or "chunk"'
    if found.longer:
        overflow = f'# overflow = "error", "truncate" or "chunk": choose, {found.longer} of the lengths are longer'
    rows = [
        f"[dims.{toml_key(found.dim)}]",
        f'strategy = "{"buckets" if several else "pad"}"',
        f"sizes = {[*sizes]}" if several else f"size = {sizes[0]}",
        overflow,
        "# lengths = the path of the lengths, from the spec's folder and inside of it"
        if found.source is None
        else f"lengths = {toml_string(found.source)}",
    ]
    return "\n".join(rows) + "\n"
