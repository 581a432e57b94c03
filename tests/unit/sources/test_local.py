import os
import sys
from pathlib import Path

import pytest

from npuspec.sources.faults import Fault
from npuspec.sources.local import LocalTree
from npuspec.sources.tree import Listing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and fifos take rights there that tests lack")


def test_it_lists_files_folders_and_links_to_folders(spec: Path) -> None:
    (spec / "b").mkdir()
    (spec / "a.onnx").write_bytes(b"abc")
    (spec / "file").symlink_to("a.onnx")
    (spec / "folder").symlink_to("b")
    (spec / "broken").symlink_to("nowhere")
    os.mkfifo(spec / "fifo")
    tree = LocalTree(spec)
    assert tree.listing("") == Listing(("a.onnx", "file"), ("b",), ("folder",))
    assert tree.listing("c") == Listing()
    assert tree.size("file") == 3
    with tree.open("file") as file:
        assert file.read() == b"abc"


@pytest.mark.parametrize("target", ["../secret", "..", "/etc"])
def test_a_link_that_leads_out_is_refused_when_it_is_used(spec: Path, target: str) -> None:
    (spec.parent / "secret").write_bytes(b"s")
    (spec / "link").symlink_to(target)
    tree = LocalTree(spec)
    for use in (tree.open, tree.size, tree.listing):
        with pytest.raises(Fault) as caught:
            use("link")
        assert caught.value.code == "path-outside"
    with pytest.raises(Fault) as caught:
        tree.open("link/secret")
    assert caught.value.code == "path-outside"


def test_a_folder_whose_name_starts_like_the_spec_s_is_outside(spec: Path) -> None:
    beside = spec.parent / (spec.name + "-other")
    beside.mkdir()
    (beside / "m.onnx").write_bytes(b"")
    (spec / "link").symlink_to(beside)
    with pytest.raises(Fault, match="leads out"):
        LocalTree(spec).open("link/m.onnx")


def test_the_spec_s_own_folder_may_be_reached_through_a_link(spec: Path) -> None:
    (spec / "m.onnx").write_bytes(b"m")
    (spec.parent / "alias").symlink_to(spec)
    assert LocalTree(spec.parent / "alias").size("m.onnx") == 1


def test_a_loop_of_links_is_no_file(spec: Path) -> None:
    (spec / "a").symlink_to("b")
    (spec / "b").symlink_to("a")
    assert LocalTree(spec).listing("") == Listing()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_a_fault(spec: Path) -> None:
    (spec / "m.onnx").write_bytes(b"m")
    (spec / "m.onnx").chmod(0)
    with pytest.raises(Fault) as caught:
        LocalTree(spec).open("m.onnx")
    assert caught.value.code == "unreadable-file"


def test_a_file_that_went_away_is_a_fault(spec: Path) -> None:
    with pytest.raises(Fault) as caught:
        LocalTree(spec).size("m.onnx")
    assert caught.value.code == "unreadable-file"
