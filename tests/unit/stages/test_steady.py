"""What ships is measured in a steady state: one inference at a time, and as many as are asked for."""

import json
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from npuspec.bundle.program import Load
from stages.conftest import Stage
from stages.test_budget import TOY
from toy_specs import convolutions, write


def measured(root: Path, starts: int = 0, requests: int | None = None) -> dict[str, Any]:
    """Run the stage on convolutions of each size, compiled before."""
    stage = Stage(root)
    on: dict[str, Any] = {"device": "CPU", "properties": {"PERFORMANCE_HINT": "LATENCY"}}
    shaped = [write(root / f"shape {v.name}", convolutions(v.sizes["time"], TOY.batch)) for v in TOY.variants]
    made = [stage("compile", ir, blob=True, name=f"compile {ir.name}", **on) for ir in shaped]
    load = to_builtins(Load(requests=requests))
    told = {"program": to_builtins(TOY), "load": load, "cache": "blob", "starts": starts}
    output = stage("steady", *shaped, *made, **on, **told)
    found: dict[str, Any] = json.loads((output / "timings.json").read_bytes())
    return found


def test_every_variant_has_its_rates(tmp_path: Path) -> None:
    found = measured(tmp_path, requests=3)
    assert (found["device"], found["starts"]) == ("CPU", None)
    assert [*found["variants"]] == ["time16", "time32"]
    for row in found["variants"].values():
        assert isinstance(row["stable"], bool)
        assert (row["single"]["requests"], row["many"]["requests"]) == (1, 3)
        assert 0 < row["single"]["latency"]["median"] <= row["single"]["latency"]["p95"]
        assert row["many"]["samples_per_second"] > 0


def test_starts_are_measured_where_they_are_asked_for(tmp_path: Path) -> None:
    starts = measured(tmp_path, starts=1)["starts"]
    assert starts["cold"]["count"] == starts["warm"]["count"] == 1
    assert starts["warm"]["load"] > 0
