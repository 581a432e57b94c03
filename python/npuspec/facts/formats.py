"""The kinds of files that samples are read from, by their suffixes, and the packages that read them."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from npuspec.diagnostics import Diagnostic, StageError

ARRAY = (".npy",)
ARRAYS = (".npz",)
SOUND = (".wav",)
PICTURE = (".jpeg", ".jpg", ".png")
YAML = (".yaml", ".yml")
TREE = (".json", *YAML)
"""Text below a member."""
TEXT = (".txt", *TREE)

_READERS = {"pillow": PICTURE, "pyyaml": YAML, "soundfile": SOUND, "tokenizers": TEXT}


def suffix_of(path: str) -> str:
    """Return a file's suffix with its dot, in lower case."""
    return PurePosixPath(path).suffix.lower()


def readers_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the packages beside NumPy that read these files, by their names on PyPI, sorted."""
    suffixes = {suffix_of(path) for path in paths}
    return tuple(name for name, read in _READERS.items() if suffixes & {*read})


def missing_extra(package: str, what: str) -> StageError:
    """Return the error that a package isn't installed which reads a kind of samples."""
    message = f"reading {what} needs the package {package}"
    return StageError(Diagnostic("missing-extra", message, "pip install 'npuspec[samples]'"))


def unreadable(path: str, why: str) -> StageError:
    """Return the error that a file is no sample, or holds none."""
    message = f"`{path}` is no usable sample: {why}"
    return StageError(Diagnostic("unreadable-sample", message, "take it out, or make it again"))
