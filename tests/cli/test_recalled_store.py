"""Kept answers and a store that was damaged, or that can't be written."""

import shutil
from pathlib import Path

import pytest

from conftest import npuspec
from npuspec.cli.check import _verdict
from recalled import codes, kept, same_times, warm

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def spec(toy_spec: Path) -> Path:
    return toy_spec


@pytest.mark.parametrize("kind", ["facts", "sources"])
@pytest.mark.parametrize("damage", ["gone", "file gone", "changed", "more", "emptied"])
def test_what_is_gone_or_damaged_in_the_store_is_made_again(
    spec: Path, own_cache: Path, kind: str, damage: str
) -> None:
    warm(spec)
    for entry in (own_cache / kind).iterdir():
        inner = sorted(p for p in entry.rglob("*") if p.is_file() and p.name != "seal.json")
        match damage:
            case "gone":
                shutil.rmtree(entry)
            case "file gone":
                inner[0].unlink()
            case "changed":
                same_times(inner[0], lambda path: path.write_bytes(b"#" * path.stat().st_size))
            case "more":
                (inner[0].parent / "stranger").write_bytes(b"")
            case _:
                (entry / "seal.json").write_bytes(b"")
    assert not kept(spec)
    assert codes(_verdict(spec)[0]) == []


def test_a_cache_that_can_not_be_written_costs_time_only(spec: Path, own_cache: Path) -> None:
    warm(spec)
    shutil.rmtree(own_cache / "recall")
    (own_cache / "recall").write_bytes(b"in the way")
    assert codes(_verdict(spec)[0]) == []
    ran = npuspec("check", spec)
    assert (ran.code, ran.out) == (0, f"{spec}: ok\n")


def test_a_damaged_answer_is_found_out_again(spec: Path, own_cache: Path) -> None:
    rows = warm(spec)
    entries = {path: path.read_bytes() for path in (own_cache / "recall").iterdir()}
    whole = max(entries.values(), key=lambda data: b"npuspec = 1" in data)  # the verdict; the others are of sources
    for damaged in (
        b"",
        b"\0" * len(whole),
        whole[: len(whole) // 2],
        b"\xff" + whole,
        b"[" * 100_000,
        b'{"states": {}, "answer": 5}',
        b'{"states": {}, "answer": {"rows": [{}], "text": ""}}',
        b'{"states": [], "answer": {}}',
        b"null",
        whole.replace(b"spec.toml", b"spec.tomI"),
        whole.replace(b'"text": "npuspec = 1', b'"text": "npuspec = 2'),
    ):
        for entry in entries:
            entry.write_bytes(damaged)
        assert not kept(spec), damaged[:20]
        assert _verdict(spec)[0] == rows
        assert {path: path.read_bytes() for path in entries} == entries


def test_an_answer_that_is_a_folder_or_huge_is_passed_over(spec: Path, own_cache: Path) -> None:
    rows = warm(spec)
    entries = [*(own_cache / "recall").iterdir()]
    for entry in entries:
        entry.unlink()
        with entry.open("wb") as file:
            file.truncate(1 << 40)  # more than fits into memory
    assert _verdict(spec)[0] == rows
    for entry in entries:
        entry.unlink()
        entry.mkdir()
    assert _verdict(spec)[0] == rows
