"""What is said of advice, by the figures of two candidates."""

from typing import Any

import pytest

from npuspec.tune.advice import compared
from npuspec.tune.model import Row


def row(name: str, latency: float | None, *uncosted: str, **more: Any) -> Row:
    return Row(name=name, point=None, latency_us=latency, uncosted=uncosted, **more)


@pytest.mark.parametrize(
    ("after", "verdict"), [(60.0, "helps"), (98.0, "no effect"), (102.0, "no effect"), (150.0, "harms")]
)
def test_a_difference_has_to_be_one(after: float, verdict: str) -> None:
    found = compared("int8", "latency_us", row("FP16", 100.0), row("INT8", after))
    assert (found.verdict, found.before, found.after, found.tried) == (verdict, 100.0, after, "INT8")


def test_what_is_not_timed_can_not_be_known() -> None:
    found = compared("int8", "latency_us", row("FP16", 100.0), row("INT8", None, failed=True, lost="refused"))
    assert (found.verdict, found.why) == ("can't be known here", "refused")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (row("FP16", 100.0), row("INT8", 50.0, "Swish"), "can't be known here"),
        (row("FP16", 100.0), row("INT8", 200.0, "Swish"), "harms"),
        (row("FP16", 100.0, "Swish"), row("INT8", 200.0), "can't be known here"),
        (row("FP16", 100.0, "Swish"), row("INT8", 50.0), "helps"),
    ],
)
def test_what_an_estimate_leaves_out_counts_against_it(before: Row, after: Row, verdict: str) -> None:
    assert compared("int8", "latency_us", before, after).verdict == verdict
