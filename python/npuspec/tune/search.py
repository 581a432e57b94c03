"""Look for the best candidate without trying all: one knob after the other, from the plain one on, until nothing helps.

The gates on what a candidate answers come before it is compiled to be timed, and a precision that fails them is tried
with nothing else.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from msgspec import structs

from npuspec.tune.candidate import Bench
from npuspec.tune.model import Row
from npuspec.tune.propose import propose
from npuspec.tune.space import Point, Space

FIGURES = {"latency": "latency_us", "throughput": "sample_us", "size": "size_bytes"}
"""What an objective makes as small as it can."""
MARGINS = {"estimated": 0.005, "measured": 0.03}
"""Less is no difference: an estimate, or a size, is the same each time, a measurement isn't."""
_ROUNDS = 4
_NEAR, _FAR = 1.1, 1.25
"""How much worse a value may be to be tried again beside others, and a batch to try larger ones."""
_WRITTEN = "as written"


@dataclass(slots=True)
class Search:
    """Candidates so far.

    Attributes:
        rows: in the order in which they were tried.
        best: the one that is taken.
        compiles: how many different models were compiled of candidates.

    """

    space: Space
    bench: Bench
    objective: str
    tell: Callable[[str], object]
    rows: list[Row] = field(default_factory=list)
    best: Row | None = None
    compiles: int = 0
    _known: dict[str, int] = field(default_factory=dict)
    _hopeless: set[tuple[str, Any]] = field(default_factory=set)
    """Values that were far worse once, or failed: they aren't tried anew beside other values."""
    _refused: set[tuple[str, Any]] = field(default_factory=set)
    """Of those, the precisions that failed."""
    _worse: set[tuple[str, Any]] = field(default_factory=set)
    """Values that lost to another by more than is no difference."""

    def run(self, trials: int = 0) -> Row:
        """Try candidates, and so many more that Optuna proposes; return the best of them.

        That is the spec as it is where none is better, or none holds its gates.
        """
        at = {**self.space.plain}
        for _ in range(_ROUNDS):
            before = at
            for knob in self.space.knobs:
                at = self._along(knob, at)
            if "mixed" in self.space.knobs.get("precision", ()):  # last: a mix costs many compiles to find
                at = self._along("precision", at, ["mixed"])
            if at == before:
                break
        if trials:
            at = self._proposed(at, trials)
        written = self._try(_WRITTEN, None, self.space.text)
        self.compiles = len(self.bench.compiled)
        self.best = self.try_point(at)
        if self.best.failed or (not written.failed and not self.beats(self.best, written)):
            self.best = written
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

    def cost(self, name: str, text: str) -> Row:
        """Return what a text costs, whatever it answers: from its row where that has it."""
        number = self._known.get(text)
        if number is not None and self.rows[number].latency_us is not None:
            return self.rows[number]
        self.tell(f"advice: {name}")
        return self.bench.costs(Row(name=name, point=None), text)

    def verdict(self, name: str, text: str) -> Row:
        """Return whether a text holds its gates, and if so what it costs: from its row where that has it."""
        if text in self._known:
            return self.rows[self._known[text]]
        self.tell(f"advice: {name}")
        return self.bench.measure(Row(name=name, point=None), text)

    def side_by_side(self) -> "Search":
        """Return a search in which nothing is known, and estimates are of as many tiles whatever the objective."""
        return Search(self.space, replace(self.bench, side_by_side=True), self.objective, self.tell)

    def beats(self, row: Row, other: Row) -> bool:
        """Tell whether a row is better than another by more than is no difference."""
        mine, its = self.figure(row), self.figure(other)
        if row.failed or mine is None or self.uncounted(row, other):
            return False
        if not row.steady and other.steady and not other.failed:
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
        is_exact = self.bench.platform is not None or self.objective == "size"
        return MARGINS["estimated" if is_exact else "measured"]

    def _along(self, knob: str, at: dict[str, Any], values: Iterable[Any] = ()) -> dict[str, Any]:
        """Return the best point on one knob's values, all but a mix if none are given."""
        is_mixed = at.get("precision") == "mixed"  # which costs many compiles to find anew
        if is_mixed and knob == "batch":
            return at
        known = (value for value in self.space.knobs[knob] if value != "mixed")
        for value in values or (self._batches(at) if knob == "batch" else known):
            if value == at[knob] or (knob, value) in self._hopeless or (is_mixed and (knob, value) in self._worse):
                continue
            best = self.try_point(at)
            row = self.try_point({**at, knob: value}, best if knob == "buckets" else None)
            if not self._is_near(row, best):
                self._hopeless.add((knob, value))
            if knob == "precision" and row.failed:
                self._refused.add((knob, value))
            if knob == "precision" and value == "int8" and not row.failed and self.bench.platform is None:
                self._hopeless.add((knob, "mixed"))  # no gate needs it, and nothing tells what is faster unquantized
            if self.beats(best, row):
                self._worse.add((knob, value))
            if self.beats(row, best):
                self._worse.add((knob, at[knob]))
                if not self._is_near(best, row):
                    self._hopeless.add((knob, at[knob]))
                at = {**at, knob: value}
        return at

    def _proposed(self, at: dict[str, Any], trials: int) -> dict[str, Any]:
        """Return the best point of those that are known and those that are proposed."""

        def figure(row: Row) -> float:
            return inf if row.failed else self.figure(row) or inf

        def trial(point: dict[str, Any]) -> float:
            nonlocal at
            if self._refused & {*point.items()}:
                return inf
            row = self.try_point(point)
            if self.beats(row, self.try_point(at)):
                at = point
            return figure(row)

        known = [(row.point, figure(row)) for row in self.rows if row.point is not None]
        propose(self.space.knobs, known, trial, trials)
        return at

    def _batches(self, at: dict[str, Any]) -> Iterator[int]:
        """Yield the batches that are worth a try from one on.

        Every other one as long as they aren't far worse, then those beside the best. Latency has no use for larger
        ones: the next is tried, to show it.
        """
        values = sorted(self.space.knobs["batch"])
        first = values.index(at["batch"])
        rows = {first: self.try_point(at)}

        def tried(number: int) -> int:
            value: int = values[number]
            rows[number] = self.try_point({**at, "batch": value})
            return value

        step = 1 if self.objective == "latency" else 2
        for number in range(first + step, len(values), step):
            if ("batch", values[number]) in self._hopeless:
                break
            yield tried(number)
            if not self._is_near(rows[number], rows[first], _FAR):
                break
        if step > 1:
            made = (number for number in rows if not rows[number].failed)
            best = min(made, key=lambda number: self.figure(rows[number]) or inf, default=first)
            for number in (best - 1, best + 1):
                is_there = 0 <= number < len(values) and ("batch", values[number]) not in self._hopeless
                if is_there and number not in rows:
                    yield tried(number)

    def _is_near(self, row: Row, best: Row, most: float = _NEAR) -> bool:
        """Tell whether a row isn't far worse than another."""
        mine, its = self.figure(row), self.figure(best)
        return not row.failed and mine is not None and (its is None or mine <= its * most)

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
        if not row.steady and best.steady and mine < its:
            return f"{mine / its:.2f} times {self._what}, but it hasn't settled"
        if more := self.uncounted(row, best):
            return f"its estimate counts {', '.join(more)} as nothing, and can't be compared"
        if less := self.uncounted(best, row):
            return f"{mine / its:.2f} times {self._what}, of which the chosen one's leaves out {', '.join(less)}"
        if mine < its:
            return f"{mine / its:.3f} times {self._what}, which is no difference"
        return f"{mine / its:.2f} times {self._what}"

    @property
    def _what(self) -> str:
        return {"latency": "the latency", "throughput": "the time for a sample", "size": "the size"}[self.objective]
