"""What a session has done so far, in figures."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan, prod
from threading import Lock
from typing import TypeVar

import numpy as np

from npuspec.bundle.program import Program
from npuspec.runtime.engine import Ran

Figure = TypeVar("Figure")
WINDOW = 4096
"""Percentiles are those of so many of the newest figures."""
_NEW = 256  # batches that wait to be counted

PHASES = ("queue", "request", "pad", "infer", "cut", "whole")


@dataclass(frozen=True, slots=True)
class Phase:
    """How long a part of the work takes.

    Attributes:
        count: how often it was done.
        seconds: all of them together.
        p50: the median of the newest, in seconds; NaN where there is none, like the others.
        p95: the 95th percentile.
        p99: the 99th percentile.

    """

    count: int
    seconds: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Stats:
    """What a session has done since it was loaded.

    Attributes:
        device: what serves now.
        done: samples whose results were returned.
        failed: samples that ended with an error.
        cancelled: requests that were cancelled before they began.
        expired: requests that hadn't begun in the time that they were given.
        refused: requests that found the queue full.
        waiting: requests that haven't begun.
        batches: device to how many batches ran there.
        rows: the share of those batches' rows that were samples, and no filling; NaN before the first, as below.
        padding: the share of what the device was given that wasn't of samples: rows without one, and padding.
        recoveries: how often a device that failed was opened again, or replaced.
        phases: `queue`, from `submit` until a batch begins; then of batches `request`, waiting for a free infer
            request, `pad`, `infer` and `cut`; `whole`, from `submit` or the call until the result is there.

    """

    device: str
    done: int
    failed: int
    cancelled: int
    expired: int
    refused: int
    waiting: int
    batches: Mapping[str, int]
    rows: float
    padding: float
    recoveries: int
    phases: Mapping[str, Phase]


@dataclass(slots=True)
class _Times:
    count: int = 0
    total: float = 0.0
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def add(self, seconds: Sequence[float]) -> None:
        self.count += len(seconds)
        self.total += sum(seconds)
        self.newest.extend(seconds)

    def tell(self) -> Phase:
        quantiles = np.percentile(self.newest, (50, 95, 99)) if self.newest else np.full(3, np.nan)
        return Phase(self.count, self.total, *map(float, quantiles))


class Recorder:
    """Takes the figures, of any threads: each is put down in one step, and counted when there are some.

    Attributes:
        lane: what a lane puts down for each sample: device, variant, how much of that is the sample, and the times of
            `request`, `pad`, `infer`, `cut` and `whole` in ns.

    Args:
        program: what runs.

    """

    def __init__(self, program: Program) -> None:
        self._rows = program.batch
        self._rooms = {v.name: program.batch * prod(v.sizes.values()) for v in program.variants}
        self._lock = Lock()
        self.lane: list[tuple[str, str, int, int, int, int, int, int]] = []
        self._new_batches: list[tuple[Ran, int, str]] = []
        self._new_done: list[float] = []
        self._new_began: list[float] = []
        self._times = {name: _Times() for name in PHASES}
        self._batches: Counter[str] = Counter()
        self._failed = self._filled = self._all_rows = self._valid = self._room = 0

    def batch(self, ran: Ran, valid: int, variant: str) -> None:
        """Count a batch, of whose inputs so much was of samples; its outputs aren't kept."""
        ran.outputs = []
        self._new_batches.append((ran, valid, variant))
        if len(self._new_batches) >= _NEW:
            self._count()

    def thin(self) -> None:
        """Count what a lane has put down, if it is much."""
        if len(self.lane) >= _NEW:
            self._count()

    def began(self, seconds: float) -> None:
        """Count a request that waited so long in the queue."""
        self._new_began.append(seconds)

    def done(self, seconds: float) -> None:
        """Count a sample whose result took so long."""
        self._new_done.append(seconds)

    def failed(self, samples: int) -> None:
        """Count samples that have no result."""
        with self._lock:
            self._failed += samples

    def _count(self) -> None:
        with self._lock:
            for device, variant, valid, waited, padded, inferred, cut, whole in _taken(self.lane):
                self._new_batches.append((Ran([], device, 1, waited, padded, inferred, cut), valid, variant))
                self._new_done.append(whole * 1e-9)
            batches = _taken(self._new_batches)
            for ran, valid, variant in batches:
                self._batches[ran.device] += 1
                self._filled += ran.rows
                self._all_rows += self._rows
                self._valid += valid
                self._room += self._rooms[variant]
            for name, taken in (
                ("request", [ran.waited for ran, _, _ in batches]),
                ("pad", [ran.padded for ran, _, _ in batches]),
                ("infer", [ran.inferred for ran, _, _ in batches]),
                ("cut", [ran.cut for ran, _, _ in batches]),
            ):
                self._times[name].add([each * 1e-9 for each in taken])
            self._times["queue"].add(_taken(self._new_began))
            self._times["whole"].add(_taken(self._new_done))

    def tell(self, **others: object) -> Stats:
        """Return the figures, with those that others count."""
        self._count()
        with self._lock:
            return Stats(
                done=self._times["whole"].count,
                failed=self._failed,
                batches=dict(self._batches),
                rows=self._filled / self._all_rows if self._all_rows else nan,
                padding=1 - self._valid / self._room if self._room else nan,
                phases={name: times.tell() for name, times in self._times.items()},
                **others,  # type: ignore[arg-type]
            )


def _taken(new: list[Figure]) -> list[Figure]:
    """Take what is in a list, to which others may append meanwhile."""
    count = len(new)
    taken = new[:count]
    del new[:count]
    return taken
