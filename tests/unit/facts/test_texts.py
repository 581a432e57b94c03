"""Texts of strangers' files: each is a sample, in the order in which it stands, at a bearable cost."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from npuspec.diagnostics import NpuspecError
from npuspec.facts.texts import DEEPEST, MOST_BYTES, MOST_NODES, MOST_TEXTS, digests, open_tokenizer, read_texts


def texts(folder: Path, name: str, content: str | bytes, field: str | None = "talk") -> list[str]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_texts(folder, name, field)


def refused(folder: Path, name: str, content: str | bytes, code: str = "unreadable-sample") -> str:
    with pytest.raises(NpuspecError) as caught:
        texts(folder, name, content)
    assert caught.value.code == code
    assert f"`{name}`" in caught.value.diagnostics[0].message
    assert "\n" not in caught.value.diagnostics[0].message
    return caught.value.diagnostics[0].message


def words(folder: Path, **more: object) -> Path:
    """Write a tokenizer that knows three words; `more` are other values of its file."""
    unknown = "[UNK]"
    tokenizer = Tokenizer(WordLevel({unknown: 0, "a": 1, "b": 2}, unk_token=unknown))
    place = folder / "tokenizer.json"
    place.write_text(json.dumps(json.loads(tokenizer.to_str()) | more))
    return place


def test_each_line_is_a_text_and_blank_ones_are_none(tmp_path: Path) -> None:
    assert texts(tmp_path, "a.TXT", "one\n\n  \r\ntwo \r\n three\u2028four\fx", None) == [
        "one",
        "two ",
        " three\u2028four\fx",
    ]
    assert texts(tmp_path, "a.txt", "\ufeffone\n") == ["one"]
    assert texts(tmp_path, "a.txt", "") == []


TREE = {"talk": ["b", ["a", {"z": "c", "y": ["d", 1, None, True, 1.5, "", " "]}], "a"], "other": ["no"]}
READ = ["b", "a", "c", "d", "a"]


def test_the_strings_below_a_member_are_texts_in_their_order(tmp_path: Path) -> None:
    assert texts(tmp_path, "a.json", json.dumps(TREE)) == READ
    yaml = "talk: [b, [a, {z: c, y: [d, 1, null, yes, 1.5, '', ' ']}], a]\nother: [no]\n"
    assert texts(tmp_path, "a.yml", yaml) == READ
    assert texts(tmp_path, "a.YAML", "talk:\n- - 'one'\n  - |\n    two\n    lines\n- '3'\n- 2001-01-01\n") == [
        "one",
        "two\nlines\n",
        "3",
    ]
    assert texts(tmp_path, "a.yml", "talk: alone\n") == ["alone"]


@given(st.recursive(st.text(st.characters(codec="utf-8")), lambda below: st.lists(below, max_size=4), max_leaves=12))
def test_json_is_read_as_it_is_nested(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    def flat(value: object) -> list[str]:
        return [value] if isinstance(value, str) else [text for item in value for text in flat(item)]  # type: ignore[attr-defined]

    folder = tmp_path_factory.getbasetemp()
    found = texts(folder, "tree.json", json.dumps({"talk": tree}))
    assert found == [text for text in flat(tree) if text.strip()]


def test_an_alias_is_the_text_that_it_stands_for(tmp_path: Path) -> None:
    assert texts(tmp_path, "a.yml", "x: &x [one, two]\ntalk: [*x, three, *x]\n") == [
        "one",
        "two",
        "three",
        "one",
        "two",
    ]


def bomb(merged: bool) -> str:
    """Return YAML of a few lines that stands for 10^9 strings."""
    lines = ["a0: &a0 {k: one}" if merged else "a0: &a0 [one]"]
    for level in range(1, 10):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} " + (f"{{<<: [{aliases}]}}" if merged else f"[{aliases}]"))
    return "\n".join([*lines, "talk: *a9", ""])


BAD: dict[str, tuple[str, Callable[[], str | bytes], str]] = {
    "latin-1": ("a.txt", lambda: b"caf\xe9\n", "isn't UTF-8 at byte 3"),
    "utf-16": ("a.yml", lambda: "talk: [a]".encode("utf-16"), "isn't UTF-8 at byte 0"),
    "too large": ("a.txt", lambda: b"a" * (MOST_BYTES + 1), f"more than {MOST_BYTES} bytes"),
    "no yaml": ("a.yml", lambda: "talk: [a", "while parsing"),
    "two documents": ("a.yml", lambda: "talk: [a]\n---\ntalk: [b]\n", "expected a single document"),
    "an unknown alias": ("a.yml", lambda: "talk: *a\n", "undefined alias"),
    "aliases": ("a.yml", lambda: bomb(merged=False), f"more than {MOST_NODES} nodes"),
    "merge keys": ("a.yml", lambda: bomb(merged=True), f"more than {MOST_NODES} nodes"),
    "an alias of itself": ("a.yml", lambda: "talk: &a [one, *a]\n", f"nested deeper than {DEEPEST}"),
    "deep yaml": ("a.yml", lambda: "talk: " + "[" * 500 + "]" * 500, f"nested deeper than {DEEPEST}"),
    "very deep yaml": ("a.yml", lambda: "talk: " + "[" * 100_000, "nest"),
    "deep indentation": ("a.yml", lambda: "talk:\n" + "- " * 5000 + "a\n", f"nested deeper than {DEEPEST}"),
    "long yaml": ("a.yml", lambda: "talk: [" + "a," * MOST_NODES + "]", f"more than {MOST_NODES} nodes"),
    "no json": ("a.json", lambda: '{"talk": [', "Expecting value"),
    "deep json": ("a.json", lambda: '{"talk": ' + "[" * 100 + "]" * 100 + "}", f"nested deeper than {DEEPEST}"),
    "very deep json": ("a.json", lambda: "[" * 100_000, "recursion"),
    "a huge number": ("a.json", lambda: '{"talk": ' + "9" * 5000 + "}", "digits"),
    "half a character": ("a.json", lambda: '{"talk": ["\\ud800"]}', "surrogates"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_text_or_costs_too_much_is_refused(tmp_path: Path, name: str) -> None:
    file, content, why = BAD[name]
    assert why in refused(tmp_path, file, content())


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    for merged in (False, True):
        (tmp_path / f"{merged}.yml").write_text(bomb(merged))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for merged in (False, True):
        with pytest.raises(NpuspecError, match="nodes"):
            read_texts(tmp_path, f"{merged}.yml", "talk")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_nothing_that_yaml_can_name_is_made(tmp_path: Path) -> None:
    content = f"talk: ['one', !!python/object/apply:pathlib.Path.touch ['{tmp_path}/touched'], !!str two]\n"
    assert texts(tmp_path, "a.yml", content) == ["one", f"{tmp_path}/touched", "two"]
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.yml", "talks: [a]"), ("a.yml", "- talk"), ("a.yml", ""), ("a.json", '{"talks": []}'), ("a.json", "[]")],
)
def test_a_member_that_is_not_there_is_said(tmp_path: Path, name: str, content: str) -> None:
    message = refused(tmp_path, name, content, "unknown-field")
    assert message == f"`{name}` has no member `talk` at its top level"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NpuspecError, match=r"`a\.txt` is no usable sample"):
        read_texts(tmp_path, "a.txt", None)


def ask(folder: Path, *paths: str, tokenizer: Path | None = None, field: str | None = "talk") -> dict[str, list[str]]:
    arguments = {
        "data": str(folder),
        "paths": list(paths),
        "field": field,
        "tokenizer": None if tokenizer is None else str(tokenizer),
    }
    return digests(arguments, lambda _done, _total: None)


def test_the_digests_are_those_of_the_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\none\n")
    (tmp_path / "b.yml").write_text("talk: [one]\n")
    one, two = (sha256(text.encode()).hexdigest() for text in ("one", "two"))
    assert ask(tmp_path, "a.txt", "b.yml", tokenizer=words(tmp_path)) == {"a.txt": [one, two, one], "b.yml": [one]}


def test_more_texts_than_a_plan_can_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n" * MOST_TEXTS)
    (tmp_path / "b.txt").write_text("one\n")
    assert len(ask(tmp_path, "a.txt")["a.txt"]) == MOST_TEXTS
    with pytest.raises(NpuspecError, match=r"`b\.txt`.*more than 100000 texts") as caught:
        ask(tmp_path, "a.txt", "b.txt")
    assert caught.value.code == "unreadable-sample"


@pytest.mark.parametrize("content", [b"", b"{}", b"[UNK]\na\n", b"\xff\xfe", b"[" * 100_000, b'{"model": {}}'])
def test_what_is_no_tokenizer_is_said_before_anything_is_planned(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(NpuspecError) as caught:
        ask(tmp_path, tokenizer=tmp_path / "t.json")
    assert caught.value.code == "not-a-tokenizer"
    assert "`t.json` is no tokenizer that can be read: " in caught.value.diagnostics[0].message


def test_a_tokenizer_pads_and_cuts_nothing_whatever_its_file_says(tmp_path: Path) -> None:
    padding = {
        "strategy": {"Fixed": 16},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[UNK]",
    }
    truncation = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    place = words(tmp_path, padding=padding, truncation=truncation, pre_tokenizer={"type": "Whitespace"})
    assert len(Tokenizer.from_file(str(place)).encode("a b a").ids) == 16
    assert open_tokenizer(place).encode("a b a").ids == [1, 2, 1]


def test_the_texts_are_the_same_whatever_python_s_hashes_are(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"talk": {f"k{n}": f"text {n}" for n in range(50)}}))
    program = (
        "import sys, pathlib\nfrom npuspec.facts.texts import read_texts\n"
        "print(read_texts(pathlib.Path(sys.argv[1]), 'a.json', 'talk'))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
