"""Whatever happens to `apply`: the old bundle or the new one is there, whole, and the next apply ends the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import npuspec
from helpers import files, version
from npuspec.bundle import open_bundle


def start(spec: Path, bundle: Path, cache: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "npuspec", "apply", str(spec), "--output", str(bundle)],
        env={**os.environ, "NPUSPEC_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def sources(cache: Path, tmp_path: Path, clips: list[Path]) -> Path:
    """A cache that holds nothing but what was downloaded."""
    assert clips
    fresh = tmp_path / "fresh"
    for kind in ("wheels", "sources"):
        shutil.copytree(cache / kind, fresh / kind)
    return fresh


def test_apply_killed_at_20_random_moments_ends_in_the_same_files(
    small_spec: Path, tmp_path: Path, sources: Path
) -> None:
    bundle = tmp_path / "bundle"
    began = time.monotonic()
    assert npuspec("apply", small_spec, "--output", bundle, NPUSPEC_CACHE=str(sources)).code == 0
    whole_run = time.monotonic() - began
    wanted = files(bundle)
    moments = random.Random(20)
    target = tmp_path / "killed"
    work = tmp_path / "work"
    for number in range(20):
        # Every third time from the start, so that each stage is hit; the others go on where the last was stopped.
        if number % 3 == 0:
            shutil.rmtree(work, ignore_errors=True)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(tmp_path / "fresh" / "wheels", work / "wheels")
            shutil.copytree(tmp_path / "fresh" / "sources", work / "sources")
        process = start(small_spec, target, work)
        try:
            process.wait(moments.uniform(0, whole_run))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if (target / "CURRENT").exists():
            assert files(target) == wanted
    ran = npuspec("apply", small_spec, "--output", target, NPUSPEC_CACHE=str(work))
    assert ran.code == 0, ran.err
    assert files(target) == wanted
    assert not list((target / "versions").glob("tmp-*"))


def test_ctrl_c_says_so_and_leaves_the_old_bundle(small_spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    before = version(bundle)
    process = subprocess.Popen(
        [sys.executable, "-m", "npuspec", "apply", str(small_spec), "--output", str(bundle), "--rebuild"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("read:"):
            break
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert version(bundle) == before


def test_readers_see_a_whole_bundle_while_apply_replaces_it(small_spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    seen = {version(bundle)}
    for size in (40000, 48000):
        text = small_spec.read_text()
        begin = text.index("size = ")
        small_spec.write_text(text[:begin] + f"size = {size}" + text[text.index("\n", begin) :])
        process = subprocess.Popen([sys.executable, "-m", "npuspec", "apply", str(small_spec), "--output", str(bundle)])
        while process.poll() is None:
            seen.add(version(bundle))
        assert process.returncode == 0
    seen.add(version(bundle))
    assert len(seen) == 3


@pytest.mark.parametrize("variable", ["NPUSPEC_CACHE", "output"])
def test_a_full_disk_is_said_and_the_old_bundle_works(small_spec: Path, tmp_path: Path, variable: str) -> None:
    small = tmp_path / "small-disk"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], check=True)
    try:
        bundle = tmp_path / "bundle" if variable == "NPUSPEC_CACHE" else small / "bundle"
        cache = {"NPUSPEC_CACHE": str(small)} if variable == "NPUSPEC_CACHE" else {}
        if variable == "NPUSPEC_CACHE":
            assert npuspec("apply", small_spec, "--output", bundle).code == 0
            before = version(bundle)
            small_spec.write_text(small_spec.read_text().replace("size = 32000", "size = 40000"))
        ran = npuspec("apply", small_spec, "--output", bundle, **cache)
        assert ran.code == 1, ran.err
        assert "error[disk-full]" in ran.err
        assert "Traceback" not in ran.err
        if variable == "NPUSPEC_CACHE":
            assert version(bundle) == before
            open_bundle(bundle)
    finally:
        subprocess.run(["umount", str(small)], check=True)
