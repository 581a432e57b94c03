"""Put a bundle in its place: a new version is made beside the old one, and one small file switches between them.

    PATH/CURRENT            the digest of the current version's manifest
    PATH/versions/<digest>/ a version; files in it never change

No file that a reader may have open is ever replaced or renamed, so this holds on Windows too. The version before the
current one is kept for readers that are about to open it.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec import to_builtins

from npuspec.bundle.manifest import MANIFEST, FileRecord, Manifest
from npuspec.bundle.reader import DIGEST, POINTER, VERSIONS, current_version, open_version
from npuspec.diagnostics import BundleError, Diagnostic, SpecError
from npuspec.store import canonical_json, digest_bytes, digest_file, fsync_tree

_LOCK = ".lock"
_SCRATCH = "tmp-"
_TRIES = 100  # of the switch, 0.02 s apart: on Windows a reader may hold the pointer open for a moment


def check_place(path: Path) -> None:
    """Make sure that a bundle may go to `path`.

    Raises:
        SpecError: `output-taken`: something else is there.

    """
    if path.exists() and not path.is_dir():
        raise SpecError(Diagnostic("output-taken", f"`{path}` is a file", "name another place: -o PATH"))
    if path.is_dir() and not _is_ours(path):
        raise SpecError(
            Diagnostic("output-taken", f"`{path}` holds other files", "name a new or empty folder: -o PATH")
        )


@contextmanager
def staging(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside the versions of the bundle at `path`; it is gone afterwards.

    Waits for another process that is at the same place, which is a matter of seconds: what takes long is done before.
    """
    check_place(path)
    (path / VERSIONS).mkdir(parents=True, exist_ok=True)
    with FileLock(path / _LOCK):
        _clear(path, keep=set())
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=path / VERSIONS))
        scratch.chmod(0o777 & ~_umask())
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _umask() -> int:
    """Return what the user keeps from others; what tempfile makes is its owner's alone, and a bundle is for all."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _is_ours(path: Path) -> bool:
    """Tell whether a folder is a bundle, or holds nothing but what a killed or damaged one may hold."""
    if _version_before(path):
        return True
    if any(p.name not in (POINTER, VERSIONS, _LOCK) for p in path.iterdir()) or (path / POINTER).is_dir():
        return False
    versions = path / VERSIONS
    return not versions.exists() or (
        versions.is_dir() and all(p.name.startswith(_SCRATCH) or DIGEST.fullmatch(p.name) for p in versions.iterdir())
    )


def records(folder: Path) -> dict[str, FileRecord]:
    """Return the record of every file below a folder, for a manifest."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): FileRecord(sha256=digest_file(p), size=p.stat().st_size) for p in files}


def publish(path: Path, scratch: Path, manifest: Manifest) -> str:
    """Make the files in `scratch` the current version of the bundle at `path`, in one step; return its digest.

    Raises:
        ValueError: the manifest is one that nobody would read.

    """
    data = canonical_json(to_builtins(manifest))
    msgspec.json.decode(data, type=Manifest)
    digest = digest_bytes(data)
    (scratch / MANIFEST).write_bytes(data)
    fsync_tree(scratch)
    before = _version_before(path)
    target = path / VERSIONS / digest
    if not _is_whole(target):  # what lies there was left by an apply that was killed, or is damaged
        _remove_version(target)
        scratch.rename(target)
        _fsync_folder(target.parent)
    _point(path, digest)
    if digest != before:
        _clear(path, keep={digest, before})
    return digest


def _is_whole(version: Path) -> bool:
    try:
        open_version(version)
    except (BundleError, FileNotFoundError):
        return False
    return True


def _version_before(path: Path) -> str:
    try:
        return current_version(path)
    except BundleError:
        return ""


def _point(path: Path, digest: str) -> None:
    handle, name = tempfile.mkstemp(prefix=_SCRATCH, dir=path / VERSIONS)
    Path(name).chmod(0o666 & ~_umask())
    with os.fdopen(handle, "wb") as file:
        file.write(f"{digest}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    for attempt in range(_TRIES):
        try:
            Path(name).replace(path / POINTER)
            break
        except PermissionError:
            if attempt + 1 == _TRIES:
                Path(name).unlink()
                raise
            time.sleep(0.02)
    _fsync_folder(path)


def _fsync_folder(folder: Path) -> None:
    """Flush a folder's own entries to the disk, where a folder can be opened."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _clear(path: Path, keep: set[str]) -> None:
    """Take away scratch folders, and with `keep` all other versions.

    What a reader on Windows holds open stays for the next time.
    """
    for entry in (path / VERSIONS).iterdir():
        if entry.name.startswith(_SCRATCH):
            shutil.rmtree(entry, ignore_errors=True)
            with contextlib.suppress(OSError):
                entry.unlink(missing_ok=True)
        elif keep and entry.name not in keep and DIGEST.fullmatch(entry.name):
            _remove_version(entry)


def _remove_version(version: Path) -> None:
    """Remove a version, its manifest first: a reader that comes too late sees it gone, not broken."""
    with contextlib.suppress(OSError):
        if version.is_symlink() or version.is_file():
            version.unlink()
        (version / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(version, ignore_errors=True)
