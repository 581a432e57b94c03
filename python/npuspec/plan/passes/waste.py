"""What padding costs, from the real lengths that a spec names."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from npuspec.buckets import fill, padding, read_lengths
from npuspec.diagnostics import Diagnostic, Path, Severity
from npuspec.plan.model import Waste
from npuspec.plan.passes.bind import sizes_of
from npuspec.sources import Fetched
from npuspec.spec import Spec, models

WASTE_DOUBTS = ("idle-bucket", "refused-lengths")

Fetch = Callable[..., tuple[Fetched | None, list[Diagnostic]]]


def stated_lengths(spec: Spec) -> dict[str, str]:
    """Return the source of real lengths of each dimension that has one, sorted by name."""
    return {
        name: dim.lengths
        for name, dim in sorted(spec.dims.items())
        if not isinstance(dim, models.FixedDim) and dim.lengths is not None
    }


def count_waste(spec: Spec, fetch: Fetch) -> tuple[tuple[Waste, ...], list[Diagnostic]]:
    """Return the waste in each dimension whose lengths can be read, and what they show of the sizes.

    Args:
        spec: the spec.
        fetch: `sources.fetch_beside`, given all but the source and its place.

    """
    found, faults = [], list[Diagnostic]()
    for name, source in stated_lengths(spec).items():
        at: Path = ("dims", name, "lengths")
        fetched, more = fetch(source, at=at)
        faults += more
        if fetched is None:
            continue
        counts, more = _read(fetched)
        faults += [fault.at(at) for fault in more]
        if not more:
            waste, more = _weigh(spec, name, counts, fetched.digest)
            found.append(waste)
            faults += more
    return tuple(found), faults


def _read(fetched: Fetched) -> tuple[Counter[int], list[Diagnostic]]:
    counts, faults = Counter[int](), list[Diagnostic]()
    for file in fetched.files:
        read, more = read_lengths(fetched.root / file.path, file.path)
        counts.update(read or {})
        faults += more
    return counts, faults


def _weigh(spec: Spec, name: str, counts: Mapping[int, int], digest: str) -> tuple[Waste, list[Diagnostic]]:
    sizes = sizes_of(spec, name)
    dim = spec.dims[name]
    is_refused = not isinstance(dim, models.FixedDim) and dim.overflow == "error"
    longer = sum(count for length, count in counts.items() if length > sizes[-1])
    taken = {length: count for length, count in counts.items() if length <= sizes[-1]} if is_refused else counts
    buckets = fill(taken, sizes)
    waste = Waste(
        dim=name,
        digest=digest,
        lengths=sum(counts.values()),
        longer=longer,
        samples=tuple(bucket.samples for bucket in buckets),
        padding=padding(buckets),
        padding_of_one=padding(fill(taken, sizes[-1:])),
    )
    faults = _idle(name, sizes, waste)
    if is_refused and longer:
        message = f"{longer} of {waste.lengths} real lengths are longer than {sizes[-1]}, and would be refused"
        help_ = 'state a larger size, or another overflow than "error"'
        fault = Diagnostic("refused-lengths", message, help_, severity=Severity.WARNING)
        faults.append(fault.at(("dims", name, "lengths")))
    return waste, faults


def _idle(name: str, sizes: Sequence[int], waste: Waste) -> list[Diagnostic]:
    """Return a fault for each of several sizes that nothing is padded to."""
    return [
        Diagnostic(
            "idle-bucket",
            f"none of {waste.lengths} real lengths is padded to {size}",
            "take it out: each size is a model to make, to ship and to load; `npuspec buckets` finds better ones",
            severity=Severity.WARNING,
        ).at(("dims", name, "sizes", index))
        for index, (size, samples) in enumerate(zip(sizes, waste.samples, strict=True))
        if not samples and len(sizes) > 1
    ]
