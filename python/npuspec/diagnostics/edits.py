"""Where in a TOML text the edits of a mend stand: a rename has many places, what is removed takes its line or comma.

Reads nothing but the text and the spans of its keys and values. What comes out is a proposal: `mend` checks what the
changed text says before anyone takes it.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, islice, pairwise, takewhile
from typing import NamedTuple

from npuspec.diagnostics.model import Edit, Path

Span = tuple[int, int]
Spans = Mapping[Path, tuple[Span | None, Span]]
"""The bytes of each path's key and value, parents before their children. The value of a table is its header if it has
one; the "value" of a table that only longer keys name is its key."""

_KEY = re.compile(rb"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s.=\[\]{}"'#,]+)[ \t]*(\.?)""")
_BETWEEN = re.compile(rb"(?:[ \t\r\n]|#[^\n]*)*")  # what may stand between the items of an array
_BLANKS = re.compile(rb"[ \t]*")
_REST = re.compile(rb"[ \t]*(#[^\n]*)?(?:\r?\n|\Z)")  # of a line, behind a value


class Change(NamedTuple):
    """Bytes of a text, and what takes their place."""

    start: int
    end: int
    text: str


class _Item(NamedTuple):
    """An item of an array or an inline table, and where the comma behind it stands."""

    start: int
    end: int
    comma: int | None


def resolve(edits: Sequence[Edit], layout: "Layout") -> list[Change]:
    """Return the changes that edits mean together, in the order of the text.

    There are none if one edit has no place in the text, or two of them meet: a mend is whole or isn't one.
    """
    if not all(edit.path in layout for edit in edits):
        return []
    changes: set[Change] = set()
    gone = [edit.path for edit in edits if edit.part == "entry" and not edit.text]
    changes.update(Change(*span, "") for span in layout.removed(gone))
    for edit in edits:
        if edit.part == "entry" and not edit.text:
            continue
        places = (
            layout.keys(edit.path) if edit.part == "key" else layout.written(edit.path, with_key=edit.part == "entry")
        )
        if not places:
            return []
        changes.update(Change(*place, edit.text) for place in places)
    ordered = sorted(changes)
    return [] if any(after.start < before.end for before, after in pairwise(ordered)) else ordered


