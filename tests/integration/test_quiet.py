"""Nothing is sent over the network that wasn't asked for."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import npuspec

LISTENER = """
import os, socket

_there = socket.getaddrinfo

def _asked(host, *rest, **more):
    with open(os.environ["ASKED"], "a") as log:
        log.write(f"{host}\\n")
    return _there(host, *rest, **more)

socket.getaddrinfo = _asked
"""


@pytest.fixture
def listening(tmp_path: Path) -> dict[str, str]:
    """Variables that make every Python process write down which hosts it looks up."""
    (tmp_path / "listener").mkdir()
    (tmp_path / "listener" / "sitecustomize.py").write_text(LISTENER)
    (tmp_path / "asked").touch()
    return {"PYTHONPATH": str(tmp_path / "listener"), "ASKED": str(tmp_path / "asked")}


def asked(listening: dict[str, str]) -> list[str]:
    return Path(listening["ASKED"]).read_text().split()


def test_the_listener_hears_a_look_up(listening: dict[str, str]) -> None:
    command = [sys.executable, "-c", "import socket; socket.getaddrinfo('localhost', 80)"]
    subprocess.run(command, check=True, env={**os.environ, **listening})
    assert asked(listening) == ["localhost"]


def test_a_first_check_of_a_model_sends_nothing(small_spec: Path, tmp_path: Path, listening: dict[str, str]) -> None:
    assert npuspec("plan", small_spec).code == 0  # what is downloaded is here now; the model hasn't been read
    cold = tmp_path / "cold"
    cold.mkdir()
    cache = Path(os.environ["NPUSPEC_CACHE"])
    for kind in ("wheels", "sources"):
        (cold / kind).symlink_to(cache / kind)
    ran = npuspec("check", small_spec, NPUSPEC_CACHE=str(cold), env=listening)
    assert ran.code == 0, ran.err
    assert (cold / "facts").is_dir()
    assert asked(listening) == []


def test_apply_run_and_load_send_nothing(
    asr_bundle: Path, small_spec: Path, tmp_path: Path, listening: dict[str, str]
) -> None:
    assert npuspec("plan", small_spec).code == 0
    clip = tmp_path / "clip.npy"
    np.save(clip, np.zeros(5000, np.float32))
    assert npuspec("apply", small_spec, "--output", tmp_path / "bundle", "--rebuild", env=listening).code == 0
    assert npuspec("run", asr_bundle, "--input", f"waveform={clip}", env=listening).code == 0
    load = f"import npuspec; npuspec.load({str(tmp_path / 'bundle')!r}).close()"
    subprocess.run([sys.executable, "-c", load], check=True, env={**os.environ, **listening})
    assert asked(listening) == []
