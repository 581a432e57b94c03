"""Look for the best candidate without trying all: one knob after the other, from the plain one on, until nothing helps.

The gates on what a candidate answers come before anything is compiled of it, and a precision that fails them is tried
with nothing else. Batches rise, and end where one costs more.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from npuspec.tune.candidate import Bench
from npuspec.tune.model import Row
from npuspec.tune.space import Point, Space

FIGURES = {"latency": "latency_us", "throughput": "sample_us", "size": "size_bytes"}
"""What an objective makes as small as it can."""
MARGINS = {"estimated": 0.005, "measured": 0.03}
"""Less is no difference: an estimate is the same each time, a measurement isn't."""
_ROUNDS = 4
_WRITTEN = "as written"


@dataclass(slots=True)
class Search:
    """Candidates so far.

    Attributes:
        rows: in the order in which they were tried.
        best: the one that is taken.

    """

    space: Space
    bench: Bench
    objective: str
    tell: Callable[[str], object]
    rows: list[Row] = field(default_factory=list)
    best: Row | None = None
    _known: dict[str, int] = field(default_factory=dict)
    _refused: set[Any] = field(default_factory=set)

    def run(self) -> Row:
        """Try candidates, and return the best of them; where none can be made, the plain one."""
        at = {**self.space.plain}
        for _ in range(_ROUNDS):
            before = at
            for knob, values in self.space.knobs.items():
                at = self._along(knob, values, at)
            if at == before:
                break
        written = self._try(_WRITTEN, None, self.space.text)
        self.best = self.try_point(at)
        if self.best.failed or (not written.failed and not self.beats(self.best, written)):
            self.best = written
        if self.best.failed:
            self.best = self.try_point(self.space.plain)
        self._say_why()
        return self.best

    def try_point(self, point: Point, cheaper_than: Row | None = None) -> Row:
        """Return what is known of a candidate, found out where it isn't yet.

        Args:
            point: the candidate.
            cheaper_than: a row; what doesn't cost less isn't held to gates, since it isn't taken anyway.

        """
        return self._try(self.space.shown(point), {**point}, self.space.text_of(point), cheaper_than)

    def _try(self, name: str, point: dict[str, Any] | None, text: str, cheaper_than: Row | None = None) -> Row:
        if text not in self._known:
            self.tell(f"candidate {len(self.rows) + 1}: {name}")
            row = Row(name=name, point=point)
            if cheaper_than is None or self.beats(row := self.bench.costs(row, text), cheaper_than):
                row = self.bench.measure(row, text)
            self._known[text] = len(self.rows)
            self.rows.append(row)
        elif point is None:
            found = self.rows[self._known[text]]
            self.rows[self._known[text]] = structs.replace(found, name=f"{found.name} ({name})")
        return self.rows[self._known[text]]

    def found(self, name: str) -> Row | None:
        """Return the row of this name that the search has."""
        return next((row for row in self.rows if row.name == name or row.name == f"{name} ({_WRITTEN})"), None)

    def cost(self, name: str, text: str) -> Row:
        """Return what a text costs, whatever it answers: from its row where that has it."""
        number = self._known.get(text)
        if number is not None and self.rows[number].latency_us is not None:
            return self.rows[number]
        self.tell(f"advice: {name}")
        return self.bench.costs(Row(name=name, point=None), text)

    def beats(self, row: Row, other: Row) -> bool:
        """Tell whether a row is better than another by more than is no difference."""
        mine, its = self.figure(row), self.figure(other)
        if row.failed or mine is None or self.uncounted(row, other):
            return False
        return other.failed or its is None or mine < its * (1 - self._margin)

    def figure(self, row: Row) -> float | None:
        """Return what the objective goes by."""
        figure: float | None = getattr(row, FIGURES[self.objective])
        return figure

    def uncounted(self, row: Row, other: Row) -> list[str]:
        """Return what a row's estimate counts as nothing, and another's doesn't; sizes count everything."""
        if self.objective == "size" or other.failed:
            return []
        return sorted({*row.uncosted} - {*other.uncosted})

    @property
    def _margin(self) -> float:
        return MARGINS["measured" if self.bench.platform is None else "estimated"]

    def _along(self, knob: str, values: tuple[Any, ...], at: dict[str, Any]) -> dict[str, Any]:
        """Return the best point on one knob's values."""
        before = self.try_point(at)
        for value in values:
            if value == at[knob] or value in self._refused or (knob == "batch" and value < at[knob]):
                continue
            best = self.try_point(at)
            row = self.try_point({**at, knob: value}, best if knob == "buckets" else None)
            if knob == "precision" and row.failed and row.latency_us is None:
                self._refused.add(value)
            if self.beats(row, best):
                at = {**at, knob: value}
            if knob == "batch":
                if row.failed or self.beats(before, row):
                    break
                before = row
        return at

    def _say_why(self) -> None:
        """Give each row the reason why it isn't taken."""
        assert self.best is not None  # noqa: S101
        for number, row in enumerate(self.rows):
            if row is not self.best and not row.lost:
                self.rows[number] = structs.replace(row, lost=self._why(row, self.best))

    def _why(self, row: Row, best: Row) -> str:
        mine, its = self.figure(row), self.figure(best)
        if mine is None or its is None:
            return "nothing is known of it to go by"
        if more := self.uncounted(row, best):
            return f"its estimate counts {', '.join(more)} as nothing, and can't be compared"
        what = {"latency": "the latency", "throughput": "the time for a sample", "size": "the size"}[self.objective]
        if less := self.uncounted(best, row):
            return f"{mine / its:.2f} times {what}, of which the chosen one's leaves out {', '.join(less)}"
        if mine < its:
            return f"{mine / its:.3f} times {what}, which is no difference"
        return f"{mine / its:.2f} times {what}"
