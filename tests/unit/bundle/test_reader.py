"""A bundle is opened whole or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.conftest import FILES, publish_files
from helpers import flip
from npuspec.bundle import open_bundle
from npuspec.diagnostics import BundleError
from npuspec.store import digest_bytes


def refused(path: Path, code: str = "broken-bundle") -> str:
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    assert caught.value.exit_code == 3
    (fault,) = caught.value.diagnostics
    assert fault.code == code
    assert fault.help
    return fault.message


def version(bundle: Path) -> Path:
    return bundle / "versions" / (bundle / "CURRENT").read_text().strip()


def reseal(bundle: Path, manifest: bytes) -> None:
    """Give a bundle another manifest, with a name and a pointer that are right for it."""
    root = version(bundle)
    (root / "manifest.json").write_bytes(manifest)
    digest = digest_bytes(manifest)
    root.rename(root.parent / digest)
    (bundle / "CURRENT").write_text(f"{digest}\n")


@pytest.mark.parametrize("name", [*(n for n in FILES if FILES[n]), "tag", "manifest.json"])
def test_any_flipped_byte_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    publish_files(tmp_path / "bundle", "tag")
    path = version(tmp_path / "bundle") / name
    size = path.stat().st_size
    for offset in range(0, size, max(1, size // 50)):
        flip(path, offset)
        message = refused(tmp_path / "bundle")
        assert (f"`{name}` was changed" if name != "manifest.json" else "its manifest") in message
        flip(path, offset)
    open_bundle(tmp_path / "bundle")


def test_any_flipped_byte_of_the_pointer_is_refused(bundle: Path) -> None:
    for offset in range(65):
        for bit in range(8):
            data = bytearray((bundle / "CURRENT").read_bytes())
            data[offset] ^= 1 << bit
            (bundle / "CURRENT").write_bytes(data)
            refused(bundle)
            data[offset] ^= 1 << bit
            (bundle / "CURRENT").write_bytes(data)
    open_bundle(bundle)


POINTERS = ["", "\n", "x" * 64 + "\n", "../x\n", "../" * 21 + "a\n", "/etc\n", ".\n", "A" * 64 + "\n", "0" * 63 + "\n"]


@pytest.mark.parametrize("pointer", POINTERS)
def test_a_pointer_that_names_no_version_is_refused(bundle: Path, pointer: str) -> None:
    (bundle / "CURRENT").write_text(pointer)
    assert "CURRENT file names no version" in refused(bundle)


def test_a_pointer_with_more_than_a_name_is_refused(bundle: Path) -> None:
    name = (bundle / "CURRENT").read_text()
    for text in (name.rstrip(), name + "\n", name * 2, name.replace("\n", "\r\n"), " " + name, name + "x" * 1000):
        (bundle / "CURRENT").write_text(text)
        refused(bundle)


def test_a_pointer_to_a_version_that_is_not_there_is_refused(bundle: Path) -> None:
    (bundle / "CURRENT").write_text("0" * 64 + "\n")
    assert "isn't there" in refused(bundle)


def test_a_folder_in_place_of_the_pointer_is_refused(bundle: Path) -> None:
    (bundle / "CURRENT").unlink()
    (bundle / "CURRENT").mkdir()
    assert "can't be read" in refused(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(bundle: Path, name: str) -> None:
    (version(bundle) / name).unlink()
    assert f"`{name}` is missing" in refused(bundle)


def test_a_missing_manifest_or_version_is_refused(bundle: Path) -> None:
    (version(bundle) / "manifest.json").unlink()
    refused(bundle)
    shutil.rmtree(version(bundle))
    refused(bundle)


@pytest.mark.parametrize("name", ["more", "models/more.xml", ".hidden", "new/more", "models/manifest.json"])
def test_an_added_file_is_refused(bundle: Path, name: str) -> None:
    place = version(bundle) / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"")
    assert f"`{name}` isn't in its manifest" in refused(bundle)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_link_in_place_of_a_file_is_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    place = version(bundle) / name
    shutil.copyfile(place, tmp_path / "copy")
    place.unlink()
    place.symlink_to(tmp_path / "copy")
    refused(bundle)


def test_a_linked_folder_is_refused(bundle: Path, tmp_path: Path) -> None:
    shutil.move(version(bundle) / "models", tmp_path / "models")
    (version(bundle) / "models").symlink_to(tmp_path / "models")
    refused(bundle)


def test_a_folder_in_place_of_a_file_is_refused(bundle: Path) -> None:
    (version(bundle) / "plan.json").unlink()
    (version(bundle) / "plan.json").mkdir()
    refused(bundle)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["evidence/empty", "plan.json", "manifest.json"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(bundle: Path, name: str) -> None:
    (version(bundle) / name).unlink()
    os.mkfifo(version(bundle) / name)
    refused(bundle)


@pytest.mark.parametrize("edit", [lambda m: m[:-1], lambda m: m[: len(m) // 2], lambda _: b"", lambda m: m + b" "])
def test_a_manifest_of_another_length_is_refused(bundle: Path, edit: Callable[[bytes], bytes]) -> None:
    place = version(bundle) / "manifest.json"
    place.write_bytes(edit(place.read_bytes()))
    assert "its manifest isn't the one" in refused(bundle)


RESEALED: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda m: m[: len(m) // 2],
    "empty": lambda _: b"",
    "another format": lambda m: m.replace(b'"format": 1', b'"format": 2'),
    "no format of ours": lambda _: b"[]",
    "no UTF-8": lambda m: m.replace(b"a device", b"\xff\xff"),
    "a path out of the bundle": lambda m: m.replace(b"plan.json", b"../../x"),
    "a deep nest": lambda _: b"[" * 100_000,
    "NaN": lambda m: m.replace(b'"pad_value": 0.0', b'"pad_value": NaN'),
    "a number that no float holds": lambda m: m.replace(b'"pad_value": 0.0', b'"pad_value": 1e999'),
    "an endless number": lambda m: m.replace(b'"batch": 1', b'"batch": 1' + b"0" * 100_000),
    "half a character": lambda m: m.replace(b"a device", rb"\ud800"),
}


@pytest.mark.parametrize("name", RESEALED)
def test_a_sealed_manifest_that_this_version_cannot_read_is_said_to_be_of_another_format(
    bundle: Path, name: str
) -> None:
    before = (version(bundle) / "manifest.json").read_bytes()
    after = RESEALED[name](before)
    assert after != before
    reseal(bundle, after)
    message = refused(bundle, "bundle-format")
    assert len(message) < 1000


def test_a_sealed_manifest_of_the_same_content_is_read(bundle: Path) -> None:
    before = open_bundle(bundle).manifest
    reseal(bundle, (version(bundle) / "manifest.json").read_bytes() + b"\n")
    assert open_bundle(bundle).manifest == before


def test_a_huge_manifest_is_refused_unread(bundle: Path) -> None:
    place = version(bundle) / "manifest.json"
    with place.open("r+b") as file:
        file.truncate(2**40)
    assert "too large" in refused(bundle)


def test_where_nothing_is_there_is_no_bundle(tmp_path: Path) -> None:
    assert "there is no bundle at" in refused(tmp_path / "none", "no-bundle")
    (tmp_path / "file").write_bytes(b"")
    assert "there is no bundle at" in refused(tmp_path / "file", "no-bundle")
    assert "no finished bundle" in refused(tmp_path, "no-bundle")


def test_a_name_that_no_file_can_have_is_no_bundle() -> None:
    with pytest.raises(BundleError):
        open_bundle(Path("x" * 5000))


def test_a_file_that_the_manifest_does_not_list_has_no_path(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert opened.path("plan.json").read_bytes() == FILES["plan.json"]
    for name in ("manifest.json", "../../CURRENT", "none"):
        with pytest.raises(BundleError):
            opened.path(name)


def test_a_copied_moved_or_linked_bundle_is_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    manifest = open_bundle(bundle).manifest
    copy = shutil.copytree(bundle, tmp_path / "copy")
    assert open_bundle(copy).manifest == manifest
    (tmp_path / "link").symlink_to(copy)
    assert open_bundle(tmp_path / "link").manifest == manifest
