"""Evidence says what it leaves open, and comes back equal."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import BUCKETS, DATA, plan_of
from npuspec.execute.evidence import Evidence, gather_evidence
from npuspec.store import canonical_json

PLAN = plan_of(BUCKETS + DATA, files=("a.npy", "b.npy"))
SHORT, LONG = (variant.name for variant in PLAN.program.variants)


def results(tmp_path: Path, stages: dict[str, dict[str, Any]]) -> dict[str, Path]:
    """Folders as stages leave them."""
    folders = {}
    for number, (stage, report) in enumerate(stages.items()):
        folders[stage] = tmp_path / str(number)
        folders[stage].mkdir()
        name = "agreement.json" if stage.startswith("verify") else "quantization.json"
        (folders[stage] / name).write_bytes(canonical_json(report))
    return folders


def test_a_variant_that_was_calibrated_on_too_little_is_a_doubt(tmp_path: Path) -> None:
    few = {f"quantize[{SHORT}]": {"samples": 1, "samples_wanted": 6}}
    enough = {f"quantize[{LONG}]": {"samples": 6, "samples_wanted": 6}}
    verified = {"verify[CPU]": {"pairs": [], "samples_of_variant": {SHORT: 1, LONG: 2}}}
    evidence = gather_evidence(PLAN, results(tmp_path, few | enough | verified), "CPU")
    assert [SHORT in doubt and "1 of the 6" in doubt for doubt in evidence.doubts] == [True]


def test_a_variant_that_no_sample_reached_is_a_doubt(tmp_path: Path) -> None:
    verified = {"verify[CPU]": {"pairs": [], "samples_of_variant": {LONG: 2}}}
    evidence = gather_evidence(PLAN, results(tmp_path, verified), "CPU")
    assert evidence.doubts == (f"variant {SHORT} was measured on no sample: none has its length",)


@pytest.mark.parametrize("device", ["NPU", "CPU"])
def test_a_bundle_that_nothing_was_measured_of_is_a_doubt(device: str) -> None:
    evidence = gather_evidence(PLAN, {}, device)
    assert evidence.agreement is None
    assert [doubt.startswith("nothing was measured") for doubt in evidence.doubts] == [True]


def test_evidence_comes_back_equal_from_its_json(tmp_path: Path) -> None:
    verified: dict[str, Any] = {"verify[CPU]": {"pairs": [], "samples_of_variant": {}}}
    evidence = gather_evidence(PLAN, results(tmp_path, verified), "CPU")
    assert Evidence.of_json(json.loads(canonical_json(evidence.as_json()))) == evidence
