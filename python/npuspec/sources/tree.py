"""What is common to all places that files come from: a tree that can be listed and read, and nothing else."""

from dataclasses import dataclass
from typing import IO, Protocol


@dataclass(frozen=True, slots=True)
class Listing:
    """What is directly in one folder, by name."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """Links to folders: a path may go through one, a wildcard doesn't, so that no loop or fan of links is walked."""


class Tree(Protocol):
    """A place that files come from; another hub is another class with these four.

    Paths are POSIX, relative to the top, as `inner_path` returns them, and case counts on every system. Whatever is
    wrong with the place raises a `Fault`; so does a path that leads out of it.
    """

    @property
    def name(self) -> str:
        """How a message calls the place."""

    def listing(self, folder: str) -> Listing:
        """Return what is directly in a folder ("" is the top); nothing where there is no such folder."""

    def size(self, path: str) -> int:
        """Return a file's size in bytes; `open` gives no more than that."""

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading."""
