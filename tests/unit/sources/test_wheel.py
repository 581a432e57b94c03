import copy
import os
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuspec.sources.faults import Fault
from npuspec.sources.tree import Listing
from npuspec.sources.wheel import MAX_RATIO, MAX_TOTAL, RATIO_FROM, WheelTree

MakeWheel = Callable[..., Path]


def refusal(path: Path) -> str:
    with pytest.raises(Fault) as caught:
        WheelTree(path, "toy==1.0").__exit__(None, None, None)
    assert caught.value.code == "bad-wheel"
    assert caught.value.help
    return str(caught.value)


def test_members_are_listed_by_folder(tmp_path: Path, wheel: MakeWheel) -> None:
    path = wheel(tmp_path, {"toy/": b"", "toy/b/c.wav": b"cc", "toy/a.wav": b"a", "x": b""})
    with WheelTree(path, "toy==1.0") as tree:
        assert tree.listing("") == Listing(("x",), ("toy", "toy-1.0.dist-info"))
        assert tree.listing("toy") == Listing(("a.wav",), ("b",))
        assert tree.listing("toy/b") == Listing(("c.wav",))
        assert tree.listing("toy/a.wav") == tree.listing("to") == Listing()
        assert tree.size("toy/b/c.wav") == 2
        with tree.open("toy/b/c.wav") as file:
            assert file.read() == b"cc"


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "a/../b",
        "/evil",
        "C:/evil",
        "C:evil",
        "a\\..\\evil",
        "a//b",
        "./a",
        "a\nb",
        "a/b" * 900,
    ],
)
def test_a_path_that_is_not_a_plain_one_is_refused(tmp_path: Path, wheel: MakeWheel, name: str) -> None:
    assert "isn't a plain one" in refusal(wheel(tmp_path, {name: b"evil"}))


def test_a_name_that_ends_at_a_nul_for_some_readers_is_refused(tmp_path: Path, wheel: MakeWheel) -> None:
    def edit(file: ZipFile) -> None:
        info = ZipInfo("a")
        info.filename = "a.onnx\0.txt"
        file.writestr(info, b"")

    assert "isn't a plain one" in refusal(wheel(tmp_path, {}, edit=edit))


def test_a_second_name_in_unicode_leads_nowhere(tmp_path: Path, wheel: MakeWheel) -> None:
    def edit(file: ZipFile) -> None:
        info, second = ZipInfo("plain"), b"../evil"
        info.extra = struct.pack("<HHBL", 0x7075, 5 + len(second), 1, crc32(b"plain")) + second
        file.writestr(info, b"")

    path = wheel(tmp_path, {}, edit=edit)
    with ZipFile(path) as file:
        heeded = "../evil" in file.namelist()  # from Python 3.13 on
    if heeded:
        assert "isn't a plain one" in refusal(path)
    else:
        with WheelTree(path, "toy==1.0") as tree:
            assert tree.listing("").files == ("plain",)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, wheel: MakeWheel, kind: int) -> None:
    def edit(file: ZipFile) -> None:
        info = ZipInfo("toy/link")
        info.external_attr = (kind | 0o777) << 16
        file.writestr(info, "/etc/passwd")

    assert "link or a device" in refusal(wheel(tmp_path, {}, edit=edit))


