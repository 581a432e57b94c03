"""How many samples one inference takes, and how that suits the target."""

import pytest

from builders import SMALL, faults_of, places, spec_of
from npuspec.diagnostics import Path, Severity
from npuspec.spec.rules.batching import open_choices

CPU = SMALL.replace('"NPU"\nfallback = ["CPU"]', '"CPU"')
CPU = CPU.replace(CPU[CPU.index("[[allow]]") : CPU.index("[dims")], "")
LATENCY = '[properties]\nperformance-hint = "LATENCY"\n'
COMPILED = '[properties.unchecked]\nNPU_BATCH_MODE = "COMPILER"\n'
BATCH = "[batching]\nsize = 4\n"


@pytest.mark.parametrize(
    "text",
    [
        SMALL + "[batching]\nsize = 1\n",
        SMALL + LATENCY,
        SMALL + "[batching]\nsize = 1\ncandidates = [1, 4]\n",
        SMALL + "[batching]\ncandidates = []\n",
        SMALL + "[batching]\ncandidates = [1, 4]\n",  # to be chosen before it is planned
    ],
)
def test_a_batch_that_keeps_every_rule_has_no_faults(text: str) -> None:
    assert faults_of(text) == []


def test_a_size_that_is_no_candidate_is_an_error() -> None:
    [fault] = faults_of(SMALL + "[batching]\nsize = 1\ncandidates = [2, 4]\n")
    assert (fault.code, fault.severity) == ("wrong-value", Severity.ERROR)
    assert fault.labels[0].path == ("batching", "size")
    assert fault.help == "take one of 2, 4, or add it to them"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SMALL + BATCH, [("split-batch", ("batching", "size"))]),
        (
            CPU + BATCH + LATENCY,
            [("latency-batch", ("properties", "performance-hint"))],
        ),
    ],
)
def test_a_batch_that_does_not_suit_is_warned_of(text: str, found: list[tuple[str, Path]]) -> None:
    assert places(text) == found
    assert {fault.severity for fault in faults_of(text)} == {Severity.WARNING}


def test_a_batch_against_the_hint_points_to_both() -> None:
    fault = faults_of(CPU + BATCH + LATENCY)[-1]
    assert [label.path for label in fault.labels] == [("properties", "performance-hint"), ("batching", "size")]


def test_a_choice_that_is_open_is_no_plan() -> None:
    [fault] = open_choices(spec_of(SMALL + "[batching]\ncandidates = [1, 4]\n"))
    assert (fault.code, fault.labels[0].path) == ("open-choice", ("batching", "candidates"))
    assert "size = 1" in fault.help
    assert [*open_choices(spec_of(SMALL + "[batching]\ncandidates = [1, 4]\nsize = 1\n"))] == []
    assert [*open_choices(spec_of(SMALL))] == []


@pytest.mark.parametrize(("mode", "codes"), [("COMPILER", []), ("PLUGIN", ["split-batch"]), ("AUTO", ["split-batch"])])
def test_only_a_batch_that_the_compiler_keeps_whole_is_not_split(mode: str, codes: list[str]) -> None:
    text = SMALL + f'[batching]\nsize = 4\n[properties.unchecked]\nNPU_BATCH_MODE = "{mode}"\n'
    assert [code for code, _ in places(text) if code == "split-batch"] == codes


def test_a_batch_is_split_on_an_npu_that_is_a_fallback_too() -> None:
    text = SMALL.replace('"NPU"', '"CPU"').replace('["CPU"]', '["NPU"]') + BATCH
    assert "split-batch" in [code for code, _ in places(text)]
