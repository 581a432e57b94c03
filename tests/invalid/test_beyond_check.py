"""Codes that take more than a spec: a place that can't be written, a package that isn't there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import npuspec


def test_a_place_that_can_not_be_written_is_a_disk_fault(small_spec: Path) -> None:
    place = Path(os.devnull) / "bundle"
    ran = npuspec("apply", small_spec, "--output", place)
    assert ran.code == 1
    assert f"error[disk-fault]: can't write `{place}" in ran.err
    assert "the old bundle still stands" in ran.err


@pytest.mark.parametrize(
    ("module", "package", "call"),
    [
        ("soundfile", "soundfile", "sound.read_sound(place)"),
        ("PIL", "pillow", "pictures.read_picture(place)"),
        ("safetensors", "safetensors", "tensors.read_tensors(place)"),
        ("tokenizers", "tokenizers", "texts.open_tokenizer(place)"),
        ("yaml", "pyyaml", "texts.read_texts(place, 'a.yml', 'talk')"),
    ],
)
def test_a_kind_of_samples_without_its_package_names_the_extra(
    tmp_path: Path, module: str, package: str, call: str
) -> None:
    (tmp_path / f"{module}.py").write_text("raise ImportError('not installed')\n")
    (tmp_path / "a.yml").write_text("talk: [a]\n")
    program = (
        "import pathlib\n"
        "from npuspec.facts import pictures, sound, tensors, texts\n"
        f"place = pathlib.Path({str(tmp_path)!r})\n"
        f"{call}\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert f"needs the package {package} [missing-extra]" in done.stderr
    assert "pip install 'npuspec[samples]'" in done.stderr
