"""A wheel as a tree: checked as a whole before a byte of it is unpacked, and never installed or run."""

import stat
import struct
import zlib
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from npuspec.sources.faults import Fault
from npuspec.sources.parse import inner_path
from npuspec.sources.tree import Listing

# A member may claim any size in a few bytes, so what a wheel says of itself is held to these before it is believed.
MAX_TOTAL = 8 << 30  # bytes, unpacked
MAX_RATIO = 200  # weights hardly shrink; deflate's own limit is 1032
RATIO_FROM = 64 << 20  # bytes: below that, any ratio is harmless

_MAX_NAME = 1024  # characters
_ENCRYPTED = 0x1
_DAMAGE = (BadZipFile, zlib.error, EOFError)
# What `zipfile` lets through where an offset or a length in the headers is nonsense.
_NONSENSE = (*_DAMAGE, ValueError, OverflowError, OSError, RuntimeError, struct.error)


class WheelTree:
    """The members of a wheel; a context manager."""

    def __init__(self, path: Path, requirement: str) -> None:
        self.name = f"the wheel of `{requirement}`"
        try:
            self._zip = ZipFile(path)
        except _NONSENSE as error:
            raise self._bad(f"isn't one: {error}") from error
        try:
            members = self._zip.infolist()
            for member in members:
                self._check(member)
            self._check_sizes(members, path.stat().st_size)
            self._members = self._index(members)
            self._listings = self._list()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "WheelTree":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._zip.close()
        if isinstance(error, _DAMAGE):
            raise self._bad(f"is damaged: {error}") from error

    def listing(self, folder: str) -> Listing:
        """Return the members directly in a folder; a wheel has no links."""
        return self._listings.get(folder, Listing())

    def size(self, path: str) -> int:
        """Return the declared size, which reading is held to."""
        return self._members[path].file_size

    def open(self, path: str) -> IO[bytes]:
        """Open a member; what is wrong with its bytes shows when they are read."""
        try:
            return self._zip.open(self._members[path])
        except _NONSENSE as error:
            raise self._bad(f"is damaged at `{path}`: {error}") from error

    def _check(self, member: ZipInfo) -> None:
        name = member.orig_filename  # not `filename`, which ends at a NUL
        if name != member.filename or not _is_plain(name.removesuffix("/")):
            raise self._bad(f"has a member whose path isn't a plain one inside it, {name[:_MAX_NAME]!r}")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise self._bad(f"has a member that is a link or a device, {name!r}")
        if member.flag_bits & _ENCRYPTED or member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise self._bad(f"has a member that is encrypted, or packed in a way that wheels don't use, {name!r}")

    def _check_sizes(self, members: list[ZipInfo], packed: int) -> None:
        total = sum(member.file_size for member in members)
        if total > MAX_TOTAL:
            raise self._bad(f"would unpack to {total} bytes, more than the {MAX_TOTAL} that npuspec unpacks")
        if total > RATIO_FROM and total > MAX_RATIO * packed:
            raise self._bad(f"would unpack from {packed} bytes to {total}, as a zip bomb does")
        if sum(member.compress_size for member in members) > packed:
            raise self._bad("has members that overlap, as a zip bomb's do")

    def _index(self, members: list[ZipInfo]) -> dict[str, ZipInfo]:
        files: dict[str, ZipInfo] = {}
        for member in members:
            if member.is_dir():
                continue
            if member.filename in files:
                raise self._bad(f"has two members of the same name, {member.filename!r}")
            files[member.filename] = member
        return files

    def _list(self) -> dict[str, Listing]:
        files: dict[str, list[str]] = {}
        folders: dict[str, set[str]] = {}
        for path in self._members:
            parent, _, name = path.rpartition("/")
            files.setdefault(parent, []).append(name)
            for folder in PurePosixPath(path).parents:
                above, _, name = str(folder).rpartition("/")
                if name not in {"", "."}:
                    folders.setdefault(above, set()).add(name)
        if both := self._members.keys() & (files.keys() | folders.keys()):
            raise self._bad(f"has members inside what is a file, {min(both)!r}")
        both = files.keys() | folders.keys()
        return {k: Listing(tuple(sorted(files.get(k, ()))), tuple(sorted(folders.get(k, ())))) for k in both}

    def _bad(self, what: str) -> Fault:
        return Fault(
            "bad-wheel",
            f"{self.name} {what}",
            "use another version, or tell the package's authors; nothing of this one was unpacked",
        )


def _is_plain(path: str) -> bool:
    try:
        return len(path) <= _MAX_NAME and inner_path(path) == path
    except Fault:
        return False
