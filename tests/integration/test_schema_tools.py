"""taplo and tombi read the schema: the specs here are right to both, and wrong ones are refused with their place."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ASR_SPEC, ROOT

BIN = Path(sys.executable).parent
Lint = Callable[[Path], tuple[int, str]]


def run(tmp_path: Path, *command: str | Path) -> tuple[int, str]:
    """Run a tool that must not use the network, nor what it kept before."""
    places = {name: str(tmp_path / "home") for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    environment = {**os.environ, **places, **proxies, "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    return done.returncode, re.sub("\x1b\\[[0-9;]*m", "", done.stdout + done.stderr)


@pytest.fixture(params=["taplo", "tombi"])
def lint(request: pytest.FixtureRequest, tmp_path: Path) -> Lint:
    options = {"taplo": ["--no-auto-config"], "tombi": ["--offline"]}[request.param]
    return lambda path: run(tmp_path, BIN / request.param, "lint", *options, path)


def wrong(tmp_path: Path, old: str, new: str) -> tuple[Path, int]:
    """Write the spec with one mistake beside a copy of the schema; return it and the mistake's line."""
    text = ASR_SPEC.read_text("utf-8")
    assert text.count(old) == 1
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("adr"))
    path = tmp_path / "specs" / "wrong.toml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new), "utf-8")
    return path, text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.toml")), ids=lambda path: path.stem)
def test_a_spec_of_ours_is_right(spec: Path, lint: Lint) -> None:
    assert spec.read_text("utf-8").startswith("#:schema ../docs/npuspec.schema.json\n")
    code, said = lint(spec)
    assert code == 0, said
    assert "arning" not in said


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("preset = ", "prezet = ", "prezet"),
        ("pad-value = ", "padvalue = ", "padvalue"),
        ("turbo = true", 'turbo = "on"', "oolean"),
        ("sizes = [32000,", 'sizes = ["32000",', "nteger"),
        ('strategy = "buckets"', 'strategy = "grow"', "grow"),
        ('role = "length"', 'role = "lenght"', "lenght"),
        ('mode = "mixed"', 'mode = "mixd"', "mixd"),
        ('performance-hint = "LATENCY"', 'performance-hint = "FAST"', "FAST"),
    ],
)
def test_a_wrong_spec_is_refused_with_the_place(old: str, new: str, word: str, lint: Lint, tmp_path: Path) -> None:
    path, line = wrong(tmp_path, old, new)
    code, said = lint(path)
    assert code != 0
    assert word in said
    assert f"wrong.toml:{line}:" in said


@pytest.mark.parametrize(
    ("header", "entry", "key"),
    [
        ("[target]\n", 'device = "NPU"\n', "device"),
        ("[dims.time]\n", 'strategy = "buckets"\nsizes = [32000, 64000, 128000]\noverflow = "error"\n', "strategy"),
        ("[inputs.waveform_lengths]\n", 'role = "length"\nof = "waveform"\n', "shape"),
    ],
)
def test_a_missing_key_is_named_at_its_table(header: str, entry: str, key: str, lint: Lint, tmp_path: Path) -> None:
    path, line = wrong(tmp_path, header + entry, header)
    code, said = lint(path)
    assert code != 0
    assert key in said
    assert "requ" in said
    assert f"wrong.toml:{line}:" in said
