"""`npuspec bench`."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import npuspec

QUICK = ("--device", "CPU", "--seconds", "0.01", "--starts", "0")


def test_all_figures_are_shown(asr_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "lengths.txt").write_text("16000\n60000\n")
    ran = npuspec("bench", asr_bundle, "--seconds", "0.01", "--starts", "1", "--lengths", tmp_path / "lengths.txt")
    assert ran.code == 0, ran.err
    assert "note: there is no NPU on this machine: running on CPU" in ran.err
    assert "measuring the compiled models ..." in ran.err
    lines = ran.out.splitlines()
    assert lines[0].startswith("asr ")
    assert lines[1].split() == ["latency", "in", "ms", "median", "p90", "p95", "p99", "min", "max", "runs"]
    for begin in ("time32000", "session, lengths", "given lengths", "cold ", "warm "):
        assert any(line.startswith(begin) for line in lines), begin
    assert [line.split()[-1] for line in lines if line.startswith(("cold ", "warm "))] == ["miss", "blob"]


def test_json_is_all_that_is_printed(asr_bundle: Path) -> None:
    found = json.loads(npuspec("bench", asr_bundle, *QUICK, "--variant", "time32000", "--json").out)
    assert found.keys() == {"place", "bare", "served", "starts"}
    [row] = found["bare"]
    assert (row["variant"], row["sizes"], row["batch"]) == ("time32000", {"time": 32000}, 1)
    assert row["single"]["latency"].keys() == {"count", "mean", "minimum", "median", "p90", "p95", "p99", "maximum"}
    assert found["starts"] is None


@pytest.mark.parametrize("verb", ["bench", "fusion"])
def test_variants_are_completed(asr_bundle: Path, tmp_path: Path, verb: str) -> None:
    def offered(place: Path, start: str) -> list[str]:
        words = f"npuspec {verb} {place} --variant {start}"
        ran = npuspec(_NPUSPEC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="4")
        return [line.partition(",")[2] for line in ran.out.split()]

    assert offered(asr_bundle, "time3") == ["time32000"]
    assert offered(tmp_path, "time3") == []


def test_benchmark_apps_json_is_of_one_variant(asr_bundle: Path) -> None:
    ran = npuspec("bench", asr_bundle, *QUICK, "--variant", "time32000", "--benchmark-app", "sync")
    found = json.loads(ran.out)
    assert found.keys() == {"cmd_options", "configuration_setup", "execution_results"}
    assert found["cmd_options"]["-api"] == "sync"
    assert float(found["execution_results"]["latency (ms)"]) > 0
    ran = npuspec("bench", asr_bundle, *QUICK, "--benchmark-app", "sync")
    assert (ran.code, ran.out) == (2, "")
    assert "--variant names one of time32000, time64000, time128000" in ran.err


@pytest.fixture
def toy_bundle(toy_spec: Path) -> Path:
    ran = npuspec("apply", toy_spec, "--output", toy_spec.parent / "made")
    assert ran.code == 0, ran.err
    return toy_spec.parent / "made"


def test_a_bundle_is_held_against_another(toy_bundle: Path) -> None:
    call = ("bench", toy_bundle, *QUICK, "--against", toy_bundle)
    ran = npuspec(*call)
    assert ran.code == 0, ran.err
    found = json.loads(npuspec(*call, "--json").out)
    assert found.keys() == {"first", "second", "compared", "left_out", "notes"}
    assert found["left_out"] == []
    for row in found["compared"]:
        [line] = [line for line in ran.out.splitlines() if line.startswith(f"{row['variant']} ")]
        assert line.endswith(("faster", "slower", "no difference"))


def test_bundles_that_have_nothing_in_common_are_refused(asr_bundle: Path, toy_bundle: Path) -> None:
    ran = npuspec("bench", asr_bundle, "--against", toy_bundle)
    assert ran.code == 2
    assert "error[nothing-to-compare]" in ran.err
    assert f"only `{asr_bundle}` has input `" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seconds", "0"], "error[wrong-argument]: 0 seconds are no time"),
        (["--seconds", "nan"], "error[wrong-argument]: nan seconds are no time"),
        (["--variant", "time3200"], "did you mean `time32000`?"),
        (["--lengths", "{lengths}", "--dim", "tiem"], "error[wrong-argument]: there is no `tiem`"),
        (["--lengths", "{lengths}"], "error[sample-too-long]"),
        (["--lengths", "missing.txt"], "error[unreadable-file]"),
        (["--dim", "time"], "--dim is the dimension that --lengths are of"),
        (["--against", "other", "--benchmark-app", "sync"], "--against compares compiled models"),
        (["--json", "--benchmark-app", "sync"], "leave --lengths and --json out"),
        (["--starts", "-1"], "-1 is not in the range"),
    ],
)
def test_a_wrong_call_is_exit_2(asr_bundle: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "lengths.txt").write_text("128001\n")
    ran = npuspec("bench", asr_bundle, *(each.format(lengths=tmp_path / "lengths.txt") for each in arguments))
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_no_bundle_is_exit_3_and_no_device_exit_4(asr_bundle: Path, tmp_path: Path) -> None:
    for arguments in ([tmp_path / "none"], [asr_bundle, "--against", tmp_path / "none"]):
        ran = npuspec("bench", *arguments)
        assert ran.code == 3
        assert "error[no-bundle]" in ran.err
    ran = npuspec("bench", asr_bundle, "--device", "NPU")
    assert ran.code == 4
    assert "error[no-device]" in ran.err


def test_ctrl_c_ends_it_with_a_sentence(asr_bundle: Path) -> None:
    command = [sys.executable, "-m", "npuspec", "bench", str(asr_bundle), "--seconds", "3600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "measuring the compiled models" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.strip().startswith("interrupted: ")
    assert "Traceback" not in err
