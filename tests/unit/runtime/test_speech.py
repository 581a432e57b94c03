"""The real speech model, through the bundle that specs/asr.toml makes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import soundfile
from numpy.typing import NDArray

from npuspec import InputError, Session
from npuspec.bundle import open_bundle
from npuspec.runtime import load
from npuspec.runtime.feed import choose_variant


@pytest.fixture(scope="module")
def session(asr_bundle: Path) -> Iterator[Session]:
    with load(asr_bundle, device="CPU") as session:
        yield session


@pytest.fixture(scope="module")
def waveforms(clips: list[Path], session: Session) -> list[NDArray[np.float32]]:
    """The clips that fit the model."""
    read = (soundfile.read(clip, dtype="float32")[0] for clip in clips)
    return [sound for sound in read if len(sound) <= session.program.dims["time"].maximum][:8]


def test_a_blob_made_here_is_imported_here(session: Session) -> None:
    assert session.notes == ()
    assert session.device == "CPU"


def test_the_session_gives_what_openvino_gives_for_hand_made_padding(
    asr_bundle: Path, session: Session, waveforms: list[NDArray[np.float32]]
) -> None:
    bundle = open_bundle(asr_bundle)
    program = bundle.manifest.program
    for waveform in waveforms[:3]:
        variant = choose_variant(program, {"time": len(waveform)})
        compiled = ov.Core().compile_model(
            bundle.path(bundle.manifest.models[variant.name]), "CPU", bundle.manifest.deployments[-1].properties
        )
        padded = np.zeros(variant.shapes["waveform"], np.float32)
        padded[0, : len(waveform)] = waveform
        lengths = np.array([len(waveform)])
        outputs = compiled({"waveform": padded, "waveform_lengths": lengths})
        found = session.infer({"waveform": waveform})
        (extent,) = next(o.extents for o in program.outputs if o.name == "log_probs")
        frames = extent.of(len(waveform))
        assert 0 < frames < outputs["log_probs"].shape[1]
        np.testing.assert_array_equal(found["log_probs"], outputs["log_probs"][0, :frames])


def test_a_shorter_clip_gives_fewer_frames(session: Session, waveforms: list[NDArray[np.float32]]) -> None:
    pairs = sorted((len(w), session.infer({"waveform": w})["log_probs"].shape[0]) for w in waveforms)
    assert pairs == sorted(pairs, key=lambda pair: pair[1])
    assert pairs[0][1] < pairs[-1][1]


def test_threads_get_what_one_would(session: Session, waveforms: list[NDArray[np.float32]]) -> None:
    def infer(waveform: NDArray[np.float32]) -> NDArray[Any]:
        return session.infer({"waveform": waveform})["log_probs"]

    alone = [infer(waveform) for waveform in waveforms]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(infer, waveforms * 2))
    for one, many in zip(alone * 2, together, strict=True):
        np.testing.assert_array_equal(one, many)


def test_a_clip_that_is_too_long_or_not_finite_is_refused(session: Session) -> None:
    longest = session.program.dims["time"].maximum
    with pytest.raises(InputError, match="128001 long in `time`, and the model is made for 128000 at most") as caught:
        session.infer({"waveform": np.zeros(longest + 1, np.float32)})
    assert caught.value.code == "sample-too-long"
    broken = np.zeros(longest, np.float32)
    broken[-1] = np.nan
    with pytest.raises(InputError, match=f"element {longest - 1}") as caught:
        session.infer({"waveform": broken})
    assert caught.value.code == "not-finite"
