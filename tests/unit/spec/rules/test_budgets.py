"""Budgets are of what is compiled for, measured or estimated, and of variants."""

import pytest

from builders import SMALL, faults_of, places
from npuspec.diagnostics import Path

FOR_NPUS = SMALL.replace("[target]", '[target]\nplatforms = ["4000", "5010"]')
AT = ("gates", 0)


def budget(more: str = "", metric: str = "latency-ms", limit: str = "max = 5", spec: str = FOR_NPUS) -> str:
    return f'{spec}\n[[gates]]\nmetric = "{metric}"\n{limit}\n{more}'


@pytest.mark.parametrize(
    "text",
    [
        budget(spec=SMALL),
        budget('figure = "measured"', spec=SMALL),
        budget('platform = "4000"'),
        budget('platform = "4000"\nfigure = "estimated"'),
        budget('platform = "4000"\nfigure = "measured"'),
        budget('platform = "5010"\nfigure = "estimated"', "throughput", "min = 2"),
        budget('platform = "4000"\nvariant = "time64"', "size-mib"),
        budget('platform = "4000"', "compile-s"),
        budget('platform = "4000"', "start-ms"),
        budget('platform = "4000"', "latency-p95-ms"),
    ],
)
def test_what_can_be_held_is_no_fault(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        (budget('platform = "3720"'), "wrong-value", (*AT, "platform")),
        (budget('platform = "4000"', spec=SMALL), "wrong-value", (*AT, "platform")),
        (budget('platform = "npu"'), "wrong-value", (*AT, "platform")),
        (budget('figure = "estimated"'), "missing-key", AT),
        (budget('figure = "estimated"\nplatform = "4000"', "latency-p95-ms"), "wrong-value", (*AT, "figure")),
        (budget('figure = "estimated"\nplatform = "4000"', "start-ms"), "wrong-value", (*AT, "figure")),
        (budget('figure = "estimated"\nplatform = "4000"', "size-mib"), "wrong-value", (*AT, "figure")),
        (budget('figure = "estimated"', "compile-s"), "wrong-value", (*AT, "figure")),
        (budget('variant = "time64"', "start-ms"), "idle-key", (*AT, "variant")),
        (budget('against = "original"'), "unknown-key", (*AT, "against")),
        (budget('of = "static"'), "unknown-key", (*AT, "of")),
        (budget('output = "y"', "size-mib"), "unknown-key", (*AT, "output")),
        (budget(limit="min = 5"), "empty-gate", AT),
        (budget(metric="throughput"), "empty-gate", AT),
        (budget(limit="max = -1"), "wrong-value", (*AT, "max")),
        (budget(limit=""), "empty-gate", AT),
    ],
)
def test_what_can_not_be_held_is_a_fault_at_its_place(text: str, code: str, at: Path) -> None:
    assert places(text) == [(code, at)]


def test_the_platforms_that_would_do_are_named() -> None:
    (fault,) = faults_of(budget('platform = "3720"'))
    assert fault.message == "nothing is compiled for NPU 3720: it isn't among the `platforms` of [target]"
    assert fault.help == 'in [target], platforms = ["3720", "4000", "5010"]'
