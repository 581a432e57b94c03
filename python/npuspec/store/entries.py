"""Sealed folders: made beside their place, listed file by file with SHA-256, and moved there in one step."""

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from npuspec.store.digest import canonical_json, digest_file
from npuspec.store.recall import look

CACHE_VARIABLE = "NPUSPEC_CACHE"
SEAL = "seal.json"
_ALIVE = "alive"  # a lock that the maker of a scratch folder holds until it ends, however it ends
_ABANDONED_AFTER = 3600.0  # seconds; a folder without a lock is younger while it is being set up

_log = logging.getLogger("npuspec")


def cache_dir() -> Path:
    """Return `$NPUSPEC_CACHE`, or else the user's cache folder for npuspec."""
    if override := os.environ.get(CACHE_VARIABLE):
        return Path(override).absolute()
    from platformdirs import user_cache_path  # noqa: PLC0415  only where no folder is named

    return user_cache_path("npuspec")


def fsync_tree(folder: Path) -> None:
    """Flush every file below a folder to the disk, and on POSIX the folders' own entries too."""
    for path in (*sorted(folder.rglob("*")), folder):
        if path.is_dir() and os.name == "nt":
            continue
        handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Store:
    """A cache of sealed folders below `root`, safe to share between processes and to kill at any moment."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else cache_dir()

    def get(self, kind: str, key: str) -> Path | None:
        """Return the entry's folder if it is there and whole; a damaged one is taken out and reported."""
        folder = self.root / kind / key
        look(folder)
        if not os.path.lexists(folder):
            return None
        if _is_whole(folder):
            return folder
        _log.warning("cache entry %s/%s is damaged: made again", kind, key[:12])
        self.drop(kind, key)
        return None

    def drop(self, kind: str, key: str) -> None:
        """Take an entry out, in one step."""
        with self.scratch() as scratch, suppress(FileNotFoundError):
            (self.root / kind / key).rename(scratch / "dropped")

    @contextmanager
    def making(self, kind: str, key: str) -> Iterator[Path]:
        """Yield an empty folder to fill; on success it is sealed and becomes the entry, on an exception it is gone.

        Where another process made the same entry meanwhile, that one stays.
        """
        with self.scratch() as scratch:
            folder = scratch / "entry"
            folder.mkdir()
            yield folder
            _seal(folder)
            target = self.root / kind / key
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.rename(target)
            except OSError:
                if not _is_whole(target):
                    self.drop(kind, key)
                    folder.rename(target)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a folder of our own on the same file system, clearing away what killed processes left."""
        from filelock import FileLock  # noqa: PLC0415  slow to import, and not needed to look an entry up

        parent = self.root / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        for old in parent.iterdir():
            with suppress(OSError):  # Timeout is one: its maker is alive
                if time.time() - old.stat().st_mtime > _ABANDONED_AFTER:
                    with FileLock(old / _ALIVE, timeout=0):
                        pass
                    shutil.rmtree(old, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=parent))
        try:
            with FileLock(scratch / _ALIVE):
                yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir() and p != folder / SEAL)


def _seal(folder: Path) -> None:
    listing = {name: digest_file(folder / name) for name in _files(folder)}
    (folder / SEAL).write_bytes(canonical_json(listing))
    fsync_tree(folder)


def _is_whole(folder: Path) -> bool:
    look(folder / SEAL)
    try:
        listing = json.loads((folder / SEAL).read_bytes())
        look(*(path for name in listing for path in (folder / name, (folder / name).parent)))
        return _files(folder) == sorted(listing) and all(digest_file(folder / n) == d for n, d in listing.items())
    except (OSError, ValueError, TypeError, AttributeError):
        return False
