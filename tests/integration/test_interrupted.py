"""Whatever happens to `apply`: the old bundle or the new one is there, whole, and the next apply ends the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import Ran, npuspec
from helpers import files, interrupt_apply, version
from npuspec.bundle import open_bundle
from toy_specs import INT8, write_spec


def start(spec: Path, bundle: Path, cache: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "npuspec", "apply", str(spec), "--output", str(bundle)],
        env={**os.environ, "NPUSPEC_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_at(moment: float, process: "subprocess.Popen[bytes]") -> None:
    """Kill a process after as many seconds, if it is still there."""
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_apply_killed_at_20_random_moments_leaves_a_whole_bundle_and_ends_in_the_same_files(tmp_path: Path) -> None:
    """After every fourth moment it is applied to the end, and the next starts from an empty cache and the old bundle.

    In between each goes on from what the one before left, unless that was at the end before it could be killed.
    """
    target = tmp_path / "target"
    (tmp_path / "other").mkdir()
    assert npuspec("apply", write_spec(tmp_path / "other", size=40), "--output", target).code == 0
    old = files(target)
    saved = shutil.copytree(target, tmp_path / "saved")
    (tmp_path / "spec").mkdir()
    spec = write_spec(tmp_path / "spec", minimum=0.1, more=INT8)
    began = time.monotonic()
    ran = npuspec("apply", spec, "--output", tmp_path / "wanted", NPUSPEC_CACHE=str(tmp_path / "empty"))
    assert ran.code == 0, ran.err
    whole_run = time.monotonic() - began
    wanted = files(tmp_path / "wanted")
    assert wanted != old
    moments = random.Random(20)
    killed, fresh, cache = 0, True, tmp_path
    for number in range(20):
        if fresh:
            cache = tmp_path / f"cache{number}"
            shutil.rmtree(target)
            shutil.copytree(saved, target)
        process = start(spec, target, cache)
        kill_at(moments.uniform(0, whole_run), process)
        assert process.returncode in (0, -signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        open_bundle(target)
        assert files(target) in ((wanted,) if process.returncode == 0 else (old, wanted))
        fresh = process.returncode == 0 or number % 4 == 3
        if fresh and process.returncode != 0:
            ran = npuspec("apply", spec, "--output", target, NPUSPEC_CACHE=str(cache))
            assert ran.code == 0, ran.err
            assert files(target) == wanted
        if fresh:
            assert not list((target / "versions").glob("tmp-*"))
    assert killed >= 10


def test_ctrl_c_says_so_and_leaves_the_old_bundle(tmp_path: Path) -> None:
    spec, bundle = write_spec(tmp_path), tmp_path / "bundle"
    assert npuspec("apply", spec, "--output", bundle).code == 0
    before = version(bundle)
    code, _, err = interrupt_apply(spec, "--output", bundle)
    assert code == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert version(bundle) == before


def test_readers_see_a_whole_bundle_while_apply_replaces_it(tmp_path: Path, cache: Path) -> None:
    bundle = tmp_path / "bundle"
    assert npuspec("apply", write_spec(tmp_path), "--output", bundle).code == 0
    seen = {version(bundle)}
    for size in (40, 48):
        before = version(bundle)
        process = start(write_spec(tmp_path, size=size), bundle, cache)
        while process.poll() is None:
            seen.add(version(bundle))
        assert process.returncode == 0
        assert version(bundle) != before
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
