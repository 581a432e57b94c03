"""Code of a spec's own on real models: clips that a function reads."""

import json
from pathlib import Path
from typing import Any

from conftest import Ran, npuspec
from npuspec.bundle import open_bundle

CLIPS = """from pathlib import Path
import soundfile

def read():
    for path in sorted((Path(__file__).parent / "clips").iterdir()):
        sound, rate = soundfile.read(path, dtype="float32")
        assert rate == 16000
        yield sound
"""


def evidence(bundle: Path) -> Any:
    return json.loads(open_bundle(bundle).path("evidence/evidence.json").read_bytes())


def apply(spec: Path, *options: str) -> Ran:
    return npuspec("apply", spec, "--output", spec.parent / spec.stem, *options)


def test_clips_that_a_function_reads_are_measured_as_the_files_are(small_spec: Path) -> None:
    other = small_spec.parent / "own.toml"
    text = small_spec.read_text().replace('source = "clips/*.wav"', 'function = "clips:read"')
    other.write_text(text.replace("sample-rate = 16000\n", ""))
    (small_spec.parent / "clips.py").write_text(CLIPS)
    of_files, given = apply(small_spec), apply(other, "--allow-code")
    assert of_files.code == 0, of_files.err
    assert given.code == 0, given.err
    one, two = (evidence(spec.parent / spec.stem) for spec in (small_spec, other))
    assert one["gates"] == two["gates"]
    numbered = {f"{number}.wav": f"{number + 1:06}.npy" for number in range(4)}
    for a, b in zip(one["agreement"]["pairs"], two["agreement"]["pairs"], strict=True):
        assert {numbered[name]: figures for name, figures in a.pop("samples").items()} == b.pop("samples")
        assert a == b
