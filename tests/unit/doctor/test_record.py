"""The record: what a program reads, and what is pasted into an issue."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime.toys import along, bundle, data, program

from npuspec.doctor import Check, Status, as_json, as_markdown, try_bundle

FINE = Check("python", Status.OK, "3.12.1")
BAD = Check("permissions", Status.PROBLEM, "a | b <img>\nc", "it can't be opened", "join the group")


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("alice") / "toy"
    bundle(place, program(data(), outputs=(along(),), sizes=({"time": 4},)), blob=True)
    return try_bundle(place, "CPU", lambda _done, _total: None)


def test_the_json_form_is_stable() -> None:
    row = {"name": "python", "status": "ok", "found": "3.12.1", "means": "", "do": ""}
    assert as_json([FINE], []) == {"format": 1, "ok": True, "checks": [row], "bundles": []}


def test_a_problem_of_the_machine_or_of_a_bundle_is_not_ok(tested: dict[str, Any]) -> None:
    assert not as_json([FINE, BAD], [])["ok"]
    assert as_json([FINE], [tested])["ok"]
    for status, is_ok in (("problem", False), ("warning", True), ("note", True)):
        finding = {"status": status, "code": "", "message": "", "help": ""}
        assert as_json([FINE], [{**tested, "findings": [finding]}])["ok"] is is_ok


def test_the_markdown_has_the_machine_the_device_the_times_and_the_parity(tested: dict[str, Any]) -> None:
    text = as_markdown("1.2.3", json.loads(json.dumps(as_json([FINE], [tested]))))
    assert text.startswith(
        "## npuspec doctor 1.2.3\n\n| check |  | found |\n| --- | --- | --- |\n| python | ok | 3.12.1 |"
    )
    assert "\n### toy\n" in text
    assert "\ndevice CPU, executed on CPU: " in text
    assert "| second, another process | " in text
    assert " | time4: blob |" in text
    assert "| time4 | time=4 | " in text
    assert "| y | 0 | 1 |" in text
    assert text.endswith("\nnothing is wrong\n")


def test_what_is_found_stays_in_its_cell() -> None:
    text = as_markdown("1.2.3", as_json([BAD], []))
    assert "| permissions | problem | a \\| b &lt;img> c |" in text
    assert "**permissions**: it can't be opened. join the group" in text


def test_no_place_of_a_bundle_is_named(tested: dict[str, Any]) -> None:
    text = as_markdown("1.2.3", as_json([FINE], [tested]))
    for name in (str(Path.home()), "alice", "/tmp"):  # noqa: S108
        assert name not in text


def test_a_fault_is_told_with_its_code() -> None:
    finding = {"status": "problem", "code": "no-device", "message": "there is no NPU", "help": "install its driver"}
    record = {"bundle": "toy", "version": "0" * 64, "cache": "none", "batch": 1, "toolchain": {}, "findings": [finding]}
    text = as_markdown("1.2.3", as_json([FINE], [record]))
    assert text.endswith("- problem [no-device]: there is no NPU: install its driver\n")
