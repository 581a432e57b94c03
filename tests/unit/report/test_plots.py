"""Plots say what their marks are, and are drawn of whatever there is."""

import re
from math import nan

from npuspec.report.model import Agreement, Latency, Layer, Layers, Timeline
from npuspec.report.plots import (
    agreement_plot,
    choice_plot,
    gates_plot,
    latency_plot,
    layers_plot,
    overview_plot,
    timeline_plot,
    types_plot,
)
from report.toys import gate, report

TOY = report("toy")


def titles(svg: str) -> list[str]:
    return re.findall(r"<title>(.*?)</title>", svg)


def test_a_gate_stands_beside_its_limits() -> None:
    limits = {"compared": "with-original", "min": None, "max": 0.05, "against": None}
    svg = gates_plot(
        [gate(), gate(metric="word-error-rate", value=0.2, original=0.1, **limits, passed=False, margin=-0.05)]
    )
    assert [title.partition(":")[0] for title in titles(svg)] == [
        "frame-agreement of static against original, y",
        "word-error-rate of static, y",
    ]
    assert svg.count("var(--bad)") == gates_plot([gate()]).count("var(--bad)") + 1


def test_what_is_no_share_has_no_plot_of_gates() -> None:
    assert gates_plot([gate(metric="sqnr", value=0.5), gate(value=nan)]) == ""
    assert agreement_plot([Agreement("a", "b", "y", "all samples", 0, {"frame-agreement": 0.0})]) == ""
    assert latency_plot([]) == ""
    assert overview_plot([report(latencies=())]) == ""


def test_latencies_of_one_device_and_batch_share_a_plot() -> None:
    rows = [Latency("v", 8, batch, "int8", where, True, 2.0) for where, batch in (("CPU", 1), ("CPU", 4), ("NPU", 1))]
    svg = latency_plot(rows)
    assert all(f">{where}, measured, batch {batch}<" in svg for where, batch in (("CPU", 1), ("CPU", 4), ("NPU", 1)))
    assert titles(svg)[0] == "v, int8, batch 1, measured on CPU: 2 ms"
    latency_plot([Latency("v", 8, 1, "int8", "CPU", True, float("inf"))])  # what is no number is left out


def test_of_more_than_can_be_drawn_some_is_and_that_is_said() -> None:
    rows = [Latency("v", 8, 1, "int8", f"NPU {number}", False, 2.0) for number in range(6000)]
    svg = latency_plot(rows)
    assert len(titles(svg)) == 60
    assert ">60 of 6000 are drawn<" in svg
    assert "are drawn" not in latency_plot(rows[:60])
    overview = overview_plot([report(f"toy{number}", latencies=tuple(rows[:2])) for number in range(70)])
    assert ">120 of 140 are drawn<" in overview
    pairs = [Agreement(f"{number}", "b", "y", "all", 1, {"frame-agreement": 0.5}) for number in range(61)]
    assert ">60 of 61 are drawn<" in agreement_plot(pairs)


def test_operations_that_took_no_time_are_drawn() -> None:
    nothing = Layers("v", 0.0, (Layer("a", "Add", "ref", 0.0, 0.0),))
    assert titles(types_plot(nothing)) == ["Add: 0.000 ms, 0.0%"]


def test_a_candidate_is_marked_as_best_or_beaten() -> None:
    svg = choice_plot(TOY.choices[0])
    assert titles(svg) == ["toy: 0.9 at 2, best of its choice", "other: 0.8 at 3"]
    assert ">toy (ships)<" in svg


def test_the_time_of_operations_is_drawn_one_by_one_and_by_type() -> None:
    assert isinstance(TOY.layers, Layers)
    assert titles(layers_plot(TOY.layers)) == ["toy, toy, toy: 3.000 ms, 75.0%", "b, Add, ref: 1.000 ms, 25.0%"]
    assert titles(types_plot(TOY.layers)) == ["toy: 3.000 ms, 75.0%", "Add: 1.000 ms, 25.0%"]


def test_tasks_are_drawn_in_their_lanes() -> None:
    assert isinstance(TOY.timeline, Timeline)
    svg = timeline_plot(TOY.timeline)
    assert titles(svg) == ["toy: 0.0 to 4.0 us", "toy: 4.0 to 5.0 us, 2 tasks"]
    assert svg.index(">toy<") < svg.index(">DMA 0<")
