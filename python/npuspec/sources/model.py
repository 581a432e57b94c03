"""What a source is, and what comes of fetching one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from npuspec.store import digest_bytes


@dataclass(frozen=True, slots=True)
class PathSource:
    """A file, a folder, or files by glob, in the spec's own folder; `path` is POSIX, relative, without `.` or `..`."""

    path: str


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Files in the one wheel of a package's one version."""

    name: str
    version: str
    path: str

    @property
    def requirement(self) -> str:
        """The wheel, in the words of the spec and of pip."""
        return f"{self.name}=={self.version}"


Source = PathSource | WheelSource


@dataclass(frozen=True, slots=True)
class File:
    """One fetched file: its POSIX path below the root, the SHA-256 of its content, and its size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """Files that were hashed, held against their pin and copied to a place that only npuspec writes.

    `root` holds exactly `files`, which are sorted by path; `digest` is `digest_of(files)`. `entry` is the path below
    `root` of the file that a model is read from, and "" for data.
    """

    root: Path
    files: tuple[File, ...]
    digest: str
    entry: str = ""

    @property
    def only(self) -> Path:
        """The place of a source that is one file."""
        (file,) = self.files
        return self.root / file.path


def listing_of(files: Iterable[File]) -> bytes:
    """Return what `sha256sum` prints for the files: a line each, "<sha256>  <path>", sorted by path."""
    lines = sorted((file.path, file.sha256) for file in files)
    return "".join(f"{sha256}  {path}\n" for path, sha256 in lines).encode()


def digest_of(files: Iterable[File]) -> str:
    """Return the digest that a spec pins.

    Of one file it is the file's own SHA-256. Of several it is the SHA-256 of their listing, sorted by the bytes of
    their paths, so that coreutils are enough to make it: for every file below a folder,

        find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum
    """
    given = tuple(files)
    return given[0].sha256 if len(given) == 1 else digest_bytes(listing_of(given))
