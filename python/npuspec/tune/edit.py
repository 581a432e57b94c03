"""Change a spec's text where its values are to be others; its comments stay."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from npuspec.diagnostics import Diagnostic, Path, StageError
from npuspec.diagnostics.form import json_form
from npuspec.diagnostics.mend import apply_edits
from npuspec.diagnostics.suggest import toml_key
from npuspec.spec import parse

try:
    import tomlkit
except ImportError:
    _missing = Diagnostic("missing-extra", "tuning needs the package tomlkit", "pip install 'npuspec[tune]'")
    raise StageError(_missing) from None


def put(text: str, values: Mapping[Path, Any]) -> str:
    """Return the text with these values in place of its own, or with new ones where it has none."""
    for (*tables, key), value in values.items():
        document = tomlkit.parse(text)
        at: Any = document
        missing = [*tables]
        while missing and (isinstance(missing[0], int) or missing[0] in at):
            at = at[missing.pop(0)]
        if missing and not isinstance(at, tomlkit.items.InlineTable):
            text = _with_table(text, f"[{'.'.join(toml_key(str(name)) for name in tables)}]", {str(key): value})
            continue
        for name in missing:
            at[name] = tomlkit.inline_table()
            at = at[name]
        if at.get(key) != value:  # else not even what tomlkit would put in another order is changed
            at[key] = _item(value)
            text = tomlkit.dumps(document)
    return text


def drop(text: str, paths: Iterable[Path]) -> str:
    """Return the text without these entries."""
    for path in sorted(paths, key=lambda path: [(isinstance(step, int), step) for step in path], reverse=True):
        document, _ = parse(text)
        mend = Diagnostic("wrong-argument", "this candidate has none").at(path).mend(path, "entry")
        text = apply_edits(text, json_form([mend], document))
    return text


def add_gates(text: str, gates: Sequence[Mapping[str, Any]]) -> str:
    """Return the text with more gates behind its own."""
    for gate in gates:
        document = tomlkit.parse(text)
        if isinstance(found := document.get("gates"), tomlkit.items.Array):
            found.append(_item(gate))
            text = tomlkit.dumps(document)
        else:
            text = _with_table(text, "[[gates]]", gate)
    return text


def _with_table(text: str, header: str, values: Mapping[str, Any]) -> str:
    """Return the text with one more table at its end."""
    lines = [f"{toml_key(key)} = {_item(value).as_string()}\n" for key, value in values.items()]
    above = text.rstrip("\r\n")
    return f"{above}\n\n{header}\n{''.join(lines)}"


def _item(value: Any) -> Any:
    """Return a value as it is written within a line."""
    match value:
        case Mapping():
            table = tomlkit.inline_table()
            for key, inner in value.items():
                table.append(key, _item(inner))
            return table
        case list() | tuple():
            array = tomlkit.array()
            for inner in value:
                array.append(_item(inner))
            return array
    return tomlkit.item(value)
