"""The spec's own folder as a tree."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import IO

from npuspec.sources.faults import Fault
from npuspec.sources.tree import Listing
from npuspec.store import look


class LocalTree:
    """A folder, with links followed only where they stay inside it."""

    name = "the spec's folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _root(self) -> Path:
        look(self._folder)
        return Path(os.path.realpath(self._folder))

    def listing(self, folder: str) -> Listing:
        """Return the regular files and the folders; links that lead out are listed, and refused when used."""
        place = self._inside(folder)
        files, folders, links = [], [], []
        with _readable(folder), os.scandir(place) if place.is_dir() else nullcontext(()) as entries:
            for entry in entries:
                path = Path(entry.path)  # unlike the entry, it takes a loop of links for nothing
                if entry.is_symlink():
                    look(path)  # where it leads to isn't in this folder's hands
                leads_out = entry.is_symlink() and not self._holds(os.path.realpath(path))
                if leads_out or path.is_file():
                    files.append(entry.name)
                if leads_out or (entry.is_symlink() and path.is_dir()):
                    links.append(entry.name)
                elif path.is_dir():
                    folders.append(entry.name)
        return Listing(tuple(sorted(files)), tuple(sorted(folders)), tuple(sorted(links)))

    def size(self, path: str) -> int:
        """Return the size as it is now."""
        with _readable(path):
            return self._inside(path).stat().st_size

    def open(self, path: str) -> IO[bytes]:
        """Open the file that the path resolves to."""
        with _readable(path):
            return self._inside(path).open("rb")

    def _inside(self, path: str) -> Path:
        look(self._root / path)
        real = os.path.realpath(self._root / path)
        if not self._holds(real):
            raise Fault(
                "path-outside",
                f"`{path}` is, or goes through, a link that leads out of {self.name}",
                "copy the file in beside the spec",
            )
        return Path(real)

    def _holds(self, real: str) -> bool:
        return Path(real).is_relative_to(self._root)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Fault(
            "unreadable-file",
            f"`{path or '.'}` can't be read: {error.strerror or error}",
            "check that it still exists and that you may read it",
        ) from error
