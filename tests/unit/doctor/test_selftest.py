"""Bundles are started and compared in earnest; what is wrong with one is found."""

from pathlib import Path
from typing import Any

import openvino as ov
import pytest
from msgspec import to_builtins
from openvino import opset13 as op
from runtime.test_load import CPU, NPU, TOY, republish
from runtime.toys import CORE, bundle, doubled, parameters

from npuspec import BundleError
from npuspec.bundle import open_bundle
from npuspec.doctor import try_bundle


def record_of(path: Path, device: str | None = "CPU") -> dict[str, Any]:
    return try_bundle(path, device, lambda _done, _total: None)


def with_blobs_of(folder: Path, build: Any) -> Path:
    """Make a bundle whose blobs were compiled from another model than its IR."""
    bundle(folder / "made", TOY, doubled, blob=True)
    manifest = open_bundle(folder / "made").manifest
    variants = {variant.name: variant for variant in TOY.variants}
    exported = {
        blob.path: CORE.compile_model(build(TOY, variants[name]), "CPU").export_model().read()
        for name, blob in manifest.blobs.items()
    }
    republish(folder / "made", folder / "changed", exported)
    return folder / "changed"


def test_a_bundle_that_is_right_has_figures_and_no_findings(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, blob=True)
    record = record_of(tmp_path / "toy")
    assert record["findings"] == []
    assert (record["bundle"], record["start"]["device"]) == ("toy", "CPU")
    assert record["start"]["executed"] == {"time4": ["CPU"], "time8": ["CPU"]}
    assert record["again"]["from"] == {"time4": "blob", "time8": "blob"}
    assert [row["variant"] for row in record["start"]["latency"]] == ["time4", "time4", "time8", "time8"]
    for row in record["start"]["latency"]:
        assert 0 < row["median_ms"] <= row["p95_ms"]
    assert record["parity"] == [
        {"output": "y", "same_shape": True, "finite": True, "max_abs_difference": 0.0, "cosine": pytest.approx(1)}
    ]


def test_openvinos_cache_is_hit_by_the_second_start(tmp_path: Path, own_cache: Path) -> None:
    bundle(tmp_path / "toy", TOY, cache="directory")
    record = record_of(tmp_path / "toy")
    assert {*record["start"]["from"].values()} == {"compiled"}
    assert {*record["again"]["from"].values()} == {"cache"}
    assert record["findings"] == []
    assert own_cache.exists()


def test_what_is_to_be_compiled_each_time_is_no_fault(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY)
    record = record_of(tmp_path / "toy")
    assert {*record["again"]["from"].values()} == {"compiled"}
    assert record["findings"] == []


def test_what_neither_the_bundle_nor_the_cache_has_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(tmp_path / "made", TOY, blob=True)
    blobs = {name: to_builtins(blob) for name, blob in open_bundle(tmp_path / "made").manifest.blobs.items()}
    blobs["time8"]["identity"] = "another CPU"
    bundle(tmp_path / "toy", TOY, blob=True, blobs=blobs)
    record = record_of(tmp_path / "toy")
    assert record["again"]["from"] == {"time4": "blob", "time8": "cache"}
    assert [finding["status"] for finding in record["findings"]] == ["note"]
    (tmp_path / "file").touch()
    monkeypatch.setenv("NPUSPEC_CACHE", str(tmp_path / "file"))
    record = record_of(tmp_path / "toy")
    assert record["again"]["from"] == {"time4": "blob", "time8": "compiled"}
    assert "the second start compiled time8 again" in record["findings"][-1]["message"]


def test_a_device_that_answers_something_else_is_warned_of(tmp_path: Path) -> None:
    def negated(toy: Any, variant: Any) -> ov.Model:
        given = parameters(toy, variant)
        node = op.negative(given["x"])
        node.output(0).set_names({"y"})
        return ov.Model([op.result(node)], list(given.values()), "negated")

    record = record_of(with_blobs_of(tmp_path, negated))
    [finding] = record["findings"]
    assert (finding["status"], finding["code"]) == ("warning", "device-precision")
    assert "cosine -1.0000" in finding["message"]


def test_a_device_that_answers_with_nan_is_a_problem(tmp_path: Path) -> None:
    def rooted(toy: Any, variant: Any) -> ov.Model:
        given = parameters(toy, variant)
        node = op.sqrt(given["x"])
        node.output(0).set_names({"y"})
        return ov.Model([op.result(node)], list(given.values()), "rooted")

    [finding] = record_of(with_blobs_of(tmp_path, rooted))["findings"]
    assert (finding["status"], finding["code"]) == ("problem", "device-precision")
    assert "output `y` is NaN or infinite where the CPU's isn't" in finding["message"]


def test_a_device_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, deployments=[NPU, CPU])
    record = record_of(tmp_path / "toy", "NPU")
    [finding] = record["findings"]
    assert (finding["status"], finding["code"]) == ("problem", "no-device")
    assert "parity" not in record


def test_without_a_device_the_declared_fallback_is_tested_and_noted(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, deployments=[NPU, CPU])
    record = record_of(tmp_path / "toy", None)
    assert record["start"]["device"] == "CPU"
    [finding] = record["findings"]
    assert (finding["status"], finding["message"]) == (
        "note",
        "there is no NPU on this machine: running on CPU, the fallback that the spec declares",
    )


def test_a_bundle_for_the_npu_alone_has_its_reference_on_the_cpu_all_the_same(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, deployments=[NPU])
    [finding] = record_of(tmp_path / "toy", None)["findings"]
    assert finding["code"] == "no-device"


def test_a_bundle_is_called_by_its_folder_alone(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY)
    model = next(iter((tmp_path / "toy" / "versions").glob("*/models/time8.xml")))
    model.write_text("changed")
    with pytest.raises(BundleError):
        record_of(tmp_path / "toy")
    bundle(tmp_path / "other", TOY, core={"ENABLE_MMAP": "perhaps"})
    [finding] = record_of(tmp_path / "other")["findings"]
    assert finding["code"] == "broken-bundle"
    assert str(tmp_path) not in finding["message"] + finding["help"]


def test_no_bundle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle"):
        record_of(tmp_path / "none")
