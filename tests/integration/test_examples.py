"""The example programs, as a user runs them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from npuspec.bundle import open_bundle


def transcribe(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "examples" / "transcribe.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUTF8": "1"})


def test_the_clips_are_transcribed_and_agree_with_the_original_model(asr_bundle: Path) -> None:
    ran = transcribe(asr_bundle)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 28
    assert lines[0].startswith("en/counting.wav ")
    assert "θɹi fɔɹ faɪv" in lines[0]  # "three four five", as it was spoken
    assert "there is no NPU on this machine" in ran.stderr
    found = re.search(r"27 clips on CPU: in ([\d.]+)% of 3593 frames", lines[-1])
    assert found is not None
    evidence = json.loads(open_bundle(asr_bundle).path("evidence/evidence.json").read_bytes())
    (gate,) = [g for g in evidence["gates"] if (g["of"], g["against"]) == ("quantized", "original")]
    assert float(found[1]) >= 100 * gate["min"]


def test_one_clip_of_ones_own(asr_bundle: Path, clips: list[Path]) -> None:
    ran = transcribe(asr_bundle, clips[2])
    assert ran.returncode == 0, ran.stderr
    assert "kwɪk bɹaʊn fɑks" in ran.stdout  # "quick brown fox"


def test_a_broken_bundle_is_a_message(tmp_path: Path) -> None:
    ran = transcribe(tmp_path)
    assert ran.returncode == 1
    assert "no-bundle" in ran.stderr
    assert "Traceback" not in ran.stderr
