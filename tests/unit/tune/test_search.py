"""How the best is looked for: what is tried, what isn't any more, and what is found, on figures that are known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs

from npuspec.tune.model import Row
from npuspec.tune.search import Search
from npuspec.tune.space import Known, Space

KNOWN = Known(device="CPU", platform="4000", samples=30, attention=False, front_end=None, lengths={})
KNOBS = {"precision": ("none", "int8", "mixed"), "batch": (1, 2, 4, 8, 16), "tiles": (4, 2)}
Figures = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Named(Space):
    """Candidates whose texts are their names."""

    def text_of(self, point: Mapping[str, Any]) -> str:
        return self.shown(point)


@dataclass
class Table:
    """Gives candidates their figures, and remembers which it was asked for."""

    figures: Figures
    written: Mapping[str, Any]
    platform: str | None = "4000"
    compiled: set[str] = field(default_factory=set)

    def measure(self, row: Row, text: str) -> Row:
        found = self.figures(row.point) if row.point is not None else self.written
        if "latency_us" in found:
            self.compiled.add(text)
        return structs.replace(row, **found)

    costs = measure


SLOW = {"latency_us": 9000.0, "sample_us": 9000.0}


def searched(
    figures: Figures,
    objective: str = "throughput",
    written: Mapping[str, Any] = SLOW,
    trials: int = 0,
    platform: str | None = "4000",
    **knobs: tuple[Any, ...],
) -> Search:
    found = {**KNOBS, **knobs}
    space = Named("as it is", KNOWN, found, {knob: values[0] for knob, values in found.items()}, {}, (*found,))
    search = Search(space, Table(figures, written, platform), objective, lambda _: None)  # type: ignore[arg-type]
    search.run(trials)
    return search


def times(**of: Mapping[Any, float]) -> Figures:
    """Return figures for which each value of a knob multiplies the time for a sample."""

    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        sample = 1000.0
        for knob, factors in of.items():
            sample *= factors.get(point[knob], 1.0)
        return {"latency_us": sample * point["batch"], "sample_us": sample}

    return figures


def best(search: Search) -> str:
    assert search.best is not None
    return search.best.name


def reasons(search: Search) -> dict[str, str]:
    return {row.name: row.lost for row in search.rows}


@pytest.mark.parametrize(
    ("batches", "taken"),
    [
        ({2: 1.2, 4: 1.5, 8: 2, 16: 3}, 1),
        ({2: 0.9, 4: 1.1, 8: 1.2, 16: 1.4}, 2),
        ({2: 0.9, 4: 0.8, 8: 0.9, 16: 1.0}, 4),
        ({2: 0.9, 4: 0.8, 8: 0.7, 16: 0.75}, 8),
        ({2: 1.2, 4: 0.9, 8: 0.8, 16: 0.7}, 16),
    ],
)
@pytest.mark.parametrize("precision", [{"int8": 0.6}, {"int8": 1.5, "mixed": 0.8}, {"int8": 1.3, "mixed": 1.2}])
def test_the_best_of_all_is_found_with_few_compiles(
    batches: Mapping[int, float], taken: int, precision: Mapping[str, float]
) -> None:
    search = searched(times(batch=batches, precision=precision))
    assert search.best is not None
    assert search.best.point is not None
    assert search.best.point["batch"] == taken
    assert search.best.point["precision"] == min((1.0, "none"), *((f, p) for p, f in precision.items()))[1]
    assert search.compiles <= 0.4 * search.space.size


def test_what_two_knobs_gain_together_is_found() -> None:
    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        sample = 1000.0 if point["precision"] != "int8" else 1050.0 if point["batch"] == 1 else 500.0
        sample *= {1: 1.0, 2: 0.9, 4: 0.8, 8: 0.8, 16: 0.8}[point["batch"]]
        return {"latency_us": sample * point["batch"], "sample_us": sample}

    assert best(searched(figures)) == "INT8, batch 4"


def test_a_precision_that_fails_its_gates_is_tried_with_nothing_else() -> None:
    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        if point["precision"] != "none":
            return {"failed": True, "lost": "gate not met: of it"}
        return times(batch={4: 0.5})(point)

    search = searched(figures)
    assert [name for name in reasons(search) if not name.startswith(("FP16", "as"))] == [
        "INT8, batch 1",
        "mixed, batch 4",
    ]
    assert best(search).startswith("FP16, batch 4")


@pytest.mark.parametrize(("platform", "mixes"), [("4000", 1), (None, 0)])
def test_where_int8_holds_its_gates_only_a_compiler_knows_what_to_mix(platform: str | None, mixes: int) -> None:
    figures = times(precision={"int8": 1.05, "mixed": 0.96})
    names = reasons(searched(figures, platform=platform, batch=(1,), tiles=(4,)))
    assert sum(name.startswith("mixed") for name in names) == mixes


def test_what_has_not_settled_does_not_win() -> None:
    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**times(batch={2: 0.5})(point), "steady": point["batch"] == 1}

    search = searched(figures, platform=None, precision=("none",), tiles=(4,))
    assert best(search) == "FP16, batch 1"
    assert reasons(search)["FP16, batch 2"] == "0.50 times the time for a sample, but it hasn't settled"


def test_a_size_has_no_noise() -> None:
    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**times()(point), "size_bytes": 980 if point["precision"] == "int8" else 1000}

    assert best(searched(figures, "size", platform=None, batch=(1,), tiles=(4,))) == "INT8, batch 1"


def test_larger_batches_are_left_out_where_one_is_far_worse() -> None:
    names = reasons(searched(times(batch={2: 1.5, 4: 2, 8: 2, 16: 2})))
    assert {name for name in names if "batch" in name and name.startswith("FP16")} >= {"FP16, batch 4", "FP16, batch 2"}
    assert not any("batch 16" in name or "batch 8" in name for name in names)


def test_latency_has_no_use_for_large_batches() -> None:
    names = reasons(searched(times(), "latency"))
    assert not any("batch 4" in name for name in names)
    assert names["FP16, batch 2"] == "2.00 times the latency"


def test_an_estimate_that_leaves_out_more_does_not_win() -> None:
    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        is_int8 = point["precision"] == "int8"
        return {**times(precision={"int8": 0.5})(point), "uncosted": ("Swish",) if is_int8 else ()}

    search = searched(figures, batch=(1,), tiles=(4,))
    assert best(search) == "FP16, batch 1"
    assert reasons(search)["INT8, batch 1"] == "its estimate counts Swish as nothing, and can't be compared"


def test_a_mix_is_looked_for_when_all_else_is_known() -> None:
    search = searched(times(precision={"int8": 0.9, "mixed": 0.8}, batch={4: 0.5}, tiles={2: 0.9}))
    assert next(name for name in reasons(search) if name.startswith("mixed")) == "mixed, batch 4, tiles 2"
    assert best(search) == "mixed, batch 4, tiles 2"
    assert sum(name.startswith("mixed") for name in reasons(search)) == 1  # and in no place that lost before


def test_what_is_no_difference_changes_nothing() -> None:
    search = searched(times(precision={"int8": 0.997}), batch=(1,), tiles=(4,))
    assert best(search) == "FP16, batch 1"
    assert reasons(search)["INT8, batch 1"] == "0.997 times the time for a sample, which is no difference"


def test_the_spec_as_it_is_stays_where_nothing_is_better() -> None:
    assert best(searched(times(), written={"latency_us": 999.0, "sample_us": 999.0})) == "as written"


def test_where_none_holds_its_gates_none_is_taken() -> None:
    refused = {"failed": True, "lost": "gate not met"}
    search = searched(lambda _: refused, written=refused)
    assert search.best is not None
    assert search.best.failed


def test_what_no_knob_alone_shows_is_proposed() -> None:
    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        together = point["tiles"] == 2 and point["batch"] >= 8
        return times(tiles={2: 0.1 if together else 1.5}, batch={2: 1.6, 4: 1.6, 8: 1.6, 16: 1.6})(point)

    assert best(searched(figures)) == "FP16, batch 1"
    search = searched(figures, trials=12)
    assert "tiles 2" in best(search)
    assert search.compiles <= search.space.size


def test_what_is_proposed_has_no_precision_that_failed() -> None:
    def figures(point: Mapping[str, Any]) -> Mapping[str, Any]:
        return times()(point) if point["precision"] == "none" else {"failed": True, "lost": "gate not met"}

    names = reasons(searched(figures, trials=12))
    assert sum(not name.startswith(("FP16", "as")) for name in names) == 2
