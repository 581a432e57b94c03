"""What a report says, as plain data: whoever renders it counts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from npuspec.execute.gates import GateResult
from npuspec.plan.diff import PlanDiff
from npuspec.plan.model import Setting

Verdict = Literal["fused", "not fused", "not judged"]


@dataclass(frozen=True, slots=True)
class Missing:
    """What stands where there is nothing to be shown."""

    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """A fact, and what it is about."""

    what: str
    value: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that made this bundle."""

    name: str
    reads: tuple[str, ...]
    digest: str
    took: str
    """What was noted of the time or the memory that it took; empty where nothing was."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the outputs of one model are from another's."""

    of: str
    against: str
    output: str
    where: str
    """`all samples`, those of one variant, or all of them padded to one."""
    frames: int
    figures: Mapping[str, float]
    """By metric."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample's share of frames that agree, of each pair of models that is compared."""

    name: str
    pair: str
    agreeing: int
    frames: int

    @property
    def share(self) -> float:
        """Of the frames, those that agree."""
        return self.agreeing / self.frames if self.frames else 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an inference takes."""

    variant: str
    places: int
    """The product of its sizes: what is computed grows with it."""
    batch: int
    """How many samples one inference takes, or where it is estimated of one, 1."""
    precision: str
    where: str
    measured: bool
    ms: float

    @property
    def kind(self) -> Literal["measured", "estimated"]:
        """Whether it was measured, or what a compiler expects."""
        return "measured" if self.measured else "estimated"


@dataclass(frozen=True, slots=True)
class Served:
    """What a budget had timed on a device, by metric: of a variant in a session, or of the whole bundle's start."""

    device: str
    variant: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What could have been taken; `best` where no other of its choice is quicker and at least as accurate."""

    name: str
    accuracy: float
    latency: float
    taken: bool
    best: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Candidates that may be ranked, since they were all measured alike."""

    title: str
    accuracy: str
    """What it is that is accurate, and on what."""
    latency: str
    """What it is that takes time, and the unit."""
    candidates: tuple[Candidate, ...]
    note: str = ""
    taken: str = "ships"
    """What is said of the one that was taken."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An operation as the device executes it, with what was fused into it."""

    name: str
    type: str
    how: str
    """Which implementation the device took."""
    ms: float
    share: float


@dataclass(frozen=True, slots=True)
class Layers:
    """Where the time of an inference on the CPU goes, the longest first."""

    variant: str
    ms: float
    """The sum over the operations, by the device's counters."""
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """What an engine does from one time to another, in microseconds; `count` tasks where they are short neighbours."""

    engine: str
    kind: str
    """`DPU`, `SHAVE` or `DMA`."""
    begin: float
    end: float
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A compiler's schedule: an estimate of what each engine of an NPU does when."""

    platform: str
    variant: str
    compiler: str
    latency_us: float | None
    uncosted: tuple[str, ...]
    busy_us: Mapping[str, float]
    """By kind of engine."""
    engines: tuple[str, ...]
    tasks: tuple[Task, ...]
    all_tasks: int


@dataclass(frozen=True, slots=True)
class Chains:
    """Chains of the same operations that a device may make one of, and what became of them all."""

    chain: str
    count: int
    verdict: Verdict
    apart: str
    """What runs by itself; empty where nothing does."""
    cause: str
    why: str
    """Why the first of them isn't one."""
    time: str
    """What that costs them all, which for an estimate may be no more than a bound; empty where it costs nothing."""
    share: float
    advice: str


@dataclass(frozen=True, slots=True)
class Fusion:
    """What a device makes one operation of, and what it does at the borders of the model."""

    device: str
    variant: str
    estimated: bool
    us: float
    """How long the whole model takes."""
    chains: tuple[Chains, ...]
    borders: tuple[Row, ...]
    """What is done at an input or output, and what would save it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How the plan differs from another."""

    base: str
    """What it is compared with."""
    diff: PlanDiff


@dataclass(frozen=True, slots=True)
class Report:
    """All that is shown of a bundle."""

    name: str
    version: str
    made_for: str
    """The device."""
    variants: tuple[str, ...]
    batch: int
    facts: tuple[Row, ...]
    doubts: tuple[str, ...]
    settings: tuple[Setting, ...]
    """What the spec states."""
    words: str
    """The whole plan, as a terminal shows it."""
    stages: tuple[Stage, ...]
    quantized: tuple[Row, ...]
    kept: tuple[str, ...]
    difference: Difference | Missing
    gates: tuple[GateResult, ...]
    agreements: tuple[Agreement, ...]
    samples: tuple[Sample, ...]
    latencies: tuple[Latency, ...]
    served: tuple[Served, ...]
    choices: tuple[Choice, ...]
    layers: Layers | Missing
    timeline: Timeline | Missing
    fusion: tuple[Fusion | Missing, ...]
    """For each device that was looked at."""
    device: tuple[Row, ...]
    cache: tuple[Row, ...]
    files: tuple[tuple[str, int], ...]
    """Name and bytes of each, the largest first."""

    @property
    def passed(self) -> int:
        """How many gates passed."""
        return sum(gate.passed for gate in self.gates)

    @property
    def bytes(self) -> int:
        """The size of the bundle."""
        return sum(size for _, size in self.files)
