"""The packages that samples are read with, and what is said of samples that can't be read."""

from collections.abc import Iterable

from npuspec.diagnostics import Diagnostic, StageError
from npuspec.sources.kinds import PICTURE, SAFETENSORS, SOUND, TEXT, YAML, suffix_of

_READERS = {"pillow": PICTURE, "pyyaml": YAML, "safetensors": SAFETENSORS, "soundfile": SOUND, "tokenizers": TEXT}


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
