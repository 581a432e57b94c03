"""A new version takes the place of the old one in one step."""

import os
import shutil
from pathlib import Path

import pytest
from msgspec import structs

from bundle.conftest import FILES, publish_files
from npuspec.bundle import open_bundle
from npuspec.bundle.manifest import MANIFEST, FileRecord
from npuspec.bundle.reader import POINTER, VERSIONS
from npuspec.bundle.writer import publish, staging
from npuspec.diagnostics import BundleError, SpecError


def versions(bundle: Path) -> set[str]:
    return {p.name for p in (bundle / "versions").iterdir()}


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def taken(path: Path) -> str:
    before = content(path) if path.is_dir() else {}
    with pytest.raises(SpecError) as caught:
        publish_files(path)
    assert caught.value.code == "output-taken"
    if path.is_dir():
        assert content(path) == before
    return caught.value.diagnostics[0].message


def test_what_nobody_would_read_is_not_published(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    publish_files(path, "1")
    before, manifest = content(path), open_bundle(path).manifest
    forged = structs.replace(manifest, files={**manifest.files, "a//b": FileRecord(sha256="0" * 64, size=0)})
    with staging(path) as scratch, pytest.raises(ValueError, match="matching regex"):
        publish(path, scratch, forged)
    assert content(path) == before


def test_what_was_published_is_opened(tmp_path: Path) -> None:
    digest = publish_files(tmp_path / "deep" / "bundle", "1")
    opened = open_bundle(tmp_path / "deep" / "bundle")
    assert opened.root.name == digest
    assert {n: opened.path(n).read_bytes() for n in opened.manifest.files} == {**FILES, "tag": b"1"}


def test_the_previous_version_is_kept_and_older_ones_are_removed(tmp_path: Path) -> None:
    digests = [publish_files(tmp_path, str(number)) for number in range(4)]
    assert versions(tmp_path) == set(digests[-2:])
    assert open_bundle(tmp_path).root.name == digests[-1]


def test_going_back_to_the_previous_version_is_a_switch(tmp_path: Path) -> None:
    first, second = publish_files(tmp_path, "1"), publish_files(tmp_path, "2")
    file = tmp_path / "versions" / first / "plan.json"
    made = file.stat().st_ino
    assert publish_files(tmp_path, "1") == first
    assert file.stat().st_ino == made
    assert open_bundle(tmp_path).root.name == first
    assert versions(tmp_path) == {first, second}


def test_publishing_the_same_content_again_changes_nothing(tmp_path: Path) -> None:
    first, second = publish_files(tmp_path, "1"), publish_files(tmp_path, "2")
    before = content(tmp_path)
    assert publish_files(tmp_path, "2") == second
    assert content(tmp_path) == before
    assert versions(tmp_path) == {first, second}


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_publishing_the_same_content_mends_a_damaged_bundle(bundle: Path, name: str) -> None:
    place = open_bundle(bundle).path("plan.json").parent / name
    place.write_bytes(b"damaged")
    with pytest.raises(BundleError):
        open_bundle(bundle)
    publish_files(bundle)
    assert open_bundle(bundle).path("plan.json").read_bytes() == FILES["plan.json"]


def test_publishing_mends_a_version_that_lost_files_or_was_replaced(bundle: Path) -> None:
    root = open_bundle(bundle).root
    shutil.rmtree(root / "models")
    publish_files(bundle)
    open_bundle(bundle)
    shutil.rmtree(root)
    root.write_bytes(b"no folder")
    publish_files(bundle)
    open_bundle(bundle)


@pytest.mark.parametrize("pointer", ["", "nonsense", "0" * 64 + "\n"])
def test_publishing_mends_a_damaged_pointer(bundle: Path, pointer: str) -> None:
    (bundle / "CURRENT").write_text(pointer)
    publish_files(bundle)
    open_bundle(bundle)


def test_what_a_killed_writer_left_is_cleared(bundle: Path) -> None:
    left = bundle / "versions" / "tmp-left"
    (left / "models").mkdir(parents=True)
    (left / "models" / "half").write_bytes(b"x")
    (bundle / "versions" / "tmp-pointer").write_bytes(b"x")
    open_bundle(bundle)
    with staging(bundle) as scratch:
        assert versions(bundle) == {open_bundle(bundle).root.name, scratch.name}
    assert versions(bundle) == {open_bundle(bundle).root.name}


@pytest.mark.parametrize("refusals", [2, 99])
def test_a_pointer_that_a_reader_holds_open_is_switched_as_soon_as_it_is_let_go(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    asked: list[Path] = []
    replace = Path.replace

    def held(self: Path, target: Path) -> Path:
        asked.append(target)
        if len(asked) <= refusals:
            raise PermissionError(13, "another process has the file open", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr("npuspec.bundle.writer.time.sleep", lambda _seconds: None)
    digest = publish_files(bundle, "new")
    assert asked == [bundle / "CURRENT"] * (refusals + 1)
    assert open_bundle(bundle).root.name == digest


def test_a_pointer_that_is_never_let_go_is_an_error_and_the_old_version_stays(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_bundle(bundle).root.name

    def held(_self: Path, target: Path) -> Path:
        raise PermissionError(13, "another process has the file open", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", held)
        patch.setattr("npuspec.bundle.writer.time.sleep", lambda _seconds: None)
        with pytest.raises(PermissionError):
            publish_files(bundle, "new")
    assert open_bundle(bundle).root.name == before
    assert not [name for name in versions(bundle) if name.startswith("tmp-")]


def test_a_failed_writer_leaves_the_old_version_alone(bundle: Path) -> None:
    before = content(bundle)

    def fail() -> None:
        with staging(bundle) as scratch:
            (scratch / "file").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert content(bundle) == before


def test_a_failed_first_writer_leaves_no_bundle_and_a_place_for_the_next(tmp_path: Path) -> None:
    def fail() -> None:
        with staging(tmp_path / "bundle"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(BundleError, match="no finished bundle"):
        open_bundle(tmp_path / "bundle")
    publish_files(tmp_path / "bundle")
    open_bundle(tmp_path / "bundle")


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    assert "is a file" in taken(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["thesis.txt", ".git/config", "manifest.json", "CURRENT.old", "CURRENT/x"])
def test_a_folder_with_other_files_is_never_used(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    assert "holds other files" in taken(tmp_path)


def test_a_database_with_a_pointer_of_the_same_name_is_never_used(tmp_path: Path) -> None:
    (tmp_path / "CURRENT").write_text("MANIFEST-000005\n")
    (tmp_path / "MANIFEST-000005").write_bytes(b"mine")
    assert "holds other files" in taken(tmp_path)


def test_versions_of_something_else_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "versions" / "1.0").mkdir(parents=True)
    (tmp_path / "versions" / "1.0" / "thesis.txt").write_bytes(b"mine")
    assert "holds other files" in taken(tmp_path)


def test_what_others_put_beside_a_bundle_stays(bundle: Path) -> None:
    (bundle / "README.md").write_bytes(b"mine")
    (bundle / "versions" / "notes").mkdir()
    (bundle / "versions" / "notes" / "n").write_bytes(b"mine")
    for tag in "123":
        publish_files(bundle, tag)
    assert (bundle / "README.md").read_bytes() == b"mine"
    assert (bundle / "versions" / "notes" / "n").read_bytes() == b"mine"
    open_bundle(bundle)


def test_an_empty_folder_becomes_a_bundle(tmp_path: Path) -> None:
    publish_files(tmp_path)
    open_bundle(tmp_path)


def test_a_bundle_that_nobody_may_write_to_is_opened(bundle: Path) -> None:
    for path in (*bundle.rglob("*"), bundle):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (bundle / ".lock").unlink()
    opened = open_bundle(bundle)
    assert opened.path("plan.json").read_bytes() == FILES["plan.json"]
    assert not (bundle / ".lock").exists()


def test_a_link_among_the_versions_is_removed_and_what_it_leads_to_stays(bundle: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(open_bundle(bundle).root, elsewhere)
    (bundle / "versions" / ("0" * 64)).symlink_to(elsewhere)
    before = content(elsewhere)
    publish_files(bundle, "new")
    assert "0" * 64 not in versions(bundle)
    assert content(elsewhere) == before


def test_a_bundle_is_for_all_who_may_read_its_folder(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        version = publish_files(tmp_path / "bundle")
    finally:
        os.umask(before)
    for path in ("", POINTER, VERSIONS, f"{VERSIONS}/{version}", f"{VERSIONS}/{version}/{MANIFEST}"):
        assert (tmp_path / "bundle" / path).stat().st_mode & 0o444 == 0o444, path
    assert (tmp_path / "bundle" / VERSIONS / version).stat().st_mode & 0o111 == 0o111
