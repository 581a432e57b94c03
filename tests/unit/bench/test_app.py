"""The JSON has the keys of benchmark_app's own, which runs on the same IR."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from runtime.toys import along, bundle, data, program

from npuspec.bench.app import Api, app_form
from npuspec.bench.measure import measure

TOY = program(data(), outputs=(along(),))


@pytest.mark.parametrize("api", ["sync", "async"])
def test_keys_and_kinds_are_benchmark_apps(tmp_path: Path, api: Api) -> None:
    deployed = {"device": "CPU", "properties": {"PERFORMANCE_HINT": "LATENCY"}}
    bundle(tmp_path / "toy", TOY, deployments=[deployed])
    report = measure(tmp_path / "toy", seconds=0.01, served=False, starts=0)
    ours = app_form(tmp_path / "toy", report.place, report.bare[0], api, 1)
    assert json.loads(json.dumps(ours)) == ours
    given = [part for option in ours["cmd_options"].items() for part in option]
    command = [*given, "-json_stats", "-report_type", "no_counters", "-report_folder", str(tmp_path)]
    code = "from openvino.tools.benchmark.main import main; main()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *command], check=True, capture_output=True)
    theirs = json.loads((tmp_path / "benchmark_report.json").read_text())
    assert ours["cmd_options"].items() <= theirs["cmd_options"].items()
    assert ours["configuration_setup"].keys() == theirs["configuration_setup"].keys()
    for key in ours["configuration_setup"].keys() - {"topology"}:
        assert ours["configuration_setup"][key] == theirs["configuration_setup"][key], key
    # What is read and what is compiled isn't told apart here: all of it is compiling.
    assert ours["execution_results"].keys() == theirs["execution_results"].keys() - {"read model time (ms)"}
    for value in ours["execution_results"].values():
        float(value)


def test_which_figures_they_are(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, blob=True)
    report = measure(tmp_path / "toy", seconds=0.01, served=False, starts=0)
    [row] = report.bare
    rates: dict[Api, Any] = {"sync": row.single, "async": row.many}
    for api, rate in rates.items():
        found = app_form(tmp_path / "toy", report.place, row, api, 0.01)
        results = found["execution_results"]
        assert results["latency (ms)"] == f"{rate.latency.median:.2f}"
        assert results["throughput"] == f"{rate.samples_per_second:.2f}"
        assert results["total number of iterations"] == str(rate.batches)
        assert "import model time (ms)" in results
        assert found["cmd_options"]["-m"].endswith("/models/time8.xml")
