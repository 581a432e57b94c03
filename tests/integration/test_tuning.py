"""A real model tuned with Intel's own compiler: nothing is made twice, and never worse than the plain candidate."""

from pathlib import Path
from typing import Any

from npuspec.tune.tuner import tune
from real_specs import beside


def test_types_of_files_are_told_apart_sooner_in_batches(npu_compiler: Path, tmp_path: Path) -> None:
    spec = beside(tmp_path, "files", "", without="$^")
    spec.write_text(spec.read_text("utf-8").replace("size = 8\n", "size = 8\ncandidates = [1, 8]\n"), "utf-8")
    told: dict[str, Any] = {"platform": "4000", "compiler": str(npu_compiler), "objective": "throughput"}
    report = tune(spec, only=("batch",), **told).report
    plain, best = report.rows[0], report.rows[report.chosen]
    assert plain.sample_us is not None
    assert best.sample_us is not None
    assert best.sample_us < 0.7 * plain.sample_us
    assert all(gate.count("passed") for gate in best.gates)
    judged = [verdict.verdict for verdict in report.advice if verdict.advice == "batch"]
    assert judged == ["helps"] * 3
    again = tune(spec, only=("batch",), **told).report
    assert (again.made, again.rows) == (0, report.rows)
