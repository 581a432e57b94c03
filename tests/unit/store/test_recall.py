"""What is kept is handed out as long as everything that was looked at is as it was, and no longer."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from npuspec.store import distrust, look
from npuspec.store.recall import keep, recall, watching

QUESTION = ["check", "a"]
OLD = 10_000_000_000


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npuspec.store.recall._FRESH", -60_000_000_000)


def kept(root: Path, *paths: Path, question: list[str] = QUESTION, answer: Any = 1) -> Any:
    """Keep an answer that depends on these paths, and return what is recalled."""
    with watching() as seen:
        look(*paths)
    keep(root, question, seen, answer)
    return recall(root, question)


def test_an_answer_comes_back_for_its_question_and_no_other(tmp_path: Path) -> None:
    assert recall(tmp_path, QUESTION) is None
    assert kept(tmp_path, tmp_path / "absent", answer={"ä": [1, None, "\udcff"]}) == {"ä": [1, None, "\udcff"]}
    assert recall(tmp_path, ["check", "b"]) is None
    assert recall(tmp_path, ["checka", ""]) is None
    assert recall(tmp_path / "other", QUESTION) is None


def test_looking_outside_of_a_watch_is_nothing(tmp_path: Path) -> None:
    look(tmp_path)
    with watching() as outer:
        look(tmp_path / "one")
        with watching() as inner:
            look(tmp_path / "two")
    assert {*outer.states} == {str(tmp_path / "one"), str(tmp_path / "two")}
    assert {*inner.states} == {str(tmp_path / "two")}


def test_who_watches_around_sees_what_was_seen_first_and_what_is_doubtful(tmp_path: Path) -> None:
    place = tmp_path / "a"
    with watching() as outer:
        with watching() as inner:
            look(place)
            distrust()
        place.write_bytes(b"1")
        look(place)
        with watching() as second:
            look(place)
    assert outer.states == inner.states == {str(place): None}
    assert second.states[str(place)] is not None
    assert (outer.unsure, second.unsure) == (True, False)


def test_an_answer_within_an_answer_hangs_on_the_same_files(tmp_path: Path) -> None:
    place, store = tmp_path / "a", tmp_path / "store"
    place.write_bytes(b"1")
    assert kept(store, place, question=["inner"]) == 1
    with watching() as seen:
        assert recall(store, ["inner"]) == 1
    keep(store, ["outer"], seen, 2)
    assert recall(store, ["outer"]) == 2
    place.write_bytes(b"2")
    assert recall(store, ["outer"]) is None
    with watching() as seen:
        assert recall(store, ["inner"]) is None
    assert seen.states == {}


def test_a_relative_path_is_of_the_folder_that_it_was_looked_at_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    assert kept(tmp_path / "store", Path("a")) == 1
    monkeypatch.chdir("/")
    assert recall(tmp_path / "store", QUESTION) == 1
    (tmp_path / "a").unlink()
    assert recall(tmp_path / "store", QUESTION) is None


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "ä\udcff"])
def test_a_path_that_no_system_has_is_absent(tmp_path: Path, name: str) -> None:
    assert kept(tmp_path, tmp_path / name) == 1


def test_what_appears_goes_or_changes_takes_the_answer_away(tmp_path: Path) -> None:
    place = tmp_path / "a"
    assert kept(tmp_path / "store", place) == 1
    place.write_bytes(b"1")
    assert recall(tmp_path / "store", QUESTION) is None
    assert kept(tmp_path / "store", place) == 1
    place.write_bytes(b"2")
    assert recall(tmp_path / "store", QUESTION) is None
    assert kept(tmp_path / "store", place) == 1
    place.chmod(0o600)
    assert recall(tmp_path / "store", QUESTION) is None
    assert kept(tmp_path / "store", place) == 1
    place.unlink()
    place.mkdir()
    assert recall(tmp_path / "store", QUESTION) is None


def test_a_folder_changes_with_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert kept(tmp_path / "store", folder) == 1
    (folder / "a").write_bytes(b"")
    assert recall(tmp_path / "store", QUESTION) is None


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own there")
def test_a_link_is_known_by_where_it_leads_and_by_what_is_there(tmp_path: Path) -> None:
    link, way = tmp_path / "link", tmp_path / "way"
    link.symlink_to(way)
    assert kept(tmp_path / "store", link) == 1
    way.symlink_to(tmp_path / "nothing")  # it led nowhere, and does so still, by another way
    assert recall(tmp_path / "store", QUESTION) is None
    assert kept(tmp_path / "store", link) == 1
    (tmp_path / "nothing").write_bytes(b"")
    assert recall(tmp_path / "store", QUESTION) is None
    assert kept(tmp_path / "store", link) == 1
    os.link(tmp_path / "nothing", tmp_path / "same")
    assert kept(tmp_path / "store", link) == 1
    way.unlink()
    way.symlink_to(tmp_path / "same")
    assert recall(tmp_path / "store", QUESTION) is None
    way.unlink()
    way.symlink_to(link)  # a loop
    assert kept(tmp_path / "store", link) == 1


def test_what_changed_after_it_was_looked_at_is_not_kept(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"1")
    with watching() as seen:
        look(place)
        place.write_bytes(b"2")
        look(place)  # the first look was the one that counts
    keep(tmp_path / "store", QUESTION, seen, 1)
    assert recall(tmp_path / "store", QUESTION) is None
    assert not (tmp_path / "store").exists()


def test_what_is_younger_than_two_seconds_at_the_beginning_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npuspec.store.recall._FRESH", 1_000_000_000)
    place = tmp_path / "a"
    place.write_bytes(b"1")
    with watching() as seen:
        look(place)
        time.sleep(1.2)  # long work afterwards makes it no older
    keep(tmp_path / "store", QUESTION, seen, 1)
    assert recall(tmp_path / "store", QUESTION) is None
    assert kept(tmp_path / "store", place) == 1
    ahead = time.time() + 3600
    os.utime(place, (ahead, ahead))
    time.sleep(1.2)
    assert kept(tmp_path / "store", place) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_pipes_and_devices_are_not_kept(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert kept(tmp_path / "store", tmp_path / "pipe") is None
    assert kept(tmp_path / "store", Path(os.devnull)) is None


def test_the_oldest_answers_beyond_five_hundred_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npuspec.store.recall._MOST", 5)
    folder = tmp_path / "recall"
    for number in range(8):
        assert kept(tmp_path, question=[str(number)], answer=number) == number
        for entry in folder.iterdir():
            before = entry.stat().st_mtime_ns
            os.utime(entry, ns=(before - OLD, before - OLD))
    assert [recall(tmp_path, [str(number)]) for number in range(8)] == [None, None, None, 3, 4, 5, 6, 7]
    (folder / ".npuspec-left.tmp").write_bytes(b"of one that was killed")
    os.utime(folder / ".npuspec-left.tmp", (0, 0))
    kept(tmp_path, question=["more"])
    assert len([*folder.iterdir()]) == 5
    assert not (folder / ".npuspec-left.tmp").exists()


def test_an_answer_that_can_not_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert kept(tmp_path / "file") is None
    (tmp_path / "recall").write_bytes(b"")
    assert kept(tmp_path) is None


def test_nothing_is_left_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        assert kept(tmp_path) is None
    assert [*(tmp_path / "recall").iterdir()] == []


def test_what_may_be_otherwise_another_time_is_not_kept(tmp_path: Path) -> None:
    distrust()
    with watching() as seen:
        distrust()
    keep(tmp_path, QUESTION, seen, 1)
    assert recall(tmp_path, QUESTION) is None
    assert kept(tmp_path) == 1
