"""Applies the mends that diagnostics carry to the text that they are about, and refuses those that would do more.

All else stays byte for byte: comments, blank lines, quotes, the ends of lines. A mend that leads to a text with other
values than the ones it names is a fault of ours; the text stays then as it is, and the user's fault stands.
"""

import codecs
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import tomli

_Row = dict[str, Any]


def apply_edits(text: str, rows: Sequence[_Row]) -> str:
    """Return the text with the mends of its faults applied; the rows are those of `json_form`."""
    return _spliced(text, mendable(text, rows))


def mendable(text: str, rows: Sequence[_Row]) -> list[_Row]:
    """Return the rows whose mends can be applied together, in the order of the text.

    A mend is applied whole or not at all. Where two of them meet, the first stands; the other is left for the next run.
    """
    chosen: list[_Row] = []
    with_mend = sorted((row for row in rows if row["edits"]), key=lambda row: row["edits"][0]["start"]["byte"])
    for row in with_mend:
        if not _meet([*chosen, row]):
            chosen.append(row)
    if _is_right(text, chosen):
        return chosen
    right: list[_Row] = []
    for row in chosen:
        if _is_right(text, [*right, row]):
            right.append(row)
    return right


def write_text(path: Path, text: str) -> None:
    """Put a text in the place of a file's, in one step; the file keeps its mode and byte order mark, a link its target.

    Raises:
        OSError: the file or its folder can't be written; the file is then as it was.

    """
    target = path.resolve(strict=True)
    with target.open("r+b") as old:  # for writing too: a file that is protected stays as it is
        mark = codecs.BOM_UTF8 if old.read(3) == codecs.BOM_UTF8 else b""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".npuspec-")
    scratch = Path(name)
    try:
        with open(handle, "wb") as new:  # noqa: PTH123  a handle has no path
            new.write(mark + text.encode())
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(target, scratch)
        scratch.replace(target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _edits(rows: Sequence[_Row]) -> list[tuple[int, int, str]]:
    return sorted((e["start"]["byte"], e["end"]["byte"], e["text"]) for row in rows for e in row["edits"])


def _meet(rows: Sequence[_Row]) -> bool:
    return any(
        start < end or (start, stop) == (before, end) for (before, end, _), (start, stop, _) in pairwise(_edits(rows))
    )


def _spliced(text: str, rows: Sequence[_Row]) -> str:
    data = text.encode()
    for start, end, new in reversed(_edits(rows)):
        data = data[:start] + new.encode() + data[end:]
    return data.decode()


def _is_right(text: str, rows: Sequence[_Row]) -> bool:
    """Tell whether the changed text is TOML whose values are the old ones but for what the mends name."""
    try:
        new = tomli.loads(_spliced(text, rows))
        expected = tomli.loads(text)
        mends = sorted((mend for row in rows for mend in row["mend"]), key=_innermost_last, reverse=True)
        for above in [_carry_out(expected, mend) for mend in mends]:
            _drop_emptied(above, new)
        return _canonical(new) == _canonical(expected)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _innermost_last(mend: _Row) -> tuple[Any, ...]:
    """Order mends so that, read backwards, none changes the path of a later one."""
    return [(isinstance(step, int), step) for step in mend["path"]], mend["part"] == "value"


def _carry_out(values: Any, mend: _Row) -> list[Any]:
    """Do with the values what a mend says, and return the tables and lists that it was done in, from the root."""
    (*steps, last), part, text = mend["path"], mend["part"], mend["text"]
    above = [values]
    for step in steps:
        values = values[step]
        above.append(values)
    old = values[last]
    if part == "entry" and not text:
        del values[last]
    elif part == "value" or isinstance(last, int):
        values[last] = tomli.loads(f"x = {text}")["x"]
    else:
        [(key, value)] = tomli.loads(text if part == "entry" else f"{text} = 0").items()
        del values[last]
        if key in values:
            raise ValueError(key)
        values[key] = value if part == "entry" else old
    return above


def _drop_emptied(above: list[Any], new: Any) -> None:
    """Leave out tables, one in another, that were written nowhere but in their entries, and have none left."""
    path = [_step(outer, inner) for outer, inner in pairwise(above)]
    while path and None not in path and not above.pop() and not _has(new, path):
        del above[-1][path.pop()]


def _step(outer: Any, inner: Any) -> str | int | None:
    """Return where a table or list stands by now: with another item, its index has changed."""
    places = outer.items() if isinstance(outer, dict) else enumerate(outer)
    return next((step for step, value in places if value is inner), None)


def _has(values: Any, path: Sequence[Any]) -> bool:
    try:
        for step in path:
            values = values[step]
    except (LookupError, TypeError):
        return False
    return True


def _canonical(values: Any) -> str:
    """Spell values so that equal text means equal values: in Python `1 == True`, and NaN isn't equal to itself."""
    return json.dumps(values, sort_keys=True, default=repr)
