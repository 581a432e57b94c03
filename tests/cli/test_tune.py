"""`npuspec tune`."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import npuspec
from npuspec.cli import tune
from npuspec.tune.space import KNOBS, OBJECTIVES
from toy_specs import INT8, write_spec


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec that is quantized, whose gates what is quantized doesn't hold."""
    gate = '\n[[gates]]\nmetric = "sqnr"\noutput = "y"\nof = "quantized"\nagainst = "static"\nmin = 1000\n'
    allowed = '\n[[allow]]\ncode = "small-calibration"\nreason = "a test"\n'
    return write_spec(tmp_path, more=INT8 + gate + allowed)


def test_all_is_shown_and_written(spec: Path) -> None:
    ran = npuspec("tune", spec, "--only", "precision", "--write")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "latency, measured on CPU: 3 of 3 candidates"
    (best,) = [line for line in lines if line.startswith(">")]
    assert best.split()[1] == "FP16"
    assert "measured on CPU, its only size" in best
    (refused,) = [line for line in lines if line.startswith("   INT8 ")]
    assert "gate not met: sqnr of quantized" in refused
    assert any(line.split()[:2] == ["int8", "harms"] for line in lines)
    assert '-mode = "int8"\n' in ran.out
    assert "\nFP16\n  frame-agreement of static against original, y: " in ran.out
    assert ran.err.endswith(f"{spec}: written\n{spec.with_suffix('.lock')}: written; commit it with the spec\n")
    assert "[quantization]" not in spec.read_text()
    assert npuspec("apply", spec, "--locked", "--output", spec.parent / "made").code == 0


def test_json_is_all_that_is_printed(spec: Path) -> None:
    ran = npuspec("tune", spec, "--only", "layout", "--json")
    assert ran.code == 1, ran.err
    found = json.loads(ran.out)
    assert (found["objective"], found["device"], found["platform"], found["points"]) == ("latency", "CPU", None, 1)
    assert [row["name"] for row in found["rows"]] == ["as written"]
    assert found["rows"][0]["lost"].startswith("gate not met: sqnr of quantized against static, y: ")
    assert [verdict["advice"] for verdict in found["advice"]] == ["nhwc"]


def test_where_no_candidate_holds_the_gates_that_is_exit_code_1(spec: Path) -> None:
    spec.write_text(spec.read_text().replace("min = 0.5", "min = 0.999"))
    ran = npuspec("tune", spec, "--only", "layout")
    assert ran.code == 1
    assert ran.out.endswith("no candidate that was tried can be made and holds the gates\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--platform", "4000", "--device", "CPU"), "leave one out"),
        (("--only", "colour"), "'colour' is not one of"),
        (("--objective", "joy"), "'joy' is not one of"),
    ],
)
def test_a_wrong_call_is_exit_code_2(spec: Path, arguments: tuple[str, ...], says: str) -> None:
    ran = npuspec("tune", spec, *arguments)
    assert ran.code == 2
    assert says in ran.err


def test_a_fault_of_the_spec_is_shown_in_its_place(spec: Path) -> None:
    spec.write_text(spec.read_text().replace("size = 32", 'size = "32"'))
    ran = npuspec("tune", spec)
    assert ran.code == 2
    assert "wrong-type" in ran.err
    assert 'size = "32"' in ran.err


def test_a_device_that_is_not_here_is_exit_code_4(spec: Path) -> None:
    assert npuspec("tune", spec, "--device", "NPU").code == 4


def test_the_call_knows_all_knobs_and_objectives() -> None:
    assert (tune._KNOBS, tune._OBJECTIVES) == (KNOBS, OBJECTIVES)


def test_a_stop_says_that_the_next_run_goes_on(spec: Path) -> None:
    command = [sys.executable, "-m", "npuspec", "tune", str(spec)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("candidate 1"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1].endswith("the next `npuspec tune` goes on from there")


def test_advice_is_explained_with_the_way_to_try_it() -> None:
    ran = npuspec("explain", "int8")
    assert ran.out.startswith("advice: INT8 is three to four times faster than FP16.\n")
    assert "npuspec tune SPEC" in ran.out
    ran = npuspec("explain", "turbo")
    assert ran.out.startswith("turbo\n")
    assert "\nadvice: Turbo mode makes an NPU faster.\n" in ran.out
