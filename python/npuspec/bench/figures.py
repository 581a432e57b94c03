"""What is measured, as plain data. Times are in milliseconds unless their names say seconds."""

from collections.abc import Sequence
from math import ceil
from typing import Literal

from npuspec.bundle.program import Frozen

Verdict = Literal["faster", "slower", "no difference"]


class Latency(Frozen):
    """Times of single inferences. Percentiles are times that were measured, by nearest rank, as benchmark_app's are."""

    count: int
    mean: float
    minimum: float
    median: float
    p90: float
    p95: float
    p99: float
    maximum: float


class Rate(Frozen):
    """Batches one after the other, or as many at a time as there are requests."""

    requests: int
    """Infer requests that were under way at a time."""
    batches: int
    seconds: float
    samples_per_second: float
    """Of batches times rows, all of which are counted as samples."""
    latency: Latency
    """Of each batch, from its start to its end."""


class Bare(Frozen):
    """A variant's compiled model by itself, with its inputs filled before."""

    variant: str
    sizes: dict[str, int]
    batch: int
    stable: bool
    """Whether its latency had settled before it was measured."""
    load: float
    """Putting it on the device."""
    origin: str
    """Where it was from, as `Session.origins` says."""
    first: float
    """The first inference."""
    single: Rate
    """One batch at a time."""
    many: Rate
    """As many at a time as the device finds best."""


class Served(Frozen):
    """Samples through a session."""

    samples: str
    """`filled`, a variant's own size, or `lengths`, the given ones."""
    variant: str | None
    """Which variant they fill; None for given lengths, which go where they fit."""
    drawn: int
    """How many different samples there are; each runs as often as any other."""
    latency: Latency
    """Of `infer`, one sample at a time, in a batch of its own."""
    samples_per_second: float
    """Of `stream`, which makes batches."""
    elements_per_second: float
    """Samples' own elements in the padded dimensions: what was of use."""
    computed_per_second: float
    """All elements that the device computed, padding and rows without a sample included."""
    padding: float
    """The share of those that was of no use."""
    rows: float
    """The share of the batches' rows that were samples."""


class Start(Frozen):
    """Medians of processes that start, load the bundle, run one sample and end."""

    count: int
    process: float
    """From the start of the process to its end: Python itself and reading a sample are in it, and all that follows."""
    imports: float
    """Importing what `npuspec.load` needs, OpenVINO among it. `import npuspec` alone, which is little, came before."""
    load: float
    """Loading the bundle: finding the device, and putting all variants on it."""
    first: float
    """The first inference, in the largest variant."""
    origins: dict[str, str]
    """Where each variant's compiled model was from."""


class Starts(Frozen):
    """Starts without a compiled model that was kept, and with one wherever the bundle allows it."""

    cold: Start
    warm: Start


class Place(Frozen):
    """A bundle on a device."""

    bundle: str
    version: str
    device: str
    identity: str
    notes: tuple[str, ...]


class Report(Frozen):
    """All figures of one bundle."""

    place: Place
    bare: tuple[Bare, ...]
    served: tuple[Served, ...]
    starts: Starts | None


class Compared(Frozen):
    """One variant of two bundles."""

    variant: str
    sizes: dict[str, int]
    batch: int
    first: Latency
    second: Latency
    rounds: int
    ratio: float
    """The first bundle's latency by the second's: the median of the rounds' ratios of medians."""
    low: float
    """The interval in which the true ratio lies with at least the confidence."""
    high: float
    confidence: float
    verdict: Verdict
    """What the first is."""


class Comparison(Frozen):
    """Two bundles, in turn."""

    first: Place
    second: Place
    compared: tuple[Compared, ...]
    left_out: tuple[str, ...]
    """Variants of either that the other hasn't; where some were asked for, of those."""
    notes: tuple[str, ...]
    """What else they differ in."""


def latency_of(times: Sequence[float]) -> Latency:
    """Return the figures of times, of which there is one at least."""
    ordered = sorted(times)

    def percentile(percent: int) -> float:
        return ordered[ceil(len(ordered) * percent / 100) - 1]

    return Latency(
        count=len(ordered),
        mean=sum(ordered) / len(ordered),
        minimum=ordered[0],
        median=percentile(50),
        p90=percentile(90),
        p95=percentile(95),
        p99=percentile(99),
        maximum=ordered[-1],
    )
