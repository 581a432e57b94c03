"""`npuspec buckets`, on lengths that are skewed as those of real sentences are."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

from builders import SMALL, faults_of
from conftest import ASR_SPEC, npuspec
from toy_specs import write_spec

LONGEST = 377


@pytest.fixture
def lengths(tmp_path: Path) -> Path:
    """Most from 5 to 20, the longest 377."""
    rng = random.Random(5)
    found = [min(200, max(1, round(rng.lognormvariate(2.4, 0.5)))) for _ in range(3000)]
    path = tmp_path / "lengths.txt"
    path.write_text("# tokens\n" + "".join(f"{n}\n" for n in [*found, 250, 301, LONGEST]))
    return path


def test_three_sizes_waste_far_less_than_one_and_the_json_says_how_much(lengths: Path) -> None:
    ran = npuspec("buckets", lengths, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    chosen = found["choices"][found["chosen"]]
    assert found["lengths"] == {"count": 3003, "longest": LONGEST, "longer": 0}
    assert found["choices"][0]["sizes"] == [LONGEST]
    assert found["choices"][0]["relative"] == 1
    assert len(chosen["sizes"]) == 3
    assert chosen["sizes"][-1] == LONGEST
    assert chosen["padding"] < 0.5
    assert found["choices"][0]["padding"] > 0.9
    assert chosen["relative"] < 0.1
    assert [len(row["sizes"]) for row in found["choices"]] == [1, 2, 3, 4, 5]
    assert [b["size"] for b in found["buckets"]] == chosen["sizes"]
    assert sum(b["samples"] for b in found["buckets"]) == 3003


def test_what_is_printed_is_plain_and_fits_a_narrow_terminal(lengths: Path) -> None:
    ran = npuspec("buckets", lengths.name, "--max", "128", cwd=lengths.parent, COLUMNS="40")
    assert ran.code == 0, ran.err
    assert ran.out.isascii()
    assert "\x1b" not in ran.out
    shown, _, toml = ran.out.partition("\n[dims.")
    _, _, tables = shown.partition("\n\n")
    drawn = [line.rstrip() for line in tables.splitlines() if not line.startswith(("before:", "after:"))]
    assert max(map(len, drawn)) == 40
    marks = [line for line in drawn if line.startswith("= ")]
    assert all(line.endswith("=====") for line in marks)
    sizes = tomli.loads("[dims." + toml)["dims"]["tokens"]["sizes"]
    assert [int(line.split()[1]) for line in marks] == sizes
    assert sizes[-1] == 128


@pytest.mark.parametrize("columns", ["1", "20"])
def test_no_figure_is_cut_off_however_narrow_the_terminal(lengths: Path, columns: str) -> None:
    ran = npuspec("buckets", lengths.name, cwd=lengths.parent, COLUMNS=columns)
    assert ran.code == 0, ran.err
    assert ran.out.isascii()
    assert all(heading in ran.out for heading in ("padding", "100.0%", "samples", "mean fill"))


def test_the_toml_is_part_of_a_right_spec(lengths: Path) -> None:
    ran = npuspec("buckets", lengths.name, "--dim", "time", "--multiple", "8", cwd=lengths.parent)
    toml = ran.out[ran.out.index("[dims.time]") :]
    dim = tomli.loads(toml)["dims"]["time"]
    assert dim["strategy"] == "buckets"
    assert (dim["overflow"], dim["lengths"]) == ("error", "lengths.txt")
    assert all(size % 8 == 0 for size in dim["sizes"])
    assert dim["sizes"][-1] == 384
    begin, end = SMALL.index("[dims.time]"), SMALL.index("[inputs.x]")
    assert faults_of(SMALL[:begin] + toml + "\n" + SMALL[end:]) == []


def test_what_becomes_of_longer_lengths_is_left_to_be_chosen(lengths: Path) -> None:
    ran = npuspec("buckets", lengths, "--max", "256", "--count", "1")
    assert "to 377, 2 of them longer than 256\n" in ran.out
    toml = ran.out[ran.out.index("[dims.tokens]") :]
    assert '# overflow = "error", "truncate" or "chunk": choose, 2 of the lengths are longer' in toml
    dim = tomli.loads(toml)["dims"]["tokens"]
    assert (dim["strategy"], dim["size"]) == ("pad", 256)
    assert "overflow" not in dim


def test_lengths_outside_of_the_spec_s_folder_are_not_named(lengths: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    ran = npuspec("buckets", lengths, cwd=tmp_path / "elsewhere")
    toml = ran.out[ran.out.index("[dims.tokens]") :]
    assert "lengths" not in tomli.loads(toml)["dims"]["tokens"]
    assert "# lengths = " in toml


def test_the_cost_decides(lengths: Path) -> None:
    ran = npuspec("buckets", lengths, "--cost", "1000000,1", "-k", "2", "--json")
    steep = npuspec("buckets", lengths, "--cost", "0,0,0.5", "-k", "2", "--json")
    first, second = (json.loads(r.out)["choices"][1] for r in (ran, steep))
    assert first["relative"] > 0.999
    assert second["relative"] < 0.05


def test_more_sizes_than_lengths_cost_no_less(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("4\n4\n9\n")
    ran = npuspec("buckets", tmp_path / "l.txt", "-k", "5")
    assert "more than 2 cost no less" in ran.out
    assert "sizes = [4, 9]" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cost", "1e3"], "neither `linear` nor numbers"),
        (["--cost", "1,,2"], "neither `linear` nor numbers"),
        (["--cost", "-1"], "nothing is free"),
        (["--cost", "0"], "nothing is free"),
        (["--cost", "1", "--measure", "s.toml"], "leave one of them out"),
        (["--device", "CPU"], "--device is what --measure runs on"),
        (["--max", "100", "--multiple", "8"], "--max 100 is no multiple of 8"),
        (["--count", "0"], "0 is not in the range"),
        (["--count", "65"], "65 is not in the range"),
        (["--measure", "none.toml"], "none.toml"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(lengths: Path, arguments: list[str], said: str) -> None:
    ran = npuspec("buckets", lengths, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\nx\n", "error[bad-lengths]: line 2 of `"),
        ("", "holds no length"),
        ("99999999\n", "--multiple 1000 leaves few enough"),
    ],
)
def test_lengths_that_are_of_no_use_are_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "l.txt").write_text(text)
    ran = npuspec("buckets", tmp_path / "l.txt")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_the_multiple_that_is_advised_is_enough(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("99999999\n")
    ran = npuspec("buckets", tmp_path / "l.txt", "--multiple", "1000", "-k", "1")
    assert "size = 100000000" in ran.out


def test_the_cost_is_measured_on_the_spec_s_model(lengths: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    ran = npuspec("buckets", lengths, "--measure", spec, "--json")
    assert ran.code == 0, ran.err
    assert "measuring time on CPU" in ran.err
    found = json.loads(ran.out)
    points = found["cost"]["measured-ms"]
    assert [size for size, _ in points] == sorted(size for size, _ in points)
    assert (len(points), points[0][0], points[-1][0]) == (9, 1, LONGEST)
    assert all(milliseconds > 0 for _, milliseconds in points)
    assert tomli.loads(found["toml"])["dims"]["time"]["lengths"] == "lengths.txt"


def test_no_size_is_below_what_the_model_takes_and_its_lengths_and_masks_are_filled(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("100\n3000\n")
    ran = npuspec("buckets", tmp_path / "l.txt", "--measure", ASR_SPEC, "--multiple", "100", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["cost"]["measured-ms"][0][0] == 300
    assert min(size for row in found["choices"] for size in row["sizes"]) >= 300


def test_a_dimension_that_the_spec_has_not_and_a_device_that_is_not_there(lengths: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    ran = npuspec("buckets", lengths, "--measure", spec, "--dim", "tim")
    assert ran.code == 2
    assert "error[wrong-argument]: the spec has no padded dimension `tim`" in ran.err
    assert "did you mean `time`?" in ran.err
    ran = npuspec("buckets", lengths, "--measure", spec, "--device", "NPU")
    assert ran.code == 4
    assert "error[no-device]" in ran.err


def test_measuring_can_be_interrupted(lengths: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "npuspec", "buckets", str(lengths), "--measure", str(spec)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert any(line.startswith("measuring") for line in iter(process.stderr.readline, ""))
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err
