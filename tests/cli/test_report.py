"""`npuspec report`: a page, Markdown, and what is said where there is none."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compilers.test_command import command

from conftest import npuspec
from npuspec.bundle import open_bundle
from toy_specs import write_spec


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle of a small model."""
    folder = tmp_path_factory.mktemp("report")
    ran = npuspec("apply", write_spec(folder), "-o", folder / "build" / "toy")
    assert ran.code == 0, ran.err
    return folder / "build"


def test_a_page_is_written_where_it_is_told_to(made: Path, tmp_path: Path) -> None:
    ran = npuspec("report", made / "toy", "-o", tmp_path / "toy.html")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'toy.html'}: 0.1 MiB\n"), ran.err
    page = (tmp_path / "toy.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>npuspec report: toy</title>" in page
    assert "Convolution" in page  # it was run
    ran = npuspec("report", made / "toy", cwd=tmp_path)
    assert ran.code == 0
    assert (tmp_path / "report.html").is_file()


def test_a_folder_is_one_page_with_a_section_for_each_bundle(made: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(made / "toy", tmp_path / "build" / name)
    ran = npuspec("report", tmp_path / "build", "-o", tmp_path / "all.html")
    assert ran.code == 0, ran.err
    page = (tmp_path / "all.html").read_text("utf-8")
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) == ["Overview", "a", "b"]
    assert "timing the operations of b ..." in ran.err.splitlines()


def test_a_broken_bundle_leaves_the_page_of_the_others(made: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        shutil.copytree(made / "toy", tmp_path / "build" / name)
    (open_bundle(tmp_path / "build" / "b").root / "plan.json").write_text("{}")
    ran = npuspec("report", tmp_path / "build", "-o", tmp_path / "all.html")
    assert ran.code == 3
    assert "error[broken-bundle]" in ran.err
    page = (tmp_path / "all.html").read_text("utf-8")
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) == ["Overview", "a", "c"]
    assert "Of these no report can be made" in page


def test_a_schedule_that_can_not_be_made_is_no_success(made: Path, tmp_path: Path, npu_compiler: Path) -> None:
    where = ("-o", tmp_path / "toy.html", "--compiler", npu_compiler)
    ran = npuspec("report", made / "toy", *where, "--platform", "9999")
    assert ran.code == 2
    assert "error[unknown-platform]" in ran.err
    broken = ("--compiler", command(tmp_path, compile_="exit 1"), "--platform", "4000")
    ran = npuspec("report", made / "toy", "-o", tmp_path / "toy.html", *broken)
    assert ran.code == 1
    assert "there is no schedule: " in ran.err
    assert (tmp_path / "toy.html").is_file()


def test_markdown_is_printed_or_written_and_runs_nothing(made: Path, tmp_path: Path) -> None:
    ran = npuspec("report", made / "toy", "--markdown")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("### npuspec report: <code>toy</code>\n\n**1 of 1 gates passed**")
    npuspec("report", made / "toy", "--markdown", "-o", tmp_path / "toy.md")
    assert (tmp_path / "toy.md").read_text("utf-8") == ran.out


def test_it_is_compared_with_what_is_named(made: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, minimum=0.25)
    plan = tmp_path / "plan.json"
    plan.write_text(npuspec("plan", spec, "--json").out, "utf-8")
    ran = npuspec("report", made / "toy", "--markdown", "--against", plan)
    assert ran.code == 0, ran.err
    assert "at least 0&#46;25 → at least 0&#46;5" in ran.out
    plan.write_text("{}")
    ran = npuspec("report", made / "toy", "--markdown", "--against", plan)
    assert ran.code == 2
    assert "error[not-a-plan]" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing"], 3, "error[no-bundle]"),
        (["empty"], 3, "error[no-bundle]: there is no bundle in `empty`"),
        (["build/toy", "-o", "no/folder/page.html"], 2, "error[unwritable-output]"),
        (["build/toy", "--markdown", "--platform", "4000"], 2, "--platform is for the page"),
        (["build/toy", "--platform", "4000", "--compiler", "./missing"], 2, "error[no-compiler]"),
        (["build/toy", "--compiler", "./missing"], 2, "--compiler compiles for --platform"),
        (
            ["build/toy", "-o", "build/toy/CURRENT"],
            2,
            "error[unwritable-output]: `build/toy/CURRENT` lies in the bundle",
        ),
        (["build/toy", "--markdown", "-o", "build/toy/versions/new.md"], 2, "lies in the bundle"),
        (["two", "--markdown", "--against", "build/toy"], 2, "--against is of one bundle"),
        (["two", "--markdown", "--tuned", "none.json"], 2, "--tuned is of one bundle"),
    ],
)
def test_what_can_not_be_done_is_said(made: Path, tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "build").symlink_to(made)
    for name in ("one", "other"):
        shutil.copytree(made / "toy", tmp_path / "two" / name)
    ran = npuspec("report", *arguments, cwd=tmp_path)
    assert ran.code == code
    assert said in ran.err


@pytest.mark.parametrize("package", ["jinja2", "vl_convert"])
def test_without_the_extra_it_is_named_and_markdown_needs_none(made: Path, package: str) -> None:
    hidden = f"import sys; sys.modules[{package!r}] = None; from npuspec.cli import main; main()"
    command = [sys.executable, "-c", hidden, "report", str(made / "toy")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert f"error[missing-extra]: a report needs the package `{package}`" in ran.stderr
    assert "pip install 'npuspec[report]'" in ran.stderr
    ran = subprocess.run([*command, "--markdown"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0


def test_what_tuning_found_is_shown_and_anything_else_is_refused(made: Path, tmp_path: Path) -> None:
    rows = [{"name": name, "point": {}, "latency_us": us, "agreement": share} for name, us, share in ROWS]
    whole: dict[str, Any] = {
        "model": json.loads(open_bundle(made / "toy").path("plan.json").read_bytes())["model"]["digest"],
        "objective": "latency",
        "device": "CPU",
        "platform": None,
        "compiler": None,
        "rows": rows,
        "chosen": 0,
    }
    whole |= {"points": 2, "compiles": 2, "made": 2, "left_out": {}, "advice": [], "dropped": [], "patch": ""}
    (tmp_path / "tuned.json").write_text(json.dumps(whole))
    ran = npuspec("report", made / "toy", "--markdown", "--tuned", tmp_path / "tuned.json")
    assert ran.code == 0, ran.err
    assert "Candidates of tuning, measured on CPU" in ran.out
    for text in ("{}", "no JSON", "[" * 100_000):
        (tmp_path / "tuned.json").write_text(text)
        ran = npuspec("report", made / "toy", "--markdown", "--tuned", tmp_path / "tuned.json")
        assert ran.code == 2
        assert "isn't what `npuspec tune --json` writes" in ran.err


ROWS = (("FP16, batch 1", 10.0, 1.0), ("INT8, batch 1", 5.0, 0.9))
