"""Recorded sound: only what lies in the file as samples, so that a small one can't become a large array."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from npuspec.facts.sound import read_sound


def test_sound_is_read_as_it_is(tmp_path: Path) -> None:
    sound = np.array([0, 0.5, -0.5], np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 8000, subtype="FLOAT")
    read, rate = read_sound(tmp_path / "a.wav")
    assert (read.tolist(), rate) == (sound.tolist(), 8000)


def test_a_compressed_file_by_the_name_of_another_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.wav").open("wb") as file:
        soundfile.write(file, np.zeros(100_000, np.int16), 8000, format="FLAC")
    with pytest.raises(ValueError, match="it is FLAC, and no WAV"):
        read_sound(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_the_reason_names_no_place_of_this_machine(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match="recogni") as raised:
        read_sound(tmp_path / "a.wav")
    assert str(tmp_path) not in str(raised.value)
