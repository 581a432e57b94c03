"""`npuspec check`."""

import json
import os
from pathlib import Path

import pytest

from builders import SMALL
from conftest import ASR_SPEC, npuspec

UNREACHABLE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_CONFIG_FILE": os.devnull,
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "PIP_RETRIES": "0",
}
NOTED = SMALL.replace('"model.onnx"', f'"pypi:npuspec-example==1.0/model.onnx"\nsha256 = "{"0" * 64}"')


def write(folder: Path, **texts: str) -> list[str]:
    """Write specs, and return their names."""
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return [f"{name}.toml" for name in texts]


def test_a_right_spec_is_ok(tmp_path: Path) -> None:
    write(tmp_path, a=NOTED)
    ran = npuspec("check", "a.toml", cwd=tmp_path)
    assert (ran.code, ran.out) == (0, "a.toml: ok\n")
    assert ran.err.startswith("note[source-not-cached]: ")


def test_a_wrong_spec_is_exit_code_2_with_its_place_on_stderr(tmp_path: Path) -> None:
    write(tmp_path, a=NOTED.replace("size = 64", "size = 0"))
    ran = npuspec("check", "a.toml", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "--> a.toml:17:8" in ran.err


def test_the_faults_of_all_files_are_printed_and_the_right_ones_are_ok(tmp_path: Path) -> None:
    names = write(tmp_path, a=NOTED.replace("[target]", "[traget]"), b=NOTED, c=NOTED.replace('"NPU"', '"GPU"'))
    ran = npuspec("check", *names, cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "b.toml: ok\n")
    assert ran.err.index("a.toml:") < ran.err.index("b.toml:") < ran.err.index("c.toml:")


def test_a_missing_file_does_not_keep_the_others_from_being_checked(tmp_path: Path) -> None:
    write(tmp_path, b=NOTED)
    ran = npuspec("check", "missing.toml", "b.toml", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "b.toml: ok\n")
    assert "error[spec-unreadable]: can't read `missing.toml`: No such file or directory" in ran.err


def test_json_is_one_list_on_stdout_for_all_files(tmp_path: Path) -> None:
    names = write(tmp_path, a=NOTED.replace("size = 64", "size = 0"), b=NOTED)
    ran = npuspec("check", "--format", "json", *names, cwd=tmp_path)
    assert (ran.code, ran.err) == (2, "")
    first, second = json.loads(ran.out)
    assert (first["file"], first["code"], first["severity"]) == ("a.toml", "wrong-value", "error")
    assert first["labels"] == [
        {
            "path": ["dims", "time", "size"],
            "message": "",
            "start": {"line": 17, "column": 8, "byte": first["labels"][0]["start"]["byte"]},
            "end": {"line": 17, "column": 9, "byte": first["labels"][0]["start"]["byte"] + 1},
        }
    ]
    assert (second["file"], second["code"], second["severity"]) == ("b.toml", "source-not-cached", "note")


def test_json_without_faults_is_an_empty_list_or_notes_and_exit_code_0(tmp_path: Path) -> None:
    write(tmp_path, b=NOTED)
    ran = npuspec("check", "--format=json", "b.toml", cwd=tmp_path)
    assert ran.code == 0
    assert [row["severity"] for row in json.loads(ran.out)] == ["note"]


def test_it_never_touches_the_network(tmp_path: Path) -> None:
    ran = npuspec("check", ASR_SPEC, cwd=None, NPUSPEC_CACHE=str(tmp_path), env=UNREACHABLE)
    assert ran.code == 0, ran.err
    assert ran.err.count("note[source-not-cached]") == 2
    assert not (tmp_path / "wheels").exists()


def test_the_same_settings_keep_plan_from_downloading(tmp_path: Path) -> None:
    ran = npuspec("plan", ASR_SPEC, cwd=None, NPUSPEC_CACHE=str(tmp_path), env=UNREACHABLE)
    assert ran.code == 2
    assert "error[download-failed]" in ran.err


def test_samples_that_lie_here_are_looked_at(small_spec: Path) -> None:
    text = small_spec.read_text() + '\n[quantization]\nmode = "int8"\nsamples = 5\n'
    small_spec.write_text(text)
    ran = npuspec("check", small_spec)
    assert ran.code == 2
    assert "5 samples are to calibrate, and there are 4" in ran.err


@pytest.mark.parametrize("arguments", [[], ["--format", "xml", "a.toml"], ["--unknown", "a.toml"]])
def test_a_wrong_call_is_exit_code_2(arguments: list[str]) -> None:
    ran = npuspec("check", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: npuspec check")


@pytest.mark.skipif(os.name == "nt", reason="such a name can't be there")
def test_a_name_that_a_terminal_obeys_is_spelled_out(tmp_path: Path) -> None:
    name = "a\x1b[31m\u202e.toml"
    (tmp_path / name).write_text(NOTED)
    ran = npuspec("check", name, cwd=tmp_path)
    assert (ran.code, ran.out) == (0, "a\\x1b[31m\\u202e.toml: ok\n")


def test_a_value_of_many_thousand_characters_is_not_printed_whole(tmp_path: Path) -> None:
    write(tmp_path, a=NOTED.replace('"NPU"', f'"{"N" * 100_000}"'))
    ran = npuspec("check", "a.toml", cwd=tmp_path)
    assert ran.code == 2
    assert len(ran.err) < 10_000
