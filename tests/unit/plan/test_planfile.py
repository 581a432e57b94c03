"""A plan file comes back equal, names no machine, and is refused where it isn't whole, fresh and ours."""

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from builders import DATA, GATE, SMALL, plan_of
from npuspec.diagnostics import NpuspecError, SpecError, StalePlanError
from npuspec.plan.planfile import check_fresh, is_planfile, is_portable, locate_spec, read_planfile, write_planfile
from npuspec.store import canonical_json

FILES = ("a.npy", "b.npy", "c.npy", "d.npy")
PLAN = plan_of(SMALL + DATA + GATE, files=FILES)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec in a folder of its own; nothing here reads what it holds."""
    (tmp_path / "specs").mkdir()
    spec = tmp_path / "specs" / "asr.toml"
    spec.write_text("npuspec = 1\n")
    return spec


@pytest.fixture
def written(tmp_path: Path, spec: Path) -> Path:
    """The plan file of the spec, in another folder."""
    (tmp_path / "build").mkdir()
    path = tmp_path / "build" / "asr.plan"
    assert write_planfile(path, PLAN, spec)
    return path


def rewrite(path: Path, **values: Any) -> None:
    """Change some of a plan file's keys."""
    path.write_bytes(canonical_json(json.loads(path.read_bytes()) | values))


def test_it_comes_back_equal_and_leads_to_its_spec(written: Path, spec: Path) -> None:
    found = read_planfile(written)
    assert found.plan.encode() == PLAN.encode()
    assert (found.spec, found.device) == ("../specs/asr.toml", None)
    assert locate_spec(written, found).samefile(spec)
    assert check_fresh(written, found, PLAN) == []


def test_the_same_plan_has_the_same_bytes_and_is_left_as_it_is(written: Path, spec: Path) -> None:
    before = written.read_bytes()
    assert not write_planfile(written, PLAN, spec)
    assert write_planfile(written, PLAN, spec, "CPU")
    assert read_planfile(written).device == "CPU"
    assert write_planfile(written, PLAN, spec)
    assert written.read_bytes() == before


