"""`npuspec doctor`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import npuspec


@pytest.fixture
def toy_bundle(toy_spec: Path) -> Path:
    ran = npuspec("apply", toy_spec, "--output", toy_spec.parent / "made")
    assert ran.code == 0, ran.err
    return toy_spec.parent / "made"


def test_nothing_hinders_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPUSPEC_NPU_COMPILER", raising=False)
    ran = npuspec("doctor")
    assert ran.code == 0, ran.out
    assert ran.err == "looking at the machine ...\n"
    assert ran.out.splitlines()[0].split()[:2] == ["ok", "system"]
    assert ran.out.endswith("\nnothing hinders the devices of this machine\n")


def test_nothing_is_cut_where_the_terminal_is_narrow() -> None:
    ran = npuspec("doctor", COLUMNS="40", NPUSPEC_NPU_COMPILER="/none/npu-compiler")
    assert "…" not in ran.out
    assert "not here" in ran.out


def test_json_is_all_that_is_printed() -> None:
    found = json.loads(npuspec("doctor", "--json").out)
    assert found.keys() == {"npuspec", "format", "ok", "checks", "bundles"}
    assert found["checks"][0].keys() == {"name", "status", "found", "means", "do"}
    assert found["bundles"] == []


def test_a_problem_is_exit_1_with_what_to_do() -> None:
    ran = npuspec("doctor", NPUSPEC_NPU_COMPILER="/none/npu-compiler")
    assert ran.code == 1
    assert "problem: compiler-command\n" in ran.out
    assert "do: mend the command, or unset NPUSPEC_NPU_COMPILER" in ran.out
    assert ran.out.endswith("\nproblems: compiler-command\n")


def test_a_plugin_that_dies_leaves_a_report_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino/__init__.py").write_text("import os\nos.abort()\n")
    ran = npuspec("doctor", PYTHONPATH=os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    assert ran.code == 1
    assert "problems: devices" in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_a_bundle_is_tested_and_the_record_is_markdown(toy_bundle: Path) -> None:
    ran = npuspec("doctor", "--device", "CPU", toy_bundle)
    assert ran.code == 0, ran.out
    assert ran.out.startswith("## npuspec doctor ")
    assert "\n### made\n" in ran.out
    assert "\ndevice CPU, executed on CPU: " in ran.out
    assert str(toy_bundle.parent) not in ran.out


def test_a_missing_device_is_exit_4_and_the_record_says_so(toy_bundle: Path) -> None:
    ran = npuspec("doctor", "--device", "NPU", toy_bundle)
    assert ran.code == 4
    assert "- problem [no-device]: this bundle is made for CPU, not for NPU" in ran.out
    found = json.loads(npuspec("doctor", "--json", "--device", "NPU", toy_bundle).out)
    assert not found["ok"]
    assert [finding["code"] for record in found["bundles"] for finding in record["findings"]] == ["no-device"]


def test_no_bundle_is_exit_3_before_anything_is_looked_at(tmp_path: Path) -> None:
    ran = npuspec("doctor", tmp_path / "nothing")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error[no-bundle]")


def test_a_device_without_a_bundle_is_a_wrong_call() -> None:
    ran = npuspec("doctor", "--device", "NPU")
    assert (ran.code, ran.out) == (2, "")
    assert "npuspec doctor --device NPU build/asr" in ran.err


def test_an_interruption_ends_it_without_a_traceback() -> None:
    command = [sys.executable, "-m", "npuspec", "doctor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "looking at the machine ...\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
