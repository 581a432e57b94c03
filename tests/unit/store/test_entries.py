"""An entry is there whole or not at all."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Start
from helpers import let_go
from npuspec.store import Store, cache_dir

KEY = "ab" * 32

MAKE = """
import sys, pathlib
from npuspec.store import Store
with Store(pathlib.Path(sys.argv[1])).making("kind", sys.argv[2]) as folder:
    (folder / "file").write_bytes(b"other")
    print("made", flush=True)
    sys.stdin.readline()
print("stored", flush=True)
"""


def make(store: Store, key: str = KEY) -> Path:
    with store.making("kind", key) as folder:
        (folder / "sub").mkdir()
        (folder / "file").write_bytes(b"one")
        (folder / "sub" / "file").write_bytes(b"two")
    entry = store.get("kind", key)
    assert entry is not None
    return entry


def scratch(store: Store) -> list[Path]:
    return list((store.root / "tmp").iterdir())


def age(folder: Path, days: float) -> None:
    then = time.time() - days * 24 * 3600
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))


def test_an_entry_holds_what_was_put_into_it(store: Store) -> None:
    entry = make(store)
    assert (entry / "file").read_bytes() == b"one"
    assert (entry / "sub" / "file").read_bytes() == b"two"
    assert scratch(store) == []


def test_an_entry_that_was_never_made_is_not_there(store: Store) -> None:
    make(store)
    assert store.get("kind", "cd" * 32) is None
    assert store.get("other", KEY) is None


def test_a_dropped_entry_is_gone_and_can_be_dropped_again(store: Store) -> None:
    entry = make(store)
    store.drop("kind", KEY)
    store.drop("kind", KEY)
    assert store.get("kind", KEY) is None
    assert not entry.exists()
    assert scratch(store) == []


def test_an_exception_leaves_nothing_behind(store: Store) -> None:
    def fail() -> None:
        with store.making("kind", KEY) as folder:
            (folder / "file").write_bytes(b"one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.get("kind", KEY) is None
    assert scratch(store) == []


def test_a_killed_maker_leaves_no_entry(store: Store, start: Start) -> None:
    process = start(MAKE, store.root, KEY)
    assert process.stdout is not None
    assert process.stdout.readline() == "made\n"
    process.kill()
    process.wait()
    assert store.get("kind", KEY) is None
    make(store)


def flip(entry: Path) -> None:
    (entry / "file").write_bytes(b"onf")


def shorten(entry: Path) -> None:
    (entry / "sub" / "file").write_bytes(b"tw")


def lose_a_file(entry: Path) -> None:
    (entry / "sub" / "file").unlink()


def lose_a_folder(entry: Path) -> None:
    shutil.rmtree(entry / "sub")


def lose_the_seal(entry: Path) -> None:
    (entry / "seal.json").unlink()


def add_a_file(entry: Path) -> None:
    (entry / "sub" / "more").write_bytes(b"")


def add_a_file_called_like_the_seal(entry: Path) -> None:
    (entry / "sub" / "seal.json").write_bytes(b"")


def link_a_file_to_nowhere(entry: Path) -> None:
    (entry / "file").unlink()
    (entry / "file").symlink_to("nowhere")


def put_a_folder_for_a_file(entry: Path) -> None:
    (entry / "file").unlink()
    (entry / "file").mkdir()


def replace_by_a_file(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_bytes(b"")


def replace_by_a_link_to_nowhere(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.symlink_to("nowhere")


DAMAGES = [
    flip,
    shorten,
    lose_a_file,
    lose_a_folder,
    lose_the_seal,
    add_a_file,
    add_a_file_called_like_the_seal,
    link_a_file_to_nowhere,
    put_a_folder_for_a_file,
    replace_by_a_file,
    replace_by_a_link_to_nowhere,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_entry_is_taken_out_reported_and_made_again(
    store: Store, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    damage(make(store))
    with caplog.at_level(logging.WARNING, "npuspec"):
        assert store.get("kind", KEY) is None
    assert [r.getMessage() for r in caplog.records] == [f"cache entry kind/{KEY[:12]} is damaged: made again"]
    caplog.clear()
    make(store)
    assert not caplog.records


@pytest.mark.parametrize("seal", [b"", b"{", b"null", b"5", b'"file"', b"[]", b'["file"]', b"{}", b"\xff", b"[[], 1]"])
def test_a_seal_of_any_other_form_is_damage(store: Store, seal: bytes) -> None:
    entry = make(store)
    (entry / "seal.json").write_bytes(seal)
    assert store.get("kind", KEY) is None


def test_a_file_called_like_the_seal_is_content_below_the_top(store: Store) -> None:
    with store.making("kind", KEY) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "seal.json").write_bytes(b"mine")
    entry = store.get("kind", KEY)
    assert entry is not None
    (entry / "sub" / "seal.json").write_bytes(b"your")
    assert store.get("kind", KEY) is None


def test_of_two_makers_of_one_entry_the_first_to_finish_stays(store: Store, start: Start) -> None:
    process = start(MAKE, store.root, KEY)
    assert process.stdout is not None
    assert process.stdout.readline() == "made\n"
    entry = make(store)
    out, _ = process.communicate("\n")
    assert (process.returncode, out) == (0, "stored\n")
    assert (entry / "file").read_bytes() == b"one"
    assert store.get("kind", KEY) == entry
    assert scratch(store) == []


def test_an_entry_damaged_while_it_is_made_anew_is_replaced(store: Store) -> None:
    with store.making("kind", KEY) as folder:
        (folder / "file").write_bytes(b"new")
        flip(make(store))
    entry = store.get("kind", KEY)
    assert entry is not None
    assert (entry / "file").read_bytes() == b"new"


def test_many_processes_making_one_entry_all_end_with_it(store: Store, start: Start) -> None:
    processes = [start(MAKE, store.root, KEY) for _ in range(6)]
    let_go(processes, "made\n")
    assert [process.wait(30) for process in processes] == [0] * 6
    entry = store.get("kind", KEY)
    assert entry is not None
    assert (entry / "file").read_bytes() == b"other"
    assert scratch(store) == []


def test_what_a_killed_process_left_is_cleared_once_it_is_old(store: Store, start: Start) -> None:
    process = start(MAKE, store.root, KEY)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    (left,) = scratch(store)
    make(store)
    assert left.exists()
    age(left, days=2)
    make(store, "cd" * 32)
    assert scratch(store) == []


def test_the_folder_of_a_living_process_is_never_cleared(store: Store, start: Start) -> None:
    process = start(MAKE, store.root, KEY)
    assert process.stdout is not None
    process.stdout.readline()
    (used,) = scratch(store)
    age(used, days=30)
    make(store, "cd" * 32)
    assert used.exists()
    out, _ = process.communicate("\n")
    assert out == "stored\n"
    assert store.get("kind", KEY) is not None


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NPUSPEC_CACHE", "here")
    assert cache_dir() == tmp_path / "here"
    assert Store().root == tmp_path / "here"
    monkeypatch.setenv("NPUSPEC_CACHE", "")
    assert cache_dir().name == "npuspec"
    assert cache_dir().is_absolute()