def test_it_can_be_moved_together_with_its_spec(tmp_path: Path, written: Path) -> None:
    assert str(tmp_path).encode() not in written.read_bytes()
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("build", "specs"):
        (tmp_path / name).rename(moved / name)
    path = moved / "build" / "asr.plan"
    assert locate_spec(path, read_planfile(path)) == moved.resolve() / "specs" / "asr.toml"


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own there")
def test_it_leads_to_its_spec_through_a_linked_folder(tmp_path: Path, spec: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    path = tmp_path / "link" / "asr.plan"
    write_planfile(path, PLAN, spec)
    assert locate_spec(path, read_planfile(path)).samefile(spec)


def test_a_spec_below_the_working_folder_is_named_from_there(
    tmp_path: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate_spec(Path("build/asr.plan"), read_planfile(written)) == Path("specs/asr.toml")


def test_what_changed_since_is_said_line_by_line(written: Path) -> None:
    changed = (SMALL + DATA + GATE).replace("size = 64", "size = 32").replace("min = 0.5", "min = 0.7")
    faults = check_fresh(written, read_planfile(written), plan_of(changed, files=FILES))
    assert {fault.code for fault in faults} == {"stale-plan"}
    assert [fault.message.partition(" is stale: ")[2] for fault in faults] == [
        "dims.time.size 64 → 32",
        "gates[frame-agreement of static against original, y] at least 0.5 → at least 0.7",
    ]
    spec = locate_spec(written, read_planfile(written))
    assert {fault.help for fault in faults} == {f"review what is planned now: npuspec plan {spec} --out {written}"}


def test_what_is_to_be_reviewed_is_planned_for_the_same_device(written: Path) -> None:
    rewrite(written, device="CPU")
    now = plan_of(SMALL + DATA + GATE, files=FILES, device="CPU")
    faults = check_fresh(written, read_planfile(written), now)
    assert faults
    assert all(fault.help.endswith(f" --device CPU --out {written}") for fault in faults)


def test_a_spec_whose_name_is_too_long_is_not_there(written: Path) -> None:
    rewrite(written, spec="a" * 5000)
    with pytest.raises(SpecError, match="no such file is there"):
        locate_spec(written, read_planfile(written))


def test_the_folders_above_it_are_made(tmp_path: Path, spec: Path) -> None:
    assert write_planfile(tmp_path / "new" / "folder" / "asr.plan", PLAN, spec)


def test_an_edited_plan_is_stale(written: Path) -> None:
    plan = json.loads(PLAN.encode())
    plan["recipe"]["subset_size"] += 1
    rewrite(written, plan=plan)
    (fault,) = check_fresh(written, read_planfile(written), PLAN)
    assert fault.code == "stale-plan"


def test_another_format_is_refused_with_the_reason(written: Path) -> None:
    written.write_text('{"format": 2, "kind": "npuspec plan", "something": ["new"]}')
    with pytest.raises(
        StalePlanError, match=r"of format 2, and .* reads format 1: what another version planned"
    ) as caught:
        read_planfile(written)
    assert (caught.value.code, caught.value.exit_code) == ("plan-format", 3)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b'{"format": 1, "kind": "npuspec plan"}',
        b'{"format": 1e400, "kind": "npuspec plan"}',
        b'{"format": "1", "kind": "another plan"}',
        b"\xff\xfe{}",
        b'{"a":' * 50_000,
    ],
)
def test_what_is_no_plan_file_is_unreadable(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "asr.plan"
    path.write_bytes(text)
    with pytest.raises(StalePlanError, match="is no plan file that can be read") as caught:
        read_planfile(path)
    assert (caught.value.code, caught.value.exit_code) == ("plan-unreadable", 3)


@pytest.mark.parametrize("value", [r'"\ud800"', "NaN", "-Infinity", "1e999", "1" * 5000, "[" * 3000 + "]" * 3000])
def test_values_that_no_plan_holds_are_refused(written: Path, value: str) -> None:
    plan = json.loads(PLAN.encode())
    plan["settings"] = [{"path": "a", "value": "HERE", "origin": "spec"}]
    rewrite(written, plan=plan)
    written.write_text(written.read_text().replace('"HERE"', value))
    with pytest.raises(StalePlanError) as caught:
        read_planfile(written)
    assert caught.value.code == "plan-unreadable"


def test_a_missing_a_huge_and_an_endless_file_are_unreadable(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    for path in (tmp_path / "missing", tmp_path / "huge", tmp_path, Path(os.devnull)):
        with pytest.raises(StalePlanError) as caught:
            read_planfile(path)
        assert caught.value.code == "plan-unreadable"


def test_damage_gives_an_error_of_ours_or_a_stale_plan(written: Path) -> None:
    whole, dice = written.read_bytes(), random.Random(5)
    refused = stale = 0
    for _ in range(200):
        data = bytearray(whole)
        data[dice.randrange(len(data))] = dice.randrange(256)
        written.write_bytes(data)
        try:
            found = read_planfile(written)
            stale += bool(check_fresh(written, found, PLAN))
            locate_spec(written, found)
        except NpuspecError:
            refused += 1
    assert refused > 20
    assert stale > 5


@pytest.mark.parametrize("path", ["asr.toml", "../specs/asr.toml", "../../a b/é.toml", "./x/../y.toml"])
def test_a_relative_path_with_slashes_is_portable(path: str) -> None:
    assert is_portable(path)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/asr.toml", "C:asr.toml", "C:/asr.toml", "//host/share/a.toml", r"..\a.toml", "a\0b", "a\nb", "\x1b[2J"],
)
def test_another_path_is_refused_in_a_plan_file(written: Path, path: str) -> None:
    rewrite(written, spec=path)
    with pytest.raises(StalePlanError, match="a relative path with slashes") as caught:
        read_planfile(written)
    assert caught.value.code == "plan-unreadable"


def test_a_spec_that_is_no_file_is_not_read(tmp_path: Path, written: Path) -> None:
    up = "/".join([".."] * len(written.resolve().parts))
    (tmp_path / "specs" / "folder.toml").mkdir()
    for path in ("../specs/gone.toml", "../specs/folder.toml", f"{up}/dev/zero"):
        rewrite(written, spec=path)
        with pytest.raises(SpecError, match="no such file is there") as caught:
            locate_spec(written, read_planfile(written))
        assert caught.value.code == "spec-unreadable"


def test_a_spec_that_other_systems_would_not_find_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "asr.plan"
    with pytest.raises(SpecError) as caught:
        write_planfile(path, PLAN, tmp_path / "a\nb.toml")
    assert caught.value.code == "plan-place"
    assert not path.exists()


def test_another_drive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def relpath(*_: Any) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", relpath)
    with pytest.raises(SpecError) as caught:
        write_planfile(tmp_path / "asr.plan", PLAN, tmp_path / "asr.toml")
    assert caught.value.code == "plan-place"


def test_no_other_file_is_overwritten(tmp_path: Path, spec: Path) -> None:
    (tmp_path / "notes.json").write_text('{"mine": true}')
    for path in (spec, tmp_path / "notes.json", tmp_path):
        with pytest.raises(SpecError) as caught:
            write_planfile(path, PLAN, spec)
        assert caught.value.code == "output-taken"
    assert spec.read_text() == "npuspec = 1\n"


def test_plan_files_are_told_from_specs(written: Path, spec: Path, tmp_path: Path) -> None:
    (tmp_path / "spaced").write_text(" \n{}")
    assert is_planfile(written)
    assert is_planfile(tmp_path / "spaced")
    assert not any(map(is_planfile, (spec, tmp_path, tmp_path / "missing", Path(os.devnull))))


def test_a_nest_is_compared_or_refused_however_deep_it_is(written: Path) -> None:
    data = json.loads(written.read_bytes())
    data["plan"]["settings"][0]["value"] = "here"
    text = json.dumps(data).encode()
    refused: set[bool | str] = set()
    for depth in range(sys.getrecursionlimit() // 2, sys.getrecursionlimit(), 25):
        written.write_bytes(text.replace(b'"here"', b"[" * depth + b"]" * depth))
        try:
            refused.add(not check_fresh(written, read_planfile(written), PLAN))
        except StalePlanError as error:
            refused.add(error.code)
    assert refused == {False, "plan-unreadable"}
