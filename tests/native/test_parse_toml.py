"""Spans by the Rust parser, against values by tomli."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from npuspec._native import parse_toml

Path = tuple[str | int, ...]

DOCUMENT = """\
# ключ
npuspec = 1
"quoted key" = 'é'
dotted.inner."ключ" = true
float = 1_000.5e3
hex = 0xFF
when = 1979-05-27T07:32:00Z
multi = \"\"\"
two
lines\"\"\"
mixed = [ 1, { x = 2, y = [ "日本", '''z''' ] }, [], # comment
  inf, ]

[model]
source = "a"
[model.deep.er]
k = {}

[[gates]]
metric = "m"
[[gates]]
[gates.inner]
v = 0
[[gates.list]]
w = -nan
[dotted.more]
"""


def walk(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every table, key and item below `value`."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield (*path, step), inner
        yield from walk(inner, (*path, step))


def cut(text: str, span: tuple[int, int]) -> str:
    return text.encode()[slice(*span)].decode()


def assert_same_values(text: str) -> None:
    """The paths are those of tomli's values, and what the spans cut from the text is the values again."""
    entries, errors = parse_toml(text)
    assert errors == []
    values = dict(walk(tomli.loads(text)))
    paths = [path for path, _, _ in entries]
    assert len(set(paths)) == len(paths)
    assert set(paths) == set(values)
    for path, key, span in entries:
        if not isinstance(values[path], dict | list):
            again = tomli.loads(f"v = {cut(text, span)}")["v"]
            assert repr(again) == repr(values[path])
        if key is None:
            assert isinstance(path[-1], int)
        else:
            assert list(tomli.loads(f"{cut(text, key)} = 0")) == [path[-1]]


def test_paths_and_spans_are_those_of_the_values() -> None:
    assert_same_values(DOCUMENT)


def test_entries_of_a_small_text() -> None:
    assert parse_toml("'é' = 1\n[a.b]\n[[c]]\nd = [2]\n") == (
        [
            (("é",), (0, 4), (7, 8)),
            (("a",), (10, 11), (10, 11)),
            (("a", "b"), (12, 13), (9, 14)),
            (("c",), (17, 18), (15, 20)),
            (("c", 0), None, (15, 20)),
            (("c", 0, "d"), (21, 22), (25, 28)),
            (("c", 0, "d", 0), None, (26, 27)),
        ],
        [],
    )


def test_several_errors_are_reported_in_order() -> None:
    text = "a = \nb = 1\nc = é\n[d\n"
    entries, errors = parse_toml(text)
    assert (("b",), (5, 6), (9, 10)) in entries
    starts = [span[0] for _, span in errors if span is not None]
    assert starts == sorted(starts)
    assert len({text.encode()[:start].count(b"\n") for start in starts}) >= 3


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "a = " + "[" * 100_000, "a = " + "{a=" * 100_000, "a." * 100_000 + "a = 1"],
    ids=["headers", "arrays", "tables", "keys"],
)
def test_deep_nesting_is_an_error(text: str) -> None:
    _, errors = parse_toml(text)
    assert errors


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        parse_toml("a = '\ud800'")


def string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def written(value: object) -> str:
    """`value` as TOML on one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{string(key)} = {written(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + " , ".join(written(inner) for inner in value) + "]"
        case str():
            return string(value)
        case bool():
            return str(value).lower()
        case _:
            return repr(value)


TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


@given(
    root=st.dictionaries(TEXT, VALUES, max_size=4),
    tables=st.dictionaries(TEXT, st.dictionaries(TEXT, VALUES, max_size=3), max_size=3),
    items=st.lists(st.dictionaries(TEXT, VALUES, max_size=2), max_size=3),
)
def test_any_document_has_the_spans_of_its_values(
    root: dict[str, object], tables: dict[str, dict[str, object]], items: list[dict[str, object]]
) -> None:
    lines = [f"{string('r' + key)} = {written(value)} # é" for key, value in root.items()]
    for name, table in tables.items():
        lines += ["", f"[ 't' . {string(name)} ]", *(f"  {string(key)}={written(table[key])}" for key in table)]
    for item in items:
        lines += ["[[list.items]]", *(f"{string(key)} = {written(item[key])}" for key in item)]
    assert_same_values("\r\n".join(lines))


@given(
    st.text() | st.lists(st.sampled_from([*"[]{}=.,\n #ab1é'\"\\-_", "[[", "]]", '"""', "'''", "true"])).map("".join)
)
def test_any_text_is_read_or_refused_as_by_tomli(text: str) -> None:
    entries, errors = parse_toml(text)
    for span in [span for _, key, value in entries for span in (key, value)] + [span for _, span in errors]:
        if span is not None:
            assert 0 <= span[0] <= span[1] <= len(text.encode())
            cut(text, span)
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        assert errors
    else:
        assert_same_values(text)
