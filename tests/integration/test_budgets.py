"""Budgets of a real model: measured on the CPU, and of what Intel's compiler makes for an NPU."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Ran, npuspec
from npuspec.bundle import open_bundle
from npuspec.plan.lock import read_lock

LIMITS = {
    "latency-ms": "max = 60000",
    "latency-p95-ms": "max = 60000",
    "throughput": "min = 0.001",
    "size-mib": "max = 1000",
    "start-ms": "max = 600000",
    "compile-s": "max = 3600",
}
FOR_NPU = 'device = "NPU"\nplatforms = ["4000"]\nfallback = ["CPU"]'
OF_PLATFORM = ("latency-ms", "throughput", "size-mib", "compile-s")


def budget(metric: str, limit: str, more: str = "") -> str:
    return f'\n[[gates]]\nmetric = "{metric}"\n{limit}\n{more}'


def gates_of(bundle: Path) -> dict[tuple[str, str | None], dict[str, Any]]:
    evidence = json.loads(open_bundle(bundle).path("evidence/evidence.json").read_bytes())
    return {(gate["metric"], gate["platform"]): gate for gate in evidence["gates"] if gate["of"] is None}


def applied(spec: Path, *arguments: str | Path) -> Ran:
    return npuspec("apply", spec, "--output", spec.parent / "bundle", *arguments)


@pytest.mark.timeout(900)
def test_all_budgets_are_held_on_the_cpu_and_for_an_npu(small_spec: Path, npu_compiler: Path) -> None:
    text = small_spec.read_text("utf-8").replace('device = "CPU"', FOR_NPU)
    assert FOR_NPU in text
    text += "".join(budget(metric, limit) for metric, limit in LIMITS.items())
    text += "".join(budget(metric, LIMITS[metric], 'platform = "4000"\n') for metric in OF_PLATFORM)
    small_spec.write_text(text, "utf-8")
    ran = applied(small_spec, "--compiler", npu_compiler)
    assert ran.code == 0, ran.err
    gates = gates_of(small_spec.parent / "bundle")
    assert gates.keys() == {(m, None) for m in LIMITS} | {(m, "4000") for m in OF_PLATFORM}
    for (metric, platform), gate in gates.items():
        assert gate["passed"]
        assert gate["value"] > 0
        is_estimated = platform is not None and metric in ("latency-ms", "throughput")
        assert gate["figure"] == ("estimated" if is_estimated else "measured")
        assert gate["device"] == (None if platform or metric == "size-mib" else "CPU")
        assert (gate["compiler"] is not None) is (platform is not None and metric != "size-mib")
    bundle = open_bundle(small_spec.parent / "bundle")
    sizes = {name: record.size for name, record in bundle.manifest.files.items()}
    shipped = sum(size for name, size in sizes.items() if name.startswith(("models/", "blobs/")))
    assert gates["size-mib", None]["value"] == pytest.approx(shipped / 2**20)
    blobs = sum(size for name, size in sizes.items() if name.startswith("blobs/4000/"))
    assert gates["size-mib", "4000"]["value"] == pytest.approx(blobs / 2**20)
    estimate = gates["latency-ms", "4000"]["value"]
    assert gates["throughput", "4000"]["value"] == pytest.approx(1000 / estimate)
    assert "latency-ms, measured on CPU in its worst variant" in ran.out
    assert "latency-ms for NPU 4000, estimated by " in ran.out
    assert "was measured on CPU, the fallback: it says nothing of the target" in ran.err
    lock = read_lock(small_spec.with_suffix(".lock")).gates
    assert lock["latency-ms"].figure is lock["compile-s for NPU 4000"].figure is None
    assert lock["latency-ms for NPU 4000"].figure == pytest.approx(estimate, rel=0.01)
    again = applied(small_spec, "--compiler", npu_compiler, "--locked", "--rebuild")
    assert again.code == 0, again.err


def test_what_is_not_met_fails_and_is_measured_again(small_spec: Path) -> None:
    small_spec.write_text(
        small_spec.read_text("utf-8")
        + budget("size-mib", "max = 0.001")
        + budget("latency-ms", "max = 0.000001")
        + budget("start-ms", LIMITS["start-ms"]),
        "utf-8",
    )
    ran = applied(small_spec)
    assert ran.code == 1
    assert ran.err.count("error[gate-failed]") == 2
    assert "error[gate-failed]: size-mib: " in ran.err
    assert "error[gate-failed]: latency-ms, measured on CPU in its worst variant" in ran.err
    assert "at most 1e-06 wanted (FAILED, margin -" in ran.err
    assert not (small_spec.parent / "bundle").exists()
    again = applied(small_spec)
    assert again.code == 1
    assert "compile[CPU, time32000]: unchanged" in again.err
    assert "budget[CPU]: unchanged" not in again.err
    assert "budget[CPU]: " in again.err