class Layout:
    """How the entries of one text are written.

    An entry is one of: a table with a header, a statement on lines of its own, an item within brackets or braces, or a
    table that is written nowhere but in longer keys.
    """

    def __init__(self, text: str, spans: Spans) -> None:
        self._data = text.encode()
        self._spans = spans
        self._order = list(spans)
        self._rank = {path: rank for rank, path in enumerate(self._order)}
        self._headers = sorted({value for path, (_, value) in spans.items() if self._has_header(path)})

    def __contains__(self, path: Path) -> bool:
        return path in self._spans

    def keys(self, path: Path) -> list[Span]:
        """Return each place where a path's last key is written: every header and dotted key below it repeats it."""
        if not isinstance(path[-1], str):
            return []
        found = set()
        for unit in self._units(path):
            keys = self._dotted(unit)
            if self._has_header(unit):
                index = sum(isinstance(step, str) for step in path) - 1
            else:
                index = len(keys) - 1 - (len(unit) - len(path))
            if 0 <= index < len(keys):  # else the key stands in a header above
                found.add(keys[index])
        return sorted(found)

    def written(self, path: Path, *, with_key: bool) -> list[Span]:
        """Return the place of a value, or of an entry with its key; none for tables that are written line by line."""
        key, value = self._spans[path]
        if not self._is_written(path) or self._has_header(path):
            return []
        return [(key[0] if with_key and key else value[0], value[1])]

    def removed(self, paths: Sequence[Path]) -> list[Span]:
        """Return what has to go for these entries to be gone: lines, sections, and items with their commas."""
        units = dict.fromkeys(unit for path in paths for unit in self._units(path))
        sections = list(self._sections({self._spans[unit][1] for unit in units if self._has_header(unit)}))
        spans, items = set(sections), defaultdict(set)
        for unit in units:
            start, end = self._spans[unit][1]
            if self._has_header(unit) or any(first <= start and end <= last for first, last in sections):
                continue
            if container := self._container(unit):
                items[container].add(end)
            else:
                spans.add(self._statement(unit))
        for container, ends in items.items():
            spans.update(self._cut(container, ends))
        return _merged(spans)

    def _has_header(self, path: Path) -> bool:
        key, value = self._spans[path]
        if key is None:
            return self._has_header(path[:-1])
        return value[0] < key[0] and key[1] < value[1]

    def _container(self, path: Path) -> Path | None:
        """Return the array or inline table whose brackets an entry stands in."""
        above = (path[:length] for length in range(len(path) - 1, 0, -1))
        written = next(filter(self._is_written, above), None)
        return None if written is None or self._has_header(written) else written

    def _units(self, path: Path) -> list[Path]:
        """Return what a path consists of in the text: itself, or the headers, statements and items that name it."""
        size = len(path)
        below = self._below(path)
        return [unit for unit in below if self._is_written(unit) and len(self._container(unit) or ()) < size]

    def _below(self, path: Path) -> Iterator[Path]:
        """Yield a path and all below it, which follow it in the order of the spans."""
        return takewhile(lambda unit: unit[: len(path)] == path, islice(self._order, self._rank[path], None))

    def _is_written(self, path: Path) -> bool:
        key, value = self._spans[path]
        return key != value

    def _dotted(self, unit: Path) -> list[Span]:
        """Return the parts of the key or header that a unit is written with."""
        key, value = self._spans[unit]
        if self._has_header(unit):
            position = value[0] + (2 if self._data.startswith(b"[[", value[0]) else 1)
        elif container := self._container(unit):
            position = next(item.start for item in self._items(container) if item.end == value[1])
        else:
            position = self._line(key[0] if key else value[0])
        parts = []
        while match := _KEY.match(self._data, position):
            parts.append(match.span(1))
            position = match.end()
            if not match[2]:
                break
        return parts

    def _line(self, position: int) -> int:
        return self._data.rfind(b"\n", 0, position) + 1

    def _after_line(self, position: int) -> int:
        return self._data.find(b"\n", position) + 1 or len(self._data)

    def _whole_lines(self, start: int, end: int) -> Span | None:
        """Return the lines that hold nothing but these bytes; of a line with a comment, what stands before that."""
        rest = _REST.match(self._data, end)
        if rest is None or self._data[self._line(start) : start].strip():
            return None
        return (start, rest.start(1)) if rest[1] else (self._line(start), rest.end())

    def _statement(self, unit: Path) -> Span:
        key, value = self._spans[unit]
        first = key[0] if key else value[0]
        start = _BLANKS.match(self._data, self._line(first)).end()  # type: ignore[union-attr]  # matches nothing, too
        return self._whole_lines(start, value[1]) or (start, value[1])

    def _sections(self, gone: Collection[Span]) -> Iterator[Span]:
        """Yield the lines of tables, from their header to the next one that stays.

        Comments that touch a table's last line are its own, unless they touch the next header too. Blank lines below
        go with it, and if nothing follows, those above.
        """
        for is_gone, run in groupby(self._headers, key=lambda header: header in gone):
            if not is_gone:
                continue
            section = list(run)
            following = next((self._line(start) for start, _ in self._headers if start > section[-1][0]), None)
            stop = len(self._data) if following is None else following
            body = max(end for _, (start, end) in self._spans.values() if start < stop)
            below = self._data[self._after_line(body) : stop].splitlines(keepends=True)
            comments = next((n for n, line in enumerate(below) if not line.lstrip().startswith(b"#")), len(below))
            if comments == len(below) and following is not None:
                comments = 0
            blank = next((n for n, line in enumerate(below[comments:]) if line.strip()), len(below) - comments)
            start, end = self._line(section[0][0]), stop - len(b"".join(below[comments + blank :]))
            if end == len(self._data) and (above := self._data[:start].rstrip(b" \t\r\n")):
                start = self._after_line(len(above))
            yield start, end

    def _items(self, container: Path) -> list[_Item]:
        """Return the items of an array or inline table, each from the first part of its key."""
        position, items = self._spans[container][1][0] + 1, []
        below = (path for path in self._below(container) if self._is_written(path))
        ends = [self._spans[path][1][1] for path in below if self._container(path) == container]
        for end in sorted(ends):
            start = _BETWEEN.match(self._data, position).end()  # type: ignore[union-attr]  # matches nothing, too
            comma = _BETWEEN.match(self._data, end).end()  # type: ignore[union-attr]
            has_comma = self._data.startswith(b",", comma)
            items.append(_Item(start, end, comma if has_comma else None))
            position = comma + 1
        return items

    def _cut(self, container: Path, ends: Collection[int]) -> Iterator[Span]:
        """Yield what goes with the items that end there, so that the others are parted by one comma each."""
        start, end = self._spans[container][1]
        items = self._items(container)
        gone = [item.end in ends for item in items]
        if all(gone) and b"\n" not in self._data[start:end]:
            yield start + 1, end - 1
            return
        taken = None  # the last comma that went with the item before it
        for index, item in enumerate(items):
            if not gone[index]:
                continue
            before = items[index - 1].comma if index and not all(gone) else None
            behind = item.end if item.comma is None else item.comma + 1
            if self._data[item.end : behind].strip(b" \t,"):  # a comma on a later line, behind a comment
                yield behind - 1, behind
                taken, behind = item.comma, item.end
            if lines := self._whole_lines(item.start, behind):
                yield lines
            elif not all(gone[index:]):
                yield self._with_blanks(item.start, behind)
            elif before not in {None, taken} and not self._data[before + 1 : item.start].strip(b" \t"):
                yield before, item.end
                continue
            else:
                yield item.start, behind
            taken = item.comma

    def _with_blanks(self, start: int, end: int) -> Span:
        """Widen what goes within a line by the blanks behind it, or at the line's end by those before it."""
        after = _BLANKS.match(self._data, end).end()  # type: ignore[union-attr]  # matches nothing, too
        if self._data[after : after + 1] in {b"\r", b"\n"}:
            return len(self._data[:start].rstrip(b" \t")), end
        return start, after


def _merged(spans: Collection[Span]) -> list[Span]:
    """Return spans in order, those that meet as one: two items that go may both take the blanks between them."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
