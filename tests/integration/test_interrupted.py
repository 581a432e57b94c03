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

from conftest import Ran, npuspec
from helpers import files, version


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


def apply_with_little_room(spec: Path, bundle: Path) -> Ran:
    """Apply where no file may grow beyond 8 MiB, as the compiled model would: to the program that is a full quota."""
    command = ["sh", "-c", 'ulimit -f 16384; exec "$@"', "sh", sys.executable, "-m", "npuspec", "apply", str(spec)]
    done = subprocess.run([*command, "--output", str(bundle)], capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_full_disk_in_a_stage_is_said_and_the_old_bundle_works(small_spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", small_spec, "--output", bundle).code == 0
    before = files(bundle)
    small_spec.write_text(small_spec.read_text().replace("size = 32000", "size = 41000"))
    ran = apply_with_little_room(small_spec, bundle)
    assert ran.code == 1
    assert "error[disk-full]: stage compile[CPU, time41000]: can't write" in ran.err
    assert "Traceback" not in ran.err
    assert files(bundle) == before


def test_a_full_disk_under_the_bundle_is_said_and_leaves_nothing(small_spec: Path, tmp_path: Path) -> None:
    assert npuspec("apply", small_spec, "--output", tmp_path / "elsewhere").code == 0
    ran = apply_with_little_room(small_spec, tmp_path / "bundle")
    assert ran.code == 1
    assert "error[disk-full]: can't write" in ran.err
    assert list((tmp_path / "bundle" / "versions").iterdir()) == []
    assert npuspec("apply", small_spec, "--output", tmp_path / "bundle").code == 0
