"""A file is replaced in one step, and only where its content is another."""

import os
import sys
from pathlib import Path

import pytest

from npuspec.store import replace_file


def test_a_new_and_a_changed_file_are_written_and_an_equal_one_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert replace_file(path, b"one")
    inode = path.stat().st_ino
    assert not replace_file(path, b"one")
    assert path.stat().st_ino == inode
    assert replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a.lock"]


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.lock"
    path.write_bytes(b"old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.lock"]


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own there")
def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "a.lock").symlink_to(tmp_path / "target")
    assert replace_file(tmp_path / "a.lock", b"mine")
    assert not (tmp_path / "a.lock").is_symlink()
    replace_file(tmp_path / "a.lock", b"new")
    assert (tmp_path / "target").read_bytes() == b"mine"
