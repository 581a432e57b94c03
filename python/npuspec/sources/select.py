"""Which files a source's path names: one by its literal path, all that a glob matches, or a folder's samples."""

import re
from collections.abc import Iterator
from fnmatch import translate
from itertools import islice

from npuspec.diagnostics.suggest import did_you_mean
from npuspec.sources.faults import Fault
from npuspec.sources.kinds import SAMPLES, suffix_of
from npuspec.sources.tree import Tree

_ENOUGH = 1000  # names to look for a likely one in


def join(folder: str, name: str) -> str:
    """Join two POSIX paths; "" is the top."""
    return f"{folder}/{name}" if folder else name


def find(tree: Tree, path: str) -> str:
    """Return the path if it is a file's.

    Raises:
        Fault: `missing-file`, naming the likeliest sibling; or the tree's own.

    """
    folder = ""
    *parents, name = path.split("/")
    for part in parents:
        here = tree.listing(folder)
        if part not in here.folders and part not in here.links:
            raise _missing(tree, path, folder, part, (*here.folders, *here.links))
        folder = join(folder, part)
    here = tree.listing(folder)
    if name not in here.files:
        if name in here.folders or name in here.links:
            raise Fault(
                "missing-file",
                f"`{path}` in {tree.name} is a folder",
                "name a file in it; only the samples of [data] may be a folder",
            )
        raise _missing(tree, path, folder, name, (*here.files, *here.folders))
    return path


def _missing(tree: Tree, path: str, folder: str, part: str, known: tuple[str, ...]) -> Fault:
    what = f"there is no `{path}` in {tree.name}" + ("" if path.endswith(part) else f": `{part}` isn't there")
    guess = _guess(part, known)
    if guess and folder:
        guess = f"in `{folder}`: {guess}"
    return Fault("missing-file", what, guess or "check the path; it is relative, and case counts")


def _guess(part: str, known: tuple[str, ...]) -> str:
    return did_you_mean(part, islice(filter(str.isprintable, known), _ENOUGH))


def has_wildcard(path: str) -> bool:
    """Tell whether a path is a pattern."""
    return any(character in path for character in "*?[")


def samples(tree: Tree, path: str) -> tuple[str, list[str]]:
    """Return a folder, and the sorted paths of all files below it that may be samples; of any other path, see `match`.

    As of a glob, what has a leading dot is passed over, and no link is walked.

    Raises:
        Fault: `no-data`, `missing-file`, or the tree's own.

    """
    if has_wildcard(path) or not _is_folder(tree, path):
        return match(tree, path)
    below = sorted(_walk(tree, path, _Pattern(["**"])))
    found = [file for file in below if suffix_of(file) in SAMPLES]
    if not found:
        others = f": of its {len(below)} file(s), `{below[0]}` is none" if below else ""
        raise Fault(
            "no-data",
            f"the folder `{path}` in {tree.name} holds no samples{others}",
            f"samples are {', '.join(SAMPLES)}",
        )
    return path, found


def _is_folder(tree: Tree, path: str) -> bool:
    """Tell whether a literal path is a folder's, or a link to one."""
    parent, _, name = path.rpartition("/")
    here = tree.listing(parent)
    return name not in here.files and name in (*here.folders, *here.links)


def match(tree: Tree, pattern: str) -> tuple[str, list[str]]:
    """Return the folder before the first wildcard, and the sorted paths below it that the pattern matches.

    `*`, `?` and `[…]` match within a name (`[[]` is a bracket), `**` any number of folders, and at the end every file
    below. As in a shell a leading dot is only matched by a dot. A pattern without wildcards is one file.

    Raises:
        Fault: `no-data`, `missing-file`, or the tree's own.

    """
    if not has_wildcard(pattern):
        folder, _, name = find(tree, pattern).rpartition("/")
        return folder, [name]
    parts = pattern.split("/")
    first = next(i for i, part in enumerate(parts) if has_wildcard(part))
    top = "/".join(parts[:first])
    paths = sorted(_walk(tree, top, _Pattern(parts[first:])))
    if not paths:
        raise Fault(
            "no-data",
            f"`{pattern}` matches no file in {tree.name}",
            _likely_folder(tree, parts[:first])
            or "`**/` stands for any folders, case counts, and `*` matches no `.name`",
        )
    return top, paths


def _likely_folder(tree: Tree, parents: list[str]) -> str:
    """Say which part of the pattern's literal folder isn't there, if one isn't."""
    folder = ""
    for part in parents:
        here = tree.listing(folder)
        known = (*here.folders, *here.links)
        if part not in known:
            guess = _guess(part, known)
            return f"there is no folder `{join(folder, part)}`" + (f": {guess}" if guess else "")
        folder = join(folder, part)
    return ""


class _Pattern:
    """A glob's parts; where a walk stands in it is the set of parts that may come next."""

    def __init__(self, parts: list[str]) -> None:
        # `**` after `**` adds nothing, and each part is looked at in each folder.
        parts = [part for before, part in zip(["", *parts], parts, strict=False) if (before, part) != ("**", "**")]
        self._parts = [None if part == "**" else re.compile(translate(part)) for part in parts]
        self._dots = [part.startswith(".") for part in parts]

    def matches(self, at: frozenset[int], name: str) -> bool:
        """Tell whether a file of that name ends the pattern."""
        return any(i == len(self._parts) - 1 and self._fits(i, name) for i in self._open(at))

    def into(self, at: frozenset[int], name: str) -> frozenset[int]:
        """Return where the pattern stands in the folder of that name; empty if it can't match there."""
        fitting = [i for i in self._open(at) if self._fits(i, name)]
        return frozenset(i if self._parts[i] is None else i + 1 for i in fitting) - {len(self._parts)}

    def _open(self, at: frozenset[int]) -> set[int]:
        reached = set(at)
        for i, part in enumerate(self._parts[:-1]):
            if i in reached and part is None:
                reached.add(i + 1)
        return reached

    def _fits(self, i: int, name: str) -> bool:
        part = self._parts[i]
        return self._dots[i] >= name.startswith(".") and (part is None or part.match(name) is not None)


def _walk(tree: Tree, top: str, pattern: _Pattern) -> Iterator[str]:
    todo = [("", frozenset({0}))]
    while todo:
        below, at = todo.pop()
        here = tree.listing(join(top, below) if below else top)
        yield from (join(below, name) for name in here.files if pattern.matches(at, name))
        todo += [(join(below, name), then) for name in here.folders if (then := pattern.into(at, name))]
