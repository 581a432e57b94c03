"""What ships is timed as a session runs it: each variant, and a start."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from runtime.toys import along, data, program

from npuspec.bundle.program import Load, Program
from stages.conftest import Stage
from toy_specs import convolutions, write

SIZES = (16, 32)
TOY: Program = program(
    data(axes=(3, "time")), sizes=tuple({"time": size} for size in SIZES), minimum=4, outputs=(along(axis=2),)
)
ALL = ["latency-ms", "latency-p95-ms", "start-ms", "throughput"]


def timed(root: Path, metrics: list[str], *, toy: Program = TOY, blob: bool = True, **changes: Any) -> dict[str, Any]:
    """Run the stage on convolutions of each size, compiled before."""
    stage = Stage(root)
    on: dict[str, Any] = {"device": "CPU", "properties": {"PERFORMANCE_HINT": "LATENCY"}}
    shaped = [write(root / f"shape {v.name}", convolutions(v.sizes["time"], toy.batch)) for v in toy.variants]
    made = [stage("compile", ir, blob=blob, name=f"compile {ir.name}", **on) for ir in shaped]
    told = {"program": to_builtins(toy), "load": to_builtins(Load()), "cache": "blob", "metrics": metrics, **changes}
    output = stage("budget", *shaped, *made, **on, **told)
    assert [path.name for path in output.iterdir()] == ["timings.json"]
    found: dict[str, Any] = json.loads((output / "timings.json").read_bytes())
    return found


def test_every_variant_and_a_start_are_timed(tmp_path: Path) -> None:
    found = timed(tmp_path, ALL)
    assert (found["device"], found["platform"]) == ("CPU", None)
    assert [*found["variants"]] == ["time16", "time32"]
    for row in found["variants"].values():
        assert 0 < row["latency-ms"] <= row["latency-p95-ms"]
        assert row["throughput"] > 0
        assert row["inferences"] >= 21
    assert len(found["starts_ms"]) == 3
    assert min(found["starts_ms"]) <= found["start-ms"] <= max(found["starts_ms"])


@pytest.mark.parametrize(
    ("metrics", "variants", "start"),
    [(["throughput"], {"throughput"}, False), (["start-ms"], None, True)],
)
def test_nothing_is_timed_that_no_gate_holds(
    metrics: list[str], variants: set[str] | None, start: bool, tmp_path: Path
) -> None:
    found = timed(tmp_path, metrics)
    assert ("start-ms" in found) is start
    assert ("variants" in found) is (variants is not None)
    for row in found.get("variants", {}).values():
        assert {*row} == variants


def test_a_batch_is_timed_as_a_session_fills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPUSPEC_CACHE", str(tmp_path / "cache"))
    toy = program(data(axes=(3, "time")), batch=4, sizes=({"time": 32},), minimum=4, outputs=(along(axis=2),))
    found = timed(tmp_path, ["latency-ms", "throughput"], toy=toy, blob=False, cache="directory")
    (row,) = found["variants"].values()
    assert min(row["throughput"], row["latency-ms"]) > 0
    assert [*(tmp_path / "cache" / "blobs").iterdir()]  # the session keeps what an application's would


def test_what_a_session_keeps_between_starts_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPUSPEC_CACHE", str(tmp_path / "cache"))
    timed(tmp_path, ["start-ms"], blob=False, cache="directory")
    assert len([p for p in (tmp_path / "cache" / "blobs").iterdir() if p.is_file() and p.stat().st_size > 1000]) == 2
