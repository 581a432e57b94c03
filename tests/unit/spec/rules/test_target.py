"""Which devices the model may run on, and how it will be used there."""

import pytest

from builders import SMALL, faults_of, places
from npuspec.diagnostics import Path, Severity
from npuspec.diagnostics.model import Edit

ALONE = SMALL.replace('fallback = ["CPU"]\n', "").replace(SMALL[SMALL.index("[[allow]]") : SMALL.index("[dims")], "")
"""No fallback, and nothing that is allowed."""
CPU = ALONE.replace('"NPU"', '"CPU"')
PLATFORMS = 'platforms = ["3720"]\n'


def target(text: str, lines: str) -> str:
    return text.replace("[target]\n", f"[target]\n{lines}")


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        ALONE,
        CPU,
        target(ALONE, PLATFORMS),
        target(CPU, 'fallback = ["NPU"]\n' + PLATFORMS),
        CPU + '[cache]\nkind = "none"\n',
        ALONE + '[cache]\nkind = "directory"\n',
        ALONE + '[properties]\nturbo = true\n[load]\nkind = "occasional"\n',
        ALONE + '[properties]\nturbo = false\n[load]\nkind = "sustained"\n',
        ALONE + '[load]\nkind = "sustained"\n',
    ],
)
def test_a_target_that_keeps_every_rule_has_no_faults(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "code", "severity", "path"),
    [
        (SMALL.replace('["CPU"]', '["NPU"]'), "useless-fallback", "error", ("target", "fallback", 0)),
        (SMALL.replace('["CPU"]', '["CPU", "CPU"]'), "useless-fallback", "error", ("target", "fallback", 1)),
        (SMALL.replace('["CPU"]', '["CPU", "NPU"]'), "useless-fallback", "error", ("target", "fallback", 1)),
        (target(ALONE, 'fallback = ["CPU"]\n'), "hidden-fallback", "warning", ("target", "fallback")),
        (target(CPU, PLATFORMS), "useless-platforms", "error", ("target", "platforms")),
        (ALONE + '[cache]\nkind = "none"\n', "no-cache", "warning", ("cache", "kind")),
        (
            ALONE + '[properties]\nturbo = true\n[load]\nkind = "sustained"\n',
            "turbo-sustained",
            "warning",
            ("properties", "turbo"),
        ),
    ],
)
def test_what_breaks_one_rule_is_one_fault_at_its_place(text: str, code: str, severity: str, path: Path) -> None:
    [fault] = faults_of(text)
    assert (fault.code, fault.severity, fault.labels[0].path) == (code, Severity(severity), path)
    assert fault.help


def test_a_useless_fallback_is_mended_by_taking_it_out() -> None:
    [fault] = faults_of(SMALL.replace('["CPU"]', '["CPU", "CPU"]'))
    assert fault.edits == (Edit(("target", "fallback", 1), "entry"),)


def test_every_useless_fallback_is_a_fault() -> None:
    assert places(SMALL.replace('["CPU"]', '["NPU", "CPU", "NPU"]')) == [
        ("useless-fallback", ("target", "fallback", 0)),
        ("useless-fallback", ("target", "fallback", 2)),
    ]


def test_turbo_points_to_the_load_too() -> None:
    [fault] = faults_of(ALONE + '[properties]\nturbo = true\n[load]\nkind = "sustained"\n')
    assert [label.path for label in fault.labels] == [("properties", "turbo"), ("load", "kind")]


def test_nothing_cached_is_told_of_an_npu_that_is_a_fallback_too() -> None:
    text = SMALL.replace('"NPU"', '"CPU"').replace('["CPU"]', '["NPU"]') + '[cache]\nkind = "none"\n'
    assert "no-cache" in [code for code, _ in places(text)]
