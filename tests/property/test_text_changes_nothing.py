"""Comments, white space, the order of tables and keys, and how a table is written: none of it changes a digest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import ASR_SPEC
from npuspec.plan import Plan, prepare
from npuspec.store import Store

VALUES = tomli.loads(ASR_SPEC.read_text("utf-8"))


def inline(value: Any) -> str:
    """Write a value on one line."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
        case _:
            return json.dumps(value)  # strings, numbers and booleans are written alike


class Writer:
    """Writes the same values in ever other ways."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def document(self, values: dict[str, Any]) -> str:
        scalars = {key: value for key, value in values.items() if not isinstance(value, dict | list)}
        blocks = [self._lines(scalars)]
        tables = [self._table((key,), value) for key, value in values.items() if isinstance(value, dict)]
        tables += [
            "".join(f"[[{key}]]\n{self._lines(item)}" for item in value)
            for key, value in values.items()
            if isinstance(value, list)
        ]
        return "".join([*blocks, *self._data.draw(st.permutations(tables))])

    def _table(self, path: tuple[str, ...], value: dict[str, Any]) -> str:
        """Write a table, and those below it with headers of their own, or within their parent."""
        below = {
            k: v
            for k, v in value.items()
            if isinstance(v, dict) and (path == ("dims",) or self._data.draw(st.booleans()))
        }
        own = {key: item for key, item in value.items() if key not in below}
        head = f"{self._noise()}[{'.'.join(path)}]\n{self._lines(own)}"
        return head + "".join(self._table((*path, key), item) for key, item in below.items())

    def _lines(self, value: dict[str, Any]) -> str:
        keys = self._data.draw(st.permutations(list(value)))
        return "".join(f"{self._noise()}{key}{self._space()}={self._space()}{inline(value[key])}\n" for key in keys)

    def _noise(self) -> str:
        return self._data.draw(st.sampled_from(["", "\n", "# a comment\n", "\t# [target] device = 1\n", "   "]))

    def _space(self) -> str:
        return self._data.draw(st.sampled_from(["", " ", "\t"]))


def plan_of(folder: Path, text: str) -> Plan:
    path = folder / "spec.toml"
    path.write_text(text, "utf-8")
    _, prepared, diagnostics = prepare(path, Store())
    assert prepared is not None, diagnostics
    return prepared.plan


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("original"), ASR_SPEC.read_text("utf-8"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_same_values_have_the_same_plan(original: Plan, tmp_path: Path, data: st.DataObject) -> None:
    text = Writer(data).document(VALUES)
    assert tomli.loads(text) == VALUES
    assert plan_of(tmp_path, text).digest == original.digest


WRITTEN: dict[str, Callable[[str], bytes]] = {
    "lines that end with CR and LF": lambda text: text.replace("\n", "\r\n").encode(),
    "a byte order mark": lambda text: text.encode("utf-8-sig"),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_how_an_editor_writes_a_text_changes_nothing(original: Plan, tmp_path: Path, how: str) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(WRITTEN[how](ASR_SPEC.read_text("utf-8")))
    _, prepared, _ = prepare(path, Store())
    assert prepared is not None
    assert prepared.plan == original


def test_another_value_changes_the_digest(original: Plan, tmp_path: Path) -> None:
    changed = ASR_SPEC.read_text("utf-8").replace("128000]", "128001]")
    assert plan_of(tmp_path, changed).digest != original.digest
