"""The kinds of files that samples are read from, by their suffixes."""

from pathlib import PurePosixPath

ARRAY = (".npy",)
NPZ = (".npz",)
SAFETENSORS = (".safetensors",)
ARRAYS = (*NPZ, *SAFETENSORS)
"""Several arrays in one file, each with a name."""
SOUND = (".wav",)
PICTURE = (".jpeg", ".jpg", ".png")
YAML = (".yaml", ".yml")
TREE = (".json", *YAML)
"""Text below a member."""
TEXT = (".txt", *TREE)
SAMPLES = (*ARRAY, *ARRAYS, *SOUND, *PICTURE, *TEXT)


def suffix_of(path: str) -> str:
    """Return a file's suffix with its dot, in lower case."""
    return PurePosixPath(path).suffix.lower()
