"""`npuspec check --fix`: what has one safe mend is mended in the file, and nothing else of it is touched."""

from pathlib import Path

import pytest

from beside import make_beside
from builders import SMALL
from conftest import npuspec

FAULTY = (
    SMALL.replace('device = "NPU"', 'device = "npu" # the one in the laptop')
    .replace("size = 64", 'size = "64"')
    .replace("model.onnx", "model.xml")
    + "pad_side = 'right'   # as it was trained\n\n"
    + "[properties]\nNPU_TURBO = true\nenable-mmap = true # faster\n"
)
MENDED = (
    SMALL.replace('device = "NPU"', 'device = "NPU" # the one in the laptop').replace("model.onnx", "model.xml")
    + "pad-side = 'right'   # as it was trained\n\n"
    + "[properties]\nturbo = true\n# faster\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the models that the specs name."""
    make_beside(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_all_that_has_a_mend_is_mended_in_rounds_and_the_spec_is_right(folder: Path) -> None:
    spec = write(folder / "a.toml", FAULTY)
    ran = npuspec("check", "--fix", "a.toml", cwd=folder)
    assert (ran.code, ran.out) == (0, "a.toml: ok\n"), ran.err
    assert "a.toml: 5 faults mended" in ran.err
    assert spec.read_text() == MENDED
    again = npuspec("check", "--fix", "a.toml", cwd=folder)
    assert (again.code, again.out, "mended" in again.err) == (0, "a.toml: ok\n", False)


def test_without_it_nothing_is_written_and_the_way_is_said(folder: Path) -> None:
    spec = write(folder / "a.toml", FAULTY)
    ran = npuspec("check", "a.toml", cwd=folder)
    assert ran.code == 2
    assert "5 of these can be mended: npuspec check --fix" in ran.err
    assert spec.read_text() == FAULTY


def test_what_has_no_mend_is_left_and_told(folder: Path) -> None:
    spec = write(folder / "a.toml", FAULTY.replace('overflow = "error"', ""))
    ran = npuspec("check", "--fix", "--format", "concise", "a.toml", cwd=folder)
    assert ran.code == 2
    assert ran.out.splitlines() == [
        "a.toml:14:1: error[missing-overflow] what happens to a sample that `time` is too small for isn't stated"
    ]
    assert spec.read_text() == MENDED.replace('overflow = "error"', "")


def test_line_ends_the_mark_the_mode_and_a_link_stay(folder: Path) -> None:
    real = write(folder / "real.toml", "\ufeff" + FAULTY.replace("\n", "\r\n"))
    real.chmod(0o640)
    (folder / "a.toml").symlink_to("real.toml")
    assert npuspec("check", "--fix", "a.toml", cwd=folder).code == 0
    assert (folder / "a.toml").is_symlink()
    assert real.read_bytes().decode() == "\ufeff" + MENDED.replace("\n", "\r\n")
    assert real.stat().st_mode & 0o777 == 0o640


def test_each_file_is_mended_by_itself(folder: Path) -> None:
    write(folder / "a.toml", FAULTY)
    write(folder / "b.toml", MENDED)
    stamp = (folder / "b.toml").stat().st_mtime_ns
    ran = npuspec("check", "--fix", "a.toml", "missing.toml", "b.toml", cwd=folder)
    assert (ran.code, ran.out) == (2, "a.toml: ok\nb.toml: ok\n")
    assert "error[spec-unreadable]" in ran.err
    assert (folder / "b.toml").stat().st_mtime_ns == stamp