def test_two_members_of_one_name_are_refused(tmp_path: Path, wheel: MakeWheel) -> None:
    def edit(file: ZipFile) -> None:
        file.writestr("toy/a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("toy/a", b"2")

    assert "two members of the same name, 'toy/a'" in refusal(wheel(tmp_path, {}, edit=edit))


def test_a_file_that_is_a_folder_as_well_is_refused(tmp_path: Path, wheel: MakeWheel) -> None:
    assert "inside what is a file, 'toy/a'" in refusal(wheel(tmp_path, {"toy/a": b"", "toy/a/b/c": b""}))


def test_an_unusual_packing_is_refused(tmp_path: Path, wheel: MakeWheel) -> None:
    path = wheel(tmp_path, {}, edit=lambda file: file.writestr("a", b"a", ZIP_BZIP2))
    assert "packed in a way" in refusal(path)


def patch_central(path: Path, name: bytes, offset: int, value: bytes) -> None:
    """Overwrite a part of a member's central record."""
    data = bytearray(path.read_bytes())
    at = data.rindex(name) - 46 + offset
    assert data[at - offset : at - offset + 4] == b"PK\1\2"
    data[at : at + len(value)] = value
    path.write_bytes(data)


def test_an_encrypted_member_is_refused(tmp_path: Path, wheel: MakeWheel) -> None:
    path = wheel(tmp_path, {"secret": b"a"})
    patch_central(path, b"secret", 8, b"\1\0")
    assert "encrypted" in refusal(path)


def test_more_than_the_limit_is_refused_by_what_is_declared(tmp_path: Path, wheel: MakeWheel) -> None:
    path = wheel(tmp_path, {"big1": b"1", "big2": b"2", "big3": b"3"})
    for name in (b"big1", b"big2", b"big3"):
        patch_central(path, name, 24, struct.pack("<I", 0xFFFFFFFE))
    assert 3 * 0xFFFFFFFE > MAX_TOTAL > 2 * 0xFFFFFFFE - 1000
    assert "more than the" in refusal(path)


def test_a_bomb_is_refused(tmp_path: Path, wheel: MakeWheel) -> None:
    path = wheel(tmp_path, {"zeros": bytes(RATIO_FROM + 1)})
    assert path.stat().st_size * MAX_RATIO < RATIO_FROM
    assert "zip bomb" in refusal(path)


def test_what_shrinks_well_but_is_small_is_taken(tmp_path: Path, wheel: MakeWheel) -> None:
    path = wheel(tmp_path, {"zeros": bytes(RATIO_FROM // 2)})
    with WheelTree(path, "toy==1.0") as tree:
        assert tree.size("zeros") == RATIO_FROM // 2


def test_members_that_overlap_are_refused(tmp_path: Path, wheel: MakeWheel) -> None:
    def edit(file: ZipFile) -> None:
        file.writestr("one", os.urandom(100_000), ZIP_STORED)
        for name in ("two", "three"):
            again = copy.copy(file.getinfo("one"))
            again.filename = name
            file.filelist.append(again)

    assert "overlap" in refusal(wheel(tmp_path, {}, edit=edit))


def test_a_size_that_understates_gives_no_more_than_it_says(tmp_path: Path, wheel: MakeWheel) -> None:
    path = wheel(tmp_path, {"liar": bytes(5_000_000)})
    patch_central(path, b"liar", 24, struct.pack("<I", 10))
    with pytest.raises(Fault) as caught, WheelTree(path, "toy==1.0") as tree, tree.open("liar") as file:
        file.read()
    assert caught.value.code == "bad-wheel"


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(b"not a zip")
    assert "isn't one" in refusal(path)


def test_a_fault_of_the_caller_s_passes_through(tmp_path: Path, wheel: MakeWheel) -> None:
    with pytest.raises(KeyError), WheelTree(wheel(tmp_path, {}), "toy==1.0"):
        raise KeyError


def _sample() -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as file:
        file.writestr("toy/a.wav", b"abc" * 50, ZIP_DEFLATED)
        file.writestr("toy/b.wav", b"abc", ZIP_STORED)
    return buffer.getvalue()


SAMPLE = _sample()


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, len(SAMPLE)),
)
def test_damage_anywhere_is_a_fault_and_nothing_else(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(SAMPLE)
    for at, value in changes:
        data[at] = value
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.whl"
        path.write_bytes(data[:length] if length % 4 == 0 else data)
        with suppress(Fault), WheelTree(path, "toy==1.0") as tree:
            for name in tree.listing("toy").files:
                with tree.open(f"toy/{name}") as file:
                    assert len(file.read()) <= tree.size(f"toy/{name}")
