"""Recorded sound as arrays."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from npuspec.facts.formats import missing_extra

_FORMATS = ("WAV", "WAVEX", "RF64")
"""libsndfile's names; what else it reads may be small and its sound long."""


def read_sound(file: Path, dtype: str = "float32") -> tuple[NDArray[Any], int]:
    """Read a recording as it is: nothing is resampled or mixed.

    Args:
        file: where it lies.
        dtype: `float32` or `float64` for values from -1 to 1, `int16` or `int32` for their full range.

    Returns:
        The sound, [frames] or [frames, channels], and its rate in Hz.

    Raises:
        ValueError: it isn't there, or no sound; with the reason.
        StageError: `missing-extra`.

    """
    try:
        import soundfile  # noqa: PLC0415  an extra: only specs with recorded sound need it
    except ImportError:
        raise missing_extra("soundfile", "recorded sound") from None
    try:
        with soundfile.SoundFile(file) as opened:
            if opened.format not in _FORMATS:
                raise ValueError(f"it is {opened.format}, and no WAV")
            return opened.read(dtype=dtype), opened.samplerate
    except soundfile.LibsndfileError as error:
        raise ValueError(error.error_string) from None
    except (RuntimeError, OSError) as error:
        raise ValueError(str(error)) from None
