"""`npuspec verify`."""

import json
from pathlib import Path

import pytest
from runtime.toys import along, bundle, data, program

from conftest import npuspec
from helpers import flip
from npuspec.bundle import open_bundle


@pytest.fixture
def made(tmp_path: Path) -> Path:
    bundle(tmp_path / "bundle", program(data(), outputs=(along(),)), blob=True)
    return tmp_path / "bundle"


def test_a_whole_bundle_is_said_to_be(made: Path) -> None:
    root = open_bundle(made).root
    ran = npuspec("verify", made)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{made}: version {root.name[:12]}, all 3 files are whole\n"
    ran = npuspec("verify", made, "--json")
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and path.name != "manifest.json")
    assert json.loads(ran.out) == {"version": root.name, "files": 3, "bytes": size, "broken": []}


def test_all_that_is_broken_is_said(made: Path) -> None:
    root = open_bundle(made).root
    flip(root / "models" / "time8.xml", 9)
    (root / "blobs" / "time8.blob").unlink()
    (root / "blobs" / "m\x1bore").write_bytes(b"")
    ran = npuspec("verify", made)
    assert (ran.code, ran.out) == (3, "")
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err
    assert [line.partition(": ")[2] for line in ran.err.splitlines() if line.startswith("error[broken-bundle]")][
        1:
    ] == [
        "`blobs/time8.blob` is missing",
        "`models/time8.xml` was changed",
    ]
    ran = npuspec("verify", made, "--json")
    assert ran.code == 3
    assert json.loads(ran.out)["broken"] == [
        "`blobs/m\x1bore` isn't in its manifest",
        "`blobs/time8.blob` is missing",
        "`models/time8.xml` was changed",
    ]


def test_a_manifest_that_was_changed_is_a_broken_bundle(made: Path) -> None:
    flip(open_bundle(made).root / "manifest.json", 9)
    ran = npuspec("verify", made)
    assert ran.code == 3
    assert "error[broken-bundle]" in ran.err


def test_where_no_bundle_is_there_is_nothing_to_verify(tmp_path: Path) -> None:
    ran = npuspec("verify", tmp_path)
    assert ran.code == 3
    assert "error[no-bundle]" in ran.err
