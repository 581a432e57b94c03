"""The spec's folder as it was at a revision of git.

Objects are read as git keeps them: no hook, filter, textconv or other program of the repository is run.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from npuspec.diagnostics import Diagnostic
from npuspec.sources.faults import Fault
from npuspec.sources.local import LocalTree
from npuspec.sources.select import join
from npuspec.sources.tree import Listing

_COMMAND = ("git", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
# Inside of a hook these name a repository, and here the spec's folder does.
_DROPPED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
_SET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\n")
_LARGEST_POINTER = 1024  # bytes
_MOST_LINKS = 40
_INSTEAD = "--base compares with a revision of git; without one name two plans"


@dataclass(frozen=True, slots=True)
class _Entry:
    """What git keeps at a path: `file`, `link`, or `module` for another repository."""

    kind: str
    object: str
    size: int


class GitTree:
    """A folder at a revision. What git doesn't track, then or now, is taken from the working tree and noted."""

    def __init__(self, folder: Path, revision: str) -> None:
        """Read what is there.

        Raises:
            Fault: `unknown-revision`, or `no-repository`.

        """
        self.name = f"the spec's folder at `{revision}`"
        self.borrowed: set[str] = set()
        """The files of the working tree that were opened."""
        self._folder = folder
        self._here = LocalTree(folder)
        top = f"{_commit(folder, revision)}:{_git(folder, 'rev-parse', '--show-prefix').decode()[:-1].rstrip('/')}"
        self._entries = dict(_entries(folder, top))
        self._names: dict[str, set[str]] = {"": set()}
        for path in self._entries:
            self._add(path)
        tracked = _git(folder, "ls-files", "-z").split(b"\0")
        self._tracked = {os.fsdecode(path) for path in tracked}

    def holds(self, path: str) -> bool:
        """Tell whether git has a file there at the revision."""
        return (found := self._entries.get(self._follow(path))) is not None and found.kind == "file"

    def listing(self, folder: str) -> Listing:
        """Return what git has in a folder, and what the working tree has beside it that git doesn't track."""
        real = self._follow(folder)
        files, folders, links = set[str](), set[str](), set[str]()
        for name in self._names.get(real, ()):
            path = join(real, name)
            if path in self._names:
                folders.add(name)
            elif self._entries[path].kind == "file":
                files.add(name)
            elif self._entries[path].kind == "link":
                self._sort_link(path, name, files, links)
        if self._is_only_in_git(real):
            return Listing(tuple(sorted(files)), tuple(sorted(folders)), tuple(sorted(links)))
        here = self._here.listing(real)
        new = {n for n in (*here.files, *here.links) if join(real, n) not in self._tracked} - files - folders - links
        return Listing(
            tuple(sorted(files | (new & {*here.files}))),
            tuple(sorted(folders | ({*here.folders} - files - links))),
            tuple(sorted(links | (new & {*here.links}))),
        )

    def size(self, path: str) -> int:
        """Return the size that it had."""
        if (entry := self._entries.get(self._follow(path))) is None:
            return self._here.size(path)
        return entry.size if (kept := self._large(path, entry)) is None else kept.stat().st_size

    def open(self, path: str) -> IO[bytes]:
        """Open a copy that vanishes with it, or the file of the working tree."""
        if (entry := self._entries.get(self._follow(path))) is None:
            self.borrowed.add(path)
            return self._here.open(path)
        if (kept := self._large(path, entry)) is not None:
            return kept.open("rb")
        copy = TemporaryFile()  # noqa: SIM115  the caller closes it
        try:
            _git(self._folder, "cat-file", "blob", entry.object, into=copy)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy

    def _add(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        if folder not in self._names:
            self._names[folder] = set()
            self._add(folder)
        self._names[folder].add(name)

    def _is_only_in_git(self, folder: str) -> bool:
        """Tell whether the working tree has nothing to add: it has no such folder, or a link in its place."""
        place = self._folder / folder
        return folder != "" and (not place.is_dir() or any(p.is_symlink() for p in (place, *place.parents)[:-1]))

    def _sort_link(self, path: str, name: str, files: set[str], links: set[str]) -> None:
        """Put a link among the files or the links to folders; one that leads out is refused when it is used."""
        try:
            target = self._follow(path)
        except Fault:
            files.add(name)
            links.add(name)
            return
        if target in self._entries:
            files.add(name)
        elif target in self._names:
            links.add(name)

    def _follow(self, path: str) -> str:
        """Return the path without links in it."""
        parts, done, followed = path.split("/") if path else [], "", 0
        while parts:
            part = parts.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    raise self._outside(path)
                done = done.rpartition("/")[0]
                continue
            here = join(done, part)
            entry = self._entries.get(here)
            if entry is None or entry.kind != "link":
                done = here
                continue
            target = os.fsdecode(_git(self._folder, "cat-file", "blob", entry.object))
            followed += 1
            if target.startswith("/") or followed > _MOST_LINKS:
                raise self._outside(path)
            parts = [*target.split("/"), *parts]
        return done

    def _outside(self, path: str) -> Fault:
        message = f"`{path}` is, or goes through, a link that leads out of {self.name}, or in a circle"
        return Fault("path-outside", message, "copy the file in beside the spec")

    def _large(self, path: str, entry: _Entry) -> Path | None:
        """Return where Git LFS keeps the content, if git itself has only a pointer to it."""
        if entry.size > _LARGEST_POINTER:
            return None
        found = _POINTER.match(_git(self._folder, "cat-file", "blob", entry.object))
        if found is None:
            return None
        digest = found[1].decode()
        common = self._folder / os.fsdecode(_git(self._folder, "rev-parse", "--git-common-dir"))[:-1]
        kept = common / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
        if not kept.is_file():
            raise Fault(
                "lfs-pointer",
                f"`{path}` in {self.name} is a pointer of Git LFS, and what it points to isn't on this disk",
                "git lfs fetch origin REVISION; or compare plans: npuspec plan --json",
            )
        return kept


def tree_at(folder: Path, revision: str) -> tuple[GitTree | None, list[Diagnostic]]:
    """Return the folder as it was at a revision."""
    try:
        return GitTree(folder, revision), []
    except Fault as fault:
        return None, [Diagnostic(fault.code, str(fault), fault.help)]


def read_at(tree: GitTree, name: str, most: int) -> tuple[bytes | None, list[Diagnostic]]:
    """Return a file that git has at the revision, up to `most` bytes and one; None where there is none."""
    try:
        if not tree.holds(name):
            return None, []
        with tree.open(name) as file:
            return file.read(most + 1), []
    except Fault as fault:
        return None, [Diagnostic(fault.code, str(fault), fault.help)]


def _commit(folder: Path, revision: str) -> str:
    """Return the name of the commit, which no option and no path can be taken for."""
    _git(folder, "rev-parse", "--git-dir")
    name = b""
    if revision.isprintable() and not revision.startswith("-"):
        with suppress(Fault):
            name = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not name:
        raise Fault(
            "unknown-revision",
            f"git knows no revision `{revision}`",
            "name a commit, branch or tag that is on this disk: git fetch origin main, then --base origin/main",
        )
    return name.decode().strip()


def _entries(folder: Path, top: str) -> Iterator[tuple[str, _Entry]]:
    """Yield everything below a folder at a commit by its path."""
    try:
        _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", top)
    except Fault:
        return  # there was no such folder
    kinds = {b"120000": "link", b"160000": "module"}
    for row in _git(folder, "ls-tree", "-r", "-z", "-l", "--full-tree", top).split(b"\0")[:-1]:
        head, _, path = row.partition(b"\t")
        mode, _, name, size = head.split()
        yield os.fsdecode(path), _Entry(kinds.get(mode, "file"), name.decode(), 0 if size == b"-" else int(size))


def _git(folder: Path, *arguments: str, into: IO[bytes] | None = None) -> bytes:
    """Run git in a folder and return what it prints, or write that into a file."""
    environment = {name: value for name, value in os.environ.items() if name not in _DROPPED} | _SET
    try:
        done = subprocess.run(
            [*_COMMAND, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if into is None else into,
            stderr=subprocess.PIPE,
            check=False,
        )
    except FileNotFoundError:
        what = "there is no program `git`" if folder.is_dir() else f"there is no folder `{folder}`"
        raise Fault("no-repository", what, _INSTEAD) from None
    except OSError as error:
        raise Fault("no-repository", f"git can't be run: {error.strerror}", _INSTEAD) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it ended with an error"]
        raise Fault("no-repository", f"git can't read `{folder}`: {said[0].removeprefix('fatal: ')}", _INSTEAD)
    return done.stdout or b""
