"""`npuspec buckets`."""

import re
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import click

from npuspec.buckets import LONGEST, choose, interpolate, polynomial, read_lengths, spread
from npuspec.cli import options
from npuspec.cli.options import DEVICE, FILE, Device
from npuspec.diagnostics.errors import EXIT_USAGE

_MOST_SIZES = 100_000  # to choose from, in some seconds
_MOST_CHOSEN = 64  # as many variants as a spec can have
_MORE = 2  # numbers of sizes that are shown beyond the one that is asked for
_POINTS = 9
_NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
_LINEAR = (Fraction(0), Fraction(1))
_SIZE = click.IntRange(1, LONGEST)


def _coefficients(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[Fraction, ...] | None:
    """Return a polynomial's coefficients, the constant one first."""
    if value is None or value == "linear":
        return None if value is None else _LINEAR
    if not re.fullmatch(rf"{_NUMBER}(,{_NUMBER}){{0,7}}", value):
        raise click.BadParameter(f"{value!r} is neither `linear` nor numbers such as 40,1,0.002")
    return tuple(map(Fraction, value.split(",")))


@click.command("buckets")
@click.argument("lengths", type=FILE)
@click.option(
    "-k", "--count", type=click.IntRange(1, _MOST_CHOSEN), default=3, show_default=True, help="How many sizes, at most."
)
@click.option("--multiple", type=_SIZE, default=1, show_default=True, help="Sizes are multiples of this.")
@click.option("--max", "most", type=_SIZE, help="The largest size: what is longer will be cut or taken apart.")
@click.option(
    "--cost",
    callback=_coefficients,
    metavar="linear|A,B,C",
    help="What a sample costs in size n: n itself, or A + B*n + C*n*n, with as many numbers as are given.  "
    "[default: linear]",
)
@click.option(
    "--measure",
    type=FILE,
    metavar="SPEC",
    help="Measure the cost on this spec's model, the other dims at their largest.",
)
@click.option("--device", type=DEVICE, help="What --measure runs on.  [default: CPU]")
@click.option("--dim", metavar="NAME", help="The dimension that the sizes are for; with --measure one of the spec's.")
@click.option("--json", "json_", is_flag=True, help="Print all figures as JSON.")
@options.allow_code
def buckets(
    lengths: Path,
    count: int,
    multiple: int,
    most: int | None,
    cost: tuple[Fraction, ...] | None,
    measure: Path | None,
    device: Device | None,
    dim: str | None,
    json_: bool,
    allow_code: bool,
) -> None:
    """Find the sizes that cost the least for real lengths.

    LENGTHS is a text file with a length on each line, as many as you have. Every sample is padded to the smallest size
    that holds it: one size wastes most of the work on padding, and each further size is a model more to make, to ship
    and to load. The sizes that are found are the cheapest there are, and no guess.

    \b
        npuspec buckets lengths.txt
        npuspec buckets lengths.txt -k 4 --multiple 8 --max 512
        npuspec buckets lengths.txt --cost 40,1,0.002        attention: 40 + n + 0.002*n*n
        npuspec buckets lengths.txt --measure specs/asr.toml --dim time

    Shown are the waste before and after, how the lengths lie, and the TOML to paste. What is stated there as
    `lengths` lets `npuspec plan` count the waste of whatever sizes the spec has.
    """
    from npuspec.cli.buckets_show import Found, show, to_json
    from npuspec.diagnostics import Diagnostic, SpecError

    if cost is not None and measure is not None:
        raise click.UsageError("--cost states the cost, and --measure measures it: leave one of them out")
    if device is not None and measure is None:
        raise click.UsageError("--device is what --measure runs on")
    if most is not None and most % multiple:
        raise click.UsageError(f"--max {most} is no multiple of {multiple}")
    counts, faults = read_lengths(lengths, str(lengths))
    if counts is None:
        raise SpecError(faults)
    cost = cost or _LINEAR
    reach = min(max(counts), most or LONGEST)
    points: dict[int, float] = {}
    if measure is not None:
        dim, points, costs = _measured(measure, dim, device or "CPU", reach, multiple, allow_code)
    else:
        costs = polynomial(cost, _sizes(1, reach, multiple))
    if (free := next((size for size, value in costs.items() if value <= 0), None)) is not None:
        message = f"a sample in size {free} would cost {float(costs[free]):g}, and nothing is free"
        raise SpecError(Diagnostic("wrong-argument", message, "state a cost that is above 0 at every size"))
    within = Counter[int]()
    for length, number in counts.items():
        within[min(length, reach)] += number
    found = Found(
        source=_beside(lengths, Path() if measure is None else measure.parent),
        counts=counts,
        reach=reach,
        choices=tuple(choose(within, costs, count + _MORE)),
        count=count,
        cost=cost,
        points=points,
        device=device or "CPU",
        dim=dim or "tokens",
    )
    click.echo(to_json(found)) if json_ else show(found)


def _beside(lengths: Path, folder: Path) -> str | None:
    """Return the file's path as a spec in a folder names it, or None where it can't."""
    place, around = lengths.resolve(), folder.resolve()
    return place.relative_to(around).as_posix() if place.is_relative_to(around) else None


def _sizes(least: int, reach: int, multiple: int) -> list[int]:
    """Return the sizes to choose from: from one that holds `least` to the first that holds all lengths."""
    from npuspec.diagnostics import Diagnostic, SpecError

    first, last = (-(-max(n, 1) // multiple) * multiple for n in (least, max(least, reach)))
    if (last - first) // multiple >= _MOST_SIZES or last > LONGEST:
        wanted = -(-last // (_MOST_SIZES * multiple)) * multiple
        message = f"there are {(last - first) // multiple + 1:,} sizes up to {last} to choose from"
        help_ = f"--multiple {wanted} leaves few enough, and so does a smaller --max"
        raise SpecError(Diagnostic("wrong-argument", message, help_))
    return [*range(first, last + 1, multiple)]


def _measured(
    path: Path, dim: str | None, device: Device, reach: int, multiple: int, allow_code: bool
) -> tuple[str, dict[int, float], Mapping[int, Fraction]]:
    """Return the dimension, the latency of some sizes in milliseconds, and the cost of all."""
    from npuspec.cli.output import print_diagnostics
    from npuspec.cli.progress import Progress
    from npuspec.facts import device_identities
    from npuspec.npu import choose_device
    from npuspec.plan import prepare
    from npuspec.plan.measure import measurable
    from npuspec.spec import validate
    from npuspec.store import Store

    store = Store()
    with Progress() as progress:
        document, prepared, diagnostics = prepare(path, store, announce=progress.announce, allow_code=allow_code)
        print_diagnostics(diagnostics, document)
        spec, _ = validate(document)
        if prepared is None or spec is None:
            raise click.exceptions.Exit(EXIT_USAGE)
        model = measurable(spec, prepared, dim, store)
        sizes = _sizes(model.minimum, reach, multiple)
        choose_device([device], device_identities())
        progress.announce(f"measuring {model.dim} on {device}")
        points = model.measure(spread(sizes, _POINTS), device, progress.counted)
    return model.dim, points, interpolate(points, sizes)
