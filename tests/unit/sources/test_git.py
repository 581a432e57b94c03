"""The spec's folder at a revision: what git has is read as it was, and nothing of the repository is run."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from npuspec.sources import fetch_data, fetch_model
from npuspec.sources.faults import Fault
from npuspec.sources.git import GitTree, read_at, tree_at
from npuspec.sources.tree import Listing
from npuspec.store import Store


def git(folder: Path, *arguments: str) -> None:
    """Run git as a user with a name and no settings of their own."""
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def commit(folder: Path, *names: str) -> None:
    git(folder, "add", "-A", *names)
    git(folder, "commit", "-qm", "x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder below the top of a repository, with one commit: two samples and a spec."""
    git(tmp_path, "init", "-q")
    below = tmp_path / "specs here"
    write(below, {"s.toml": b"old", "data/a.npy": b"a", "data/deep/b.npy": b"b"})
    write(tmp_path, {"beside.txt": b"not ours"})
    commit(tmp_path)
    return below


def read(tree: GitTree, path: str) -> bytes:
    with tree.open(path) as file:
        return file.read()


def refused(call: Callable[[], object]) -> Fault:
    with pytest.raises(Fault) as caught:
        call()
    return caught.value


def test_what_changed_since_is_read_as_it_was(folder: Path) -> None:
    write(folder, {"s.toml": b"new text", "data/a.npy": b"other"})
    tree = GitTree(folder, "HEAD")
    assert (read(tree, "s.toml"), tree.size("s.toml")) == (b"old", 3)
    assert read(tree, "data/a.npy") == b"a"
    assert tree.borrowed == set()
    assert read_at(tree, "s.toml", 2) == (b"old", [])
    assert read_at(tree, "s.toml", 1) == (b"ol", [])


def test_a_folder_is_listed_as_it_was(folder: Path) -> None:
    write(folder, {"data/new.npy": b"n", "more/c.npy": b"c"})
    commit(folder)
    tree = GitTree(folder, "HEAD~1")
    assert tree.listing("data") == Listing(("a.npy",), ("deep",))
    assert tree.listing("data/deep") == Listing(("b.npy",))
    assert tree.listing("nowhere") == Listing()
    assert not tree.holds("data/new.npy")
    assert not tree.holds("data")


def test_a_file_that_was_deleted_since_is_there(folder: Path) -> None:
    (folder / "data" / "deep" / "b.npy").unlink()
    (folder / "data" / "deep").rmdir()
    commit(folder)
    tree = GitTree(folder, "HEAD~1")
    assert tree.listing("data").folders == ("deep",)
    assert read(tree, "data/deep/b.npy") == b"b"


def test_what_git_ignores_is_taken_from_the_working_tree_and_noted(folder: Path) -> None:
    write(folder, {".gitignore": b"*.onnx\n", "model.onnx": b"weights", "models/other.onnx": b"w"})
    commit(folder)
    tree = GitTree(folder, "HEAD~1")
    assert "model.onnx" in tree.listing("").files
    assert tree.listing("models") == Listing(("other.onnx",))
    assert tree.borrowed == set()
    assert (read(tree, "model.onnx"), tree.size("model.onnx")) == (b"weights", 7)
    assert tree.borrowed == {"model.onnx"}


def test_a_file_that_is_tracked_since_was_not_there(folder: Path) -> None:
    write(folder, {"data/new.npy": b"n"})
    git(folder, "add", "-A")
    assert "new.npy" not in GitTree(folder, "HEAD").listing("data").files


def test_a_folder_that_was_not_there_is_empty(folder: Path) -> None:
    later = folder / "later"
    write(later, {"s.toml": b"x"})
    commit(folder)
    tree = GitTree(later, "HEAD~1")
    assert tree.listing("") == Listing()
    assert read_at(tree, "s.toml", 9) == (None, [])


def test_links_are_followed_inside_and_refused_where_they_lead_out(folder: Path) -> None:
    (folder / "in.npy").symlink_to("data/a.npy")
    (folder / "linked").symlink_to("data/deep")
    (folder / "up").symlink_to("../beside.txt")
    (folder / "all").symlink_to("/")
    (folder / "ring").symlink_to("ring")
    (folder / "gone").symlink_to("nothing")
    commit(folder)
    tree = GitTree(folder, "HEAD")
    listing = tree.listing("")
    assert {"in.npy", "up", "all", "ring"} <= {*listing.files}
    assert {"linked", "up", "all", "ring"} <= {*listing.links}
    assert "gone" not in (*listing.files, *listing.links)
    assert read(tree, "in.npy") == b"a"
    assert read(tree, "linked/b.npy") == b"b"
    for name in ("up", "all", "ring", "all/etc/passwd"):
        assert refused(lambda name=name: read(tree, name)).code == "path-outside"  # type: ignore[misc]


