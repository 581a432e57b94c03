"""Candidates that Optuna proposes."""

from math import inf
from typing import Any

from npuspec.tune.propose import propose

KNOBS: dict[str, tuple[Any, ...]] = {"batch": (1, 2, 4, 8), "hint": (None, "THROUGHPUT"), "streams": (-1, 1, 2)}


def test_candidates_are_proposed_where_the_best_may_be() -> None:
    tried: list[dict[str, Any]] = []

    def trial(point: dict[str, Any]) -> float:
        tried.append(point)
        return inf if point["streams"] == 1 else 1000.0 / point["batch"] - 50 * (point["hint"] is not None)

    known = [({"batch": 1, "hint": None, "streams": -1}, 1000.0), ({"batch": 1, "hint": None, "streams": 1}, inf)]
    propose(KNOBS, known, trial, 15)
    seen = {tuple(point.values()) for point in tried} - {tuple(point.values()) for point, _ in known}
    assert len(seen) == 15
    assert all(point[knob] in values for point in tried for knob, values in KNOBS.items())
    assert sum(point["batch"] == 8 for point in tried[-10:]) > 5


def test_the_same_is_proposed_each_time() -> None:
    runs: list[list[dict[str, Any]]] = [[], []]
    for tried in runs:
        propose(KNOBS, [], lambda point, tried=tried: tried.append(point) or 1.0, 5)  # type: ignore[misc]
    assert runs[0] == runs[1]
