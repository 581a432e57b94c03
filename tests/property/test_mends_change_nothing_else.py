"""However a text is written, a mend changes the values that it names, and leaves all other lines as they are."""

import json
from copy import deepcopy
from random import Random
from typing import Any, TypeVar

import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from npuspec.diagnostics import Diagnostic, Path
from npuspec.diagnostics.form import json_form
from npuspec.diagnostics.mend import apply_edits, mendable
from npuspec.spec import Document, parse

KEYS = st.sampled_from(["a", "b-c", "D", "9", "é ß", "x.y", "日本", "'", ""])
SCALARS = st.one_of(
    st.booleans(), st.integers(-99, 99), st.sampled_from([0.5, "", "é", "# no", "a,b", "]}", "'\"", "x\ny\n", "\\"])
)
VALUES = st.recursive(SCALARS, lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS, below, max_size=4))
TABLES = st.dictionaries(KEYS, VALUES | st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=3), max_size=5)


T = TypeVar("T")


class Writer:
    """Writes values in ever other ways, with a comment of its own wherever one may stand."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # a text takes hundreds of choices, and each that hypothesis draws takes its time
        self._comments = 0
        self._end = self._one_of("\n", "\r\n")

    def document(self, values: dict[str, Any]) -> str:
        text = self._table((), values)
        return text if self._one_of(True, False) else text.removesuffix(self._end)

    def _one_of(self, *choices: T) -> T:
        return self._random.choice(choices)

    def _table(self, path: tuple[str, ...], values: dict[str, Any]) -> str:
        """Write the statements of a table, and then those below it that get headers of their own."""
        headed = {key for key, value in values.items() if _may_have_header(value) and self._one_of(True, False)}
        text = "".join(self._statement(key, value) for key, value in values.items() if key not in headed)
        for key in sorted(headed):
            below = (*path, key)
            name = self._one_of("", " ").join(("", self._one_of(".", " . ").join(map(self._key, below)), ""))
            if isinstance(values[key], list):
                text += "".join(f"{self._noise()}[[{name}]]{self._rest()}{self._table(below, v)}" for v in values[key])
            else:
                text += f"{self._noise()}[{name}]{self._rest()}{self._table(below, values[key])}"
        return text

    def _statement(self, key: str, value: Any) -> str:
        lines = self._pairs(key, value)
        return "".join(f"{self._noise()}{line}{self._rest()}" for line in lines)

    def _pairs(self, key: str, value: Any) -> list[str]:
        """Write a key with its value, or with dotted keys as several."""
        if isinstance(value, dict) and value and self._one_of(True, False):
            dot = self._one_of(".", " . ")
            return [
                f"{self._key(key)}{dot}{pair}" for below, item in value.items() for pair in self._pairs(below, item)
            ]
        return [f"{self._key(key)}{self._one_of('', ' ')}={self._one_of('', ' ')}{self._value(value)}"]

    def _key(self, key: str) -> str:
        styles = [json.dumps(key, ensure_ascii=self._one_of(True, False))]
        if key.replace("-", "").isascii() and key.replace("-", "").isalnum():
            styles.append(key)
        if "'" not in key:
            styles.append(f"'{key}'")
        return self._one_of(*styles)

    def _value(self, value: Any) -> str:
        match value:
            case dict():
                return self._items("{}", [pair for key, item in value.items() for pair in self._pairs(key, item)])
            case list():
                return self._items("[]", [self._value(item) for item in value])
            case str() if self._one_of(True, False) and "\\" not in value and "'" not in value:
                return f"'''{value}'''"  # over several lines, if it has them
            case _:
                return json.dumps(value)

    def _items(self, brackets: str, items: list[str]) -> str:
        """Write items on one line or several, with a comma behind the last or none."""
        between = self._one_of(self._same_line, self._other_line)
        parts = [
            between() + item + ("," if n < len(items) or self._one_of(True, False) else "")
            for n, item in enumerate(items, 1)
        ]
        return brackets[0] + "".join(parts) + between() + brackets[1]

    def _same_line(self) -> str:
        return self._one_of("", " ")

    def _other_line(self) -> str:
        return self._one_of("", " ") if self._one_of(True, False) else self._rest() + self._one_of("", "  ")

    def _rest(self) -> str:
        self._comments += 1
        return self._one_of("", " ", f"# {self._comments}", f"\t# {self._comments} é") + self._end

    def _noise(self) -> str:
        return "".join(self._rest() for _ in range(self._one_of(0, 0, 1, 3))) + self._one_of("", "  ", "\t")


def _may_have_header(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
    )


def written(data: st.DataObject) -> Document:
    values = data.draw(TABLES.filter(bool))
    text = Writer(data.draw(st.integers(0, 2**32))).document(values)
    document, faults = parse(text)
    assert not faults, faults
    return document


def bare(values: Any) -> Any:
    """Leave out tables and arrays that hold nothing."""
    if isinstance(values, dict):
        return {key: item for key, old in values.items() if (item := bare(old)) not in ({}, [])}
    if isinstance(values, list):
        return [item for old in values if (item := bare(old)) not in ({}, [])]
    return repr(values)


def changed(values: Any, path: Path, part: str) -> Any:
    """Do with the values what a mend is to do with the text."""
    root = deepcopy(values)
    above = root
    for step in path[:-1]:
        above = above[step]
    if part == "entry":
        del above[path[-1]]
    elif part == "key":
        above["renamed"] = above.pop(path[-1])
    else:
        above[path[-1]] = {"new": 1}
    return root


TEXTS = {"entry": "", "key": "renamed", "value": "{ new = 1 }"}


def is_table_of_lines(document: Document, path: Path) -> bool:
    """Tell whether an entry is written by headers or dotted keys, so that it has no value to replace."""
    key, value = document.spans[path]
    if key is None:
        return document.spans[path[:-1]][1] == value or document.text.encode()[value[0] : value[0] + 2] == b"[["
    return value[0] <= key[0]


def untouched(document: Document, path: Path) -> list[bytes]:
    """Return the lines that hold nothing of an entry, without blank ones, and without comments if it has a header."""
    data = document.text.encode()
    spans = [span for at, both in document.spans.items() if at[: len(path)] == path for span in both if span]
    touched = {n for start, end in spans for n in range(data[:start].count(b"\n"), data[:end].count(b"\n") + 1)}
    table = is_table_of_lines(document, path)
    lines = enumerate(line.strip() for line in data.split(b"\n"))
    return [line for n, line in lines if n not in touched and line and not (table and line.startswith(b"#"))]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mend_does_what_it_says_and_no_more(data: st.DataObject) -> None:
    document = written(data)
    path = data.draw(st.sampled_from(list(document.spans)))
    allowed = ["entry"]
    allowed += ["key"] if isinstance(path[-1], str) else []
    allowed += [] if is_table_of_lines(document, path) else ["value"]
    part = data.draw(st.sampled_from(allowed))
    fault = Diagnostic("c", "m").mend(path, part, TEXTS[part])  # type: ignore[arg-type]
    rows = json_form([fault], document)
    new = apply_edits(document.text, rows)
    assert new != document.text, (path, part)
    assert bare(tomli.loads(new)) == bare(changed(document.values, path, part))
    lines = iter([line.strip() for line in new.encode().split(b"\n")])
    assert all(line in lines for line in untouched(document, path))  # in their order


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_many_mends_at_once_do_what_each_of_them_says(data: st.DataObject) -> None:
    document = written(data)
    paths = data.draw(st.lists(st.sampled_from(list(document.spans)), max_size=6, unique=True))
    faults = [Diagnostic("c", "m").mend(path, "entry") for path in paths]
    rows = json_form(faults, document)
    chosen = mendable(document.text, rows)
    assert bool(chosen) == bool(faults)
    expected = document.values
    for row in sorted(chosen, key=lambda row: [(isinstance(step, int), step) for step in row["mend"][0]["path"]])[::-1]:
        expected = changed(expected, tuple(row["mend"][0]["path"]), "entry")
    assert bare(tomli.loads(apply_edits(document.text, rows))) == bare(expected)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_several_edits_of_one_mend_are_done_together_or_not_at_all(data: st.DataObject) -> None:
    document = written(data)
    paths = data.draw(st.lists(st.sampled_from(list(document.spans)), min_size=1, max_size=4, unique=True))
    apart = [path for path in paths if not any(path != other and path[: len(other)] == other for other in paths)]
    fault = Diagnostic("c", "m")
    expected = document.values
    for path in sorted(apart, key=lambda path: [(isinstance(step, int), step) for step in path])[::-1]:
        fault = fault.mend(path, "entry")
        expected = changed(expected, path, "entry")
    new = apply_edits(document.text, json_form([fault], document))
    assert new != document.text, apart
    assert bare(tomli.loads(new)) == bare(expected)
