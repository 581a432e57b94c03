"""The JSON has the keys of benchmark_app's own, which runs on the same IR, as it is told to by the options in it."""

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


def run_app(*arguments: str) -> None:
    code = "from openvino.tools.benchmark.main import main; main()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize("api", ["sync", "async"])
def test_keys_and_kinds_are_benchmark_apps(tmp_path: Path, api: Api) -> None:
    deployed = {"device": "CPU", "properties": {"PERFORMANCE_HINT": "LATENCY"}}
    bundle(tmp_path / "toy", TOY, deployments=[deployed])
    report = measure(tmp_path / "toy", seconds=0.01, served=False, starts=0)
    ours, notes = app_form(tmp_path / "toy", report.place, report.bare[0], api, 1)
    assert notes == ()
    assert json.loads(json.dumps(ours)) == ours
    given = [part for option in ours["cmd_options"].items() for part in option]
    run_app(*given, "-json_stats", "-report_type", "no_counters", "-report_folder", str(tmp_path))
    theirs = json.loads((tmp_path / "benchmark_report.json").read_text())
    others = {"-json_stats", "-report_type", "-report_folder"}
    assert ours["cmd_options"] == {key: value for key, value in theirs["cmd_options"].items() if key not in others}
    assert ours["configuration_setup"].keys() == theirs["configuration_setup"].keys()
    for key in ours["configuration_setup"].keys() - {"topology"}:
        assert ours["configuration_setup"][key] == theirs["configuration_setup"][key], key
    # What is read and what is compiled isn't told apart here: all of it is compiling.
    assert ours["execution_results"].keys() == theirs["execution_results"].keys() - {"read model time (ms)"}
    for value in ours["execution_results"].values():
        float(value)


FINE = {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}


@pytest.mark.parametrize(
    ("properties", "unsaid"),
    [
        ({}, {}),
        ({"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}, {}),
        (FINE, {}),
        ({"PERFORMANCE_HINT": "LATENCY", **FINE}, FINE),
        ({"PERFORMANCE_HINT_NUM_REQUESTS": 2, "ENABLE_HYPER_THREADING": True}, None),
    ],
)
def test_benchmark_app_sets_what_the_bundle_does(
    tmp_path: Path, properties: dict[str, Any], unsaid: dict[str, Any] | None
) -> None:
    """What it has no option for it takes from the file that the note tells of."""
    unsaid = properties if unsaid is None else unsaid
    bundle(tmp_path / "toy", TOY, deployments=[{"device": "CPU", "properties": properties}])
    report = measure(tmp_path / "toy", seconds=0.01, served=False, starts=0)
    ours, notes = app_form(tmp_path / "toy", report.place, report.bare[0], "sync", 0.5)
    options = dict(ours["cmd_options"])
    assert bool(notes) == bool(unsaid)
    if notes:
        names, _, config = notes[0].partition("-load_config: ")
        assert all(f"`{name}`" in names for name in unsaid)
        (tmp_path / "config.json").write_text(config)
        options["-load_config"] = str(tmp_path / "config.json")
    given = [part for option in options.items() for part in option]
    run_app(*given, "-niter", "0", "-dump_config", str(tmp_path / "dumped.json"))
    found = json.loads((tmp_path / "dumped.json").read_text())["CPU"]
    assert found.pop("PERF_COUNT") == "NO"  # which is what it is without
    words = {"YES": "True", "NO": "False"}
    assert {name: words.get(value, value) for name, value in found.items()} == {
        name: str(value) for name, value in properties.items()
    }


def test_core_properties_are_told_of(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, core={"ENABLE_MMAP": False})
    report = measure(tmp_path / "toy", seconds=0.01, served=False, starts=0)
    _, notes = app_form(tmp_path / "toy", report.place, report.bare[0], "sync", 1)
    assert notes == ("benchmark_app can't set `ENABLE_MMAP`, which is OpenVINO's own and no device's",)


def test_which_figures_they_are(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, blob=True)
    report = measure(tmp_path / "toy", seconds=0.01, served=False, starts=0)
    [row] = report.bare
    rates: dict[Api, Any] = {"sync": row.single, "async": row.many}
    for api, rate in rates.items():
        found, _ = app_form(tmp_path / "toy", report.place, row, api, 0.01)
        results = found["execution_results"]
        assert results["latency (ms)"] == f"{rate.latency.median:.2f}"
        assert results["throughput"] == f"{rate.samples_per_second:.2f}"
        assert results["total number of iterations"] == str(rate.batches)
        assert "import model time (ms)" in results
        assert found["cmd_options"]["-m"].endswith("/models/time8.xml")
