"""Open a bundle: find the current version, and refuse what isn't as its manifest says.

A version's manifest is held against the name of its folder, and names and sizes of all files against the manifest.
Their content is hashed either when the bundle is opened, or, where it is opened to be run, of each file that is used.
"""

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from npuspec.bundle.manifest import MANIFEST, Manifest
from npuspec.diagnostics import BundleError, Diagnostic
from npuspec.store import digest_bytes, digest_file

POINTER = "CURRENT"
VERSIONS = "versions"
DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_MANIFEST = 16 * 1024 * 1024
_TRIES = 20  # a reader that finds its version gone was overtaken by two writers, each time anew


@dataclass(frozen=True, slots=True)
class Bundle:
    """A version of a bundle, which gives no file that isn't as the manifest lists it.

    Attributes:
        hashed: whether the content of all files was looked at when the bundle was opened.

    """

    root: Path
    manifest: Manifest
    hashed: bool

    def path(self, name: str) -> Path:
        """Return the place of one of the files that the manifest lists, which is hashed unless all of them were."""
        if not self.hashed:
            with open_errors(self.root):
                self.hold(name, digest_file(self.root / name))
        return self.root / self._listed(name)

    def hold(self, name: str, digest: str) -> None:
        """Refuse a file whose content, as it was read, has another digest than the manifest says."""
        if digest != self.manifest.files[self._listed(name)].sha256:
            raise _broken(self.root, f"`{name}` was changed")

    def _listed(self, name: str) -> str:
        if name not in self.manifest.files:
            raise _broken(self.root, f"it has no file `{name}`")
        return name


def open_bundle(path: Path, *, hashed: bool = True) -> Bundle:
    """Open the current version of the bundle at `path`.

    While a writer is at work, this is the whole old or the whole new version.

    Args:
        path: the bundle.
        hashed: look at the content of every file now; else of those that are asked for, each time that they are.

    Raises:
        BundleError: `no-bundle`, `broken-bundle` or `bundle-format`.

    """
    failed = ""
    for _ in range(_TRIES):
        version = current_version(path)
        try:
            return open_version(path / VERSIONS / version, hashed=hashed)
        except (BundleError, FileNotFoundError) as error:
            # Once may be a writer that clears this version away, even where the pointer names it anew.
            if version == failed:
                if isinstance(error, BundleError):
                    raise
                raise _broken(path, f"version {version[:12]} isn't there") from None
            failed = version
    raise _broken(path, "it changes faster than it can be read")


def current_version(path: Path) -> str:
    """Return the digest that the pointer names."""
    with open_errors(path):
        if not path.is_dir():
            raise BundleError(
                Diagnostic("no-bundle", f"there is no bundle at `{path}`", "make one: npuspec apply SPEC -o PATH")
            )
        for attempt in range(_TRIES):
            try:
                text = (path / POINTER).read_bytes()[:80].decode("ascii", "replace")
                break
            except PermissionError:  # Windows, in the moment of the switch
                if attempt + 1 == _TRIES:
                    raise
                time.sleep(0.01)
            except FileNotFoundError:
                message = f"`{path}` holds no finished bundle"
                raise BundleError(Diagnostic("no-bundle", message, "make one: npuspec apply SPEC -o PATH")) from None
    if not (text.endswith("\n") and DIGEST.fullmatch(text[:-1])):
        raise _broken(path, f"its {POINTER} file names no version")
    return text[:-1]


@contextmanager
def open_errors(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into an error of ours; a missing file stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except PermissionError as error:
        message = f"the bundle `{path}` can't be read: {error.strerror}"
        raise BundleError(Diagnostic("broken-bundle", message, "look at the rights of its files")) from None
    except OSError as error:
        raise _broken(path, f"it can't be read: {error.strerror}") from None


def open_version(root: Path, *, hashed: bool = True) -> Bundle:
    """Open one version by its folder. Raises FileNotFoundError where a file isn't there that had been a moment ago."""
    with open_errors(root):
        manifest = _read_manifest(root)
        for why in _damages(root, manifest, hashed=hashed):
            raise _broken(root, why)
    return Bundle(root, manifest, hashed)


def verify_bundle(path: Path) -> tuple[Bundle, list[str]]:
    """Look at every byte of the current version, and return all that isn't as its manifest says.

    Raises:
        BundleError: there is no manifest to hold it against.

    """
    for _ in range(_TRIES):
        root = path / VERSIONS / current_version(path)
        try:
            with open_errors(root):
                manifest = _read_manifest(root)
                found = list(_damages(root, manifest, hashed=True))
                if not found or (root / MANIFEST).exists():  # it is gone where a writer clears this version away
                    return Bundle(root, manifest, hashed=not found), found
        except FileNotFoundError:
            if current_version(path) == root.name:
                raise _broken(path, f"version {root.name[:12]} isn't there") from None
    raise _broken(path, "it changes faster than it can be read")


def _read_manifest(root: Path) -> Manifest:
    status = (root / MANIFEST).lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_MANIFEST:
        raise _broken(root, "its manifest is no file, or too large")
    data = (root / MANIFEST).read_bytes()
    if digest_bytes(data) != root.name:
        raise _broken(root, "its manifest isn't the one that its name stands for")
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (ValueError, RecursionError) as error:
        message = f"the bundle's manifest isn't of the format that this version reads: {error}"
        raise BundleError(
            Diagnostic("bundle-format", message, "make the bundle again with this version of npuspec")
        ) from None


def _damages(root: Path, manifest: Manifest, *, hashed: bool) -> Iterator[str]:
    """Compare every file with its record; links, pipes and the like are no files of a bundle."""
    found = {p.relative_to(root).as_posix(): status for p in root.rglob("*") if not _is_folder(status := p.lstat())}
    found.pop(MANIFEST, None)
    yield from (f"`{name}` isn't in its manifest" for name in sorted(found.keys() - manifest.files.keys()))
    for name, record in sorted(manifest.files.items()):
        if name not in found:
            yield f"`{name}` is missing"
            continue
        status = found[name]
        if (
            not stat.S_ISREG(status.st_mode)
            or status.st_size != record.size
            or (hashed and digest_file(root / name) != record.sha256)
        ):
            yield f"`{name}` was changed"


def _is_folder(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode)


def _broken(path: Path, why: str) -> BundleError:
    place = path.parent.parent if path.parent.name == VERSIONS else path
    return BundleError(
        Diagnostic(
            "broken-bundle",
            f"the bundle `{place}` is broken: {why}",
            "copy it again, or make it again: npuspec apply SPEC",
        )
    )