@pytest.mark.parametrize("revision", ["nowhere", "--help", "-h", "", "HEAD:specs here", "HEAD..HEAD", "a\nb", "HEAD~9"])
def test_what_names_no_commit_is_an_unknown_revision(folder: Path, revision: str) -> None:
    tree, faults = tree_at(folder, revision)
    assert tree is None
    assert [fault.code for fault in faults] == ["unknown-revision"]


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1", "HEAD^0"])
def test_a_branch_a_tag_and_a_commit_are_revisions(folder: Path, revision: str) -> None:
    git(folder, "tag", "-a", "-m", "one", "v1")
    assert GitTree(folder, revision).holds("s.toml")


def test_a_folder_in_no_repository_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    assert refused(lambda: GitTree(tmp_path / "plain", "HEAD")).code == "no-repository"
    assert "there is no folder" in str(refused(lambda: GitTree(tmp_path / "nowhere", "HEAD")))


def test_without_git_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    fault = refused(lambda: GitTree(folder, "HEAD"))
    assert (fault.code, str(fault)) == ("no-repository", "there is no program `git`")


def test_inside_of_a_hook_the_folder_says_which_repository_is_meant(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no index"))
    assert GitTree(folder, "HEAD").holds("s.toml")


def test_no_program_of_the_repository_is_run(folder: Path, tmp_path: Path) -> None:
    trap = f"touch '{tmp_path / 'ran'}'; cat"
    write(folder, {".gitattributes": b"*.npy filter=trap diff=trap\n"})
    commit(folder)
    for key in ("filter.trap.smudge", "filter.trap.clean", "diff.trap.textconv", "core.fsmonitor", "core.sshCommand"):
        git(folder, "config", key, trap)
    tree = GitTree(folder, "HEAD")
    assert read(tree, "data/a.npy") == b"a"
    assert tree.listing("data").files == ("a.npy",)
    assert not (tmp_path / "ran").exists()


def pointer(content: bytes) -> tuple[str, bytes]:
    digest = hashlib.sha256(content).hexdigest()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
    return digest, text.encode()


def test_a_pointer_of_lfs_is_not_taken_for_the_file(folder: Path) -> None:
    write(folder, {"model.onnx": pointer(b"weights")[1]})
    commit(folder)
    fault = refused(lambda: read(GitTree(folder, "HEAD"), "model.onnx"))
    assert fault.code == "lfs-pointer"
    assert "git lfs fetch" in fault.help


def test_what_lfs_has_on_this_disk_is_read(folder: Path) -> None:
    digest, text = pointer(b"weights")
    write(folder, {"model.onnx": text})
    commit(folder)
    write(folder.parent / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4], {digest: b"weights"})
    tree = GitTree(folder, "HEAD")
    assert (read(tree, "model.onnx"), tree.size("model.onnx")) == (b"weights", 7)


def test_a_model_and_data_are_fetched_from_a_revision(folder: Path, store: Store, onnx: Callable[..., bytes]) -> None:
    write(folder, {"m.onnx": onnx("m.data"), "m.data": b"old"})
    commit(folder)
    write(folder, {"m.data": b"new", "data/a.npy": b"new"})
    tree = GitTree(folder, "HEAD")
    model, faults = fetch_model("m.onnx", None, folder=folder, store=store, tree=tree)
    assert model is not None, faults
    assert (model.root / "m.data").read_bytes() == b"old"
    data, faults = fetch_data("data/**/*.npy", None, folder=folder, store=store, tree=tree)
    assert data is not None, faults
    assert [(file.path, file.size) for file in data.files] == [("a.npy", 1), ("deep/b.npy", 1)]
    assert fetch_data("data", None, folder=folder, store=store, tree=tree) == (data, [])
    _, (fault,) = fetch_model("none.onnx", None, folder=folder, store=store, tree=tree)
    assert "the spec's folder at `HEAD`" in fault.message
