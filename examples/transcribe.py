"""Transcribe recorded speech to phonemes with the bundle of specs/asr.toml.

    python examples/transcribe.py build/asr                  the clips that the spec names
    python examples/transcribe.py build/asr one.wav two.wav  your own: mono, 16 kHz, up to 8 s

For each clip: its phonemes, how long the inference took, and in how many frames the bundle and the original model, at
the clip's true length, find the same phoneme.
"""

import argparse
import json
import sys
import time
import warnings
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import soundfile
from numpy.typing import NDArray

import npuspec

MODEL = "pypi:hama==1.3.13/hama/assets/asr_waveform_fp16.onnx"
MODEL_SHA256 = "a884b5ac55f8bbc00673e8cf6d2dd601aa76e5031dd85cf3de2f25b5987cd59a"
VOCABULARY = "pypi:hama==1.3.13/hama/assets/g2p_vocab.json"
VOCABULARY_SHA256 = "520d19e4e6ae58658eed53594e0feab8ea8e1b4b04a7746e25e50c16c29b91bf"
CLIPS = "pypi:pytest-audioeval==0.1.3/pytest_audioeval/samples/audio/**/*.wav"
CLIPS_SHA256 = "eaaacb76fb17c9530f53a7fbc8da3d582ffaa2ed1bb45e672c3a72fe0c9e2801"
RATE = 16000  # Hz

Array = NDArray[Any]


def read_clip(path: Path) -> Array:
    """Return a clip as float32 [samples]."""
    try:
        sound, rate = soundfile.read(path, dtype="float32")
    except (OSError, RuntimeError) as error:
        sys.exit(f"{path}: {error}")
    if rate != RATE or sound.ndim != 1:
        sys.exit(
            f"{path}: {rate} Hz with {1 if sound.ndim == 1 else sound.shape[1]} channels; mono at {RATE} Hz is needed"
        )
    return np.asarray(sound)


def decode(log_probs: Array, tokens: list[str]) -> str:
    """Decode CTC log-probabilities [frames, tokens] greedily: runs of the best token become one, blanks none."""
    best = (tokens[i] for i, _ in groupby(log_probs.argmax(axis=-1)))
    return "".join(best).replace("<blank>", "").replace("<wb>", " ").strip()


class Original:
    """The model as it was published, at each clip's true length."""

    def __init__(self) -> None:
        (model,) = npuspec.fetch(MODEL, sha256=MODEL_SHA256)
        self._model = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def log_probs(self, waveform: Array) -> Array:
        """Return [frames, tokens]."""
        outputs = self._model({"waveform": waveform[None], "waveform_lengths": np.array([len(waveform)], np.int64)})
        return np.array(outputs["log_probs"][0])


def main() -> None:
    """Transcribe the clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("clips", type=Path, nargs="*", metavar="CLIP.wav")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", npuspec.FallbackWarning)  # printed below, with the other notes

    (vocabulary,) = npuspec.fetch(VOCABULARY, sha256=VOCABULARY_SHA256)
    tokens = [*json.loads(vocabulary.read_text("utf-8"))["decoder"], "<wb>", "<blank>"]
    clips = arguments.clips or npuspec.fetch(CLIPS, sha256=CLIPS_SHA256)
    original = Original()
    agreeing = frames = 0
    with npuspec.load(arguments.bundle) as session:
        for note in session.notes:
            print(f"note: {note}", file=sys.stderr)
        for clip in clips:
            waveform = read_clip(clip)
            start = time.perf_counter()
            log_probs = session.infer({"waveform": waveform})["log_probs"]
            milliseconds = (time.perf_counter() - start) * 1e3
            same = log_probs.argmax(axis=-1) == original.log_probs(waveform).argmax(axis=-1)
            agreeing, frames = agreeing + int(same.sum()), frames + same.size
            figures = f"{len(waveform) / RATE:4.1f} s  {milliseconds:6.1f} ms  {same.mean():6.1%}"
            print(f"{'/'.join(clip.parts[-2:]):26} {figures}  {decode(log_probs, tokens)}")
    print(
        f"{len(clips)} clips on {session.device}: in {agreeing / frames:.1%} of {frames} frames as the original model"
    )


if __name__ == "__main__":
    try:
        main()
    except npuspec.NpuspecError as error:
        sys.exit(str(error))
