"""Codes that take more than a spec: a place that can't be written, a package that isn't there."""

import os
import subprocess
import sys
from pathlib import Path

from conftest import npuspec


def test_a_place_that_can_not_be_written_is_a_disk_fault(small_spec: Path) -> None:
    place = Path(os.devnull) / "bundle"
    ran = npuspec("apply", small_spec, "--output", place)
    assert ran.code == 1
    assert f"error[disk-fault]: can't write `{place}" in ran.err
    assert "the old bundle still stands" in ran.err


def test_sound_without_its_package_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "soundfile.py").write_text("raise ImportError('not installed')\n")
    program = (
        "import pathlib\n"
        "from npuspec.stages.samples import _read_wav\n"
        "_read_wav(pathlib.Path('a.wav'), 'a.wav', 16000, 'float32')\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert "[missing-extra]" in done.stderr
    assert "pip install 'npuspec[quantize]'" in done.stderr
