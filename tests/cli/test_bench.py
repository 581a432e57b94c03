"""`npuspec bench`."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import npuspec
from npuspec.bench.figures import Bare, Compared, Comparison, Latency, Place, Rate, Report, Served, Start, Starts
from npuspec.cli.bench_show import show, show_comparison

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


NAME = "height32-width1024-channels3"
LATENCY = Latency(
    count=1_000_001, mean=1, minimum=101.001, median=102.002, p90=103.003, p95=104.004, p99=105.005, maximum=106.006
)
PLACE = Place(bundle="b", version="v" * 64, device="CPU", identity="i", notes=())


def test_figures_and_names_are_never_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rate = Rate(requests=2, batches=1, seconds=1, samples_per_second=123456.7, latency=LATENCY)
    bare = Bare(variant=NAME, sizes={}, batch=8, stable=True, load=1, origin="blob", first=1, single=rate, many=rate)
    served = Served(
        samples="filled",
        variant=NAME,
        drawn=1,
        latency=LATENCY,
        samples_per_second=234567.8,
        elements_per_second=345678.9,
        computed_per_second=456789.1,
        padding=0.123,
        rows=0.456,
    )
    start = Start(count=3, process=1111.1, imports=2222.2, load=3333.3, first=4444.4, origins={"a": "compiled"})
    show(Report(place=PLACE, bare=(bare,), served=(served,), starts=Starts(cold=start, warm=start)))
    out = capsys.readouterr().out
    times = ["102.002", "103.003", "104.004", "105.005", "101.001", "106.006", "1000001"]
    rows = [line.split() for line in out.splitlines() if line.startswith(NAME)]
    assert rows == [
        [NAME, *times],
        [NAME, "8", "123456.7/s", "123456.7/s", "2", "104.004"],
        [NAME, "234567.8/s", "345678.9/s", "456789.1/s", "12.3%", "45.6%"],
    ]
    assert ["cold", "1111.1", "2222.2", "3333.3", "4444.4", "3", "compiled"] in map(str.split, out.splitlines())
    assert [f"session, {NAME}", *times] in [line.rsplit(maxsplit=len(times)) for line in out.splitlines()]
    compared = Compared(
        variant=NAME,
        sizes={},
        batch=8,
        first=LATENCY,
        second=LATENCY,
        rounds=24,
        ratio=1.001,
        low=0.912,
        high=1.123,
        confidence=0.99,
        verdict="no difference",
    )
    show_comparison(Comparison(first=PLACE, second=PLACE, compared=(compared,), left_out=(), notes=()))
    row = f"{NAME} 8 102.002 102.002 1.001 0.912 to 1.123 no difference"
    assert row.split() in map(str.split, capsys.readouterr().out.splitlines())


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
