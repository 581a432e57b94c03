"""What tuning finds, as plain data. Times are in microseconds; None is what isn't known."""

from typing import Any, Literal

from npuspec.bundle.program import Frozen

Judgement = Literal["helps", "harms", "no effect", "can't be known here"]


class Row(Frozen):
    """A candidate, what is known of it, how, and why it isn't taken."""

    name: str
    point: dict[str, Any] | None
    """The values that it is made of; None where it is the spec as it is written."""
    batch: int = 1
    latency_us: float | None = None
    """Of a request, which is a whole batch: the mean over the variants, by real lengths, or the largest's."""
    sample_us: float | None = None
    """How long a sample takes in the mean where nothing but samples is run: the inverse of the throughput."""
    p95_us: float | None = None
    """What 95 of 100 requests take at most, in the worst variant."""
    size_bytes: int | None = None
    """Of the compiled models, or of the models where a device keeps none."""
    compile_s: float | None = None
    cpu_us: float | None = None
    """The latency of a request, measured on this machine's CPU."""
    agreement: float | None = None
    """The least share of frames in which what ships agrees with the original, of all outputs."""
    gates: tuple[str, ...] = ()
    """In words, with their figures."""
    uncosted: tuple[str, ...] = ()
    """Operations that the estimate counts as nothing."""
    evidence: str = ""
    """How the figures are known."""
    steady: bool = True
    """Whether what was measured had settled by then."""
    lost: str = ""
    """Why it isn't taken; empty for the one that is."""
    failed: bool = False
    """Whether it can't be made, or doesn't hold its gates."""


class Verdict(Frozen):
    """What came of a piece of advice on this model."""

    advice: str
    """As `npuspec explain` knows it."""
    verdict: Judgement
    tried: str = ""
    """The candidate that differs from the plain one by nothing else."""
    what: str = ""
    """What the figures are of."""
    before: float | None = None
    after: float | None = None
    evidence: str = ""
    why: str = ""
    """What else is to be known of it, or why nothing can be."""


class Report(Frozen):
    """All that was tried, and what is best."""

    model: str
    """The SHA-256 of the spec's model."""
    objective: str
    device: str
    """What was measured on."""
    platform: str | None
    """The NPU that was estimated for; None where what was measured counts."""
    compiler: str | None
    rows: tuple[Row, ...]
    chosen: int
    """Of the rows."""
    points: int
    """How many candidates there are in all."""
    compiles: int
    """How many different models were compiled of the candidates."""
    made: int
    """How many models were compiled now, for advice too: what was before isn't again."""
    left_out: dict[str, str]
    """What isn't tried, and why."""
    advice: tuple[Verdict, ...]
    dropped: tuple[str, ...]
    """Gates of the spec that have nothing to compare in the chosen one."""
    patch: str
    """What changes the spec into the chosen one, as a unified diff; empty where nothing has to change."""
