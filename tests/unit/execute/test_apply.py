"""Applying: stages in the plan's order, each once, and a bundle only where everything was met."""

import json
import logging
import os
import signal
import time
from pathlib import Path
from threading import Thread

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from execute.conftest import WriteSpec
from npuspec import DeviceError, GateError, SpecError, StageError, load
from npuspec.bundle import open_bundle
from npuspec.execute import Observer, apply
from npuspec.plan.model import PlannedStage

STAGES = ["read", "shape[time32]", "compile[CPU, time32]", "verify[CPU]"]


class Recorder(Observer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.warnings: list[str] = []
        self.cached: list[str] = []

    def announce(self, text: str) -> None:
        self.events.append(f"announce {text}")

    def warn(self, text: str) -> None:
        self.events.append("warn")
        self.warnings.append(text)

    def started(self, stage: PlannedStage, number: int, count: int) -> None:
        self.events.append(f"{number}/{count} {stage.name}")

    def progressed(self, stage: PlannedStage, done: int, total: int) -> None:
        self.events.append(f"{stage.name} {done}/{total}")

    def finished(self, stage: PlannedStage, seconds: float | None) -> None:
        self.events.append(f"finished {stage.name}")
        if seconds is None:
            self.cached.append(stage.name)
        else:
            assert seconds > 0


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep these stages' results from one another."""
    monkeypatch.setenv("NPUSPEC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("own_cache")
def test_an_observer_is_told_everything_in_order(write_spec: WriteSpec, tmp_path: Path) -> None:
    recorder = Recorder()
    applied = apply(write_spec(device="NPU", fallback='["CPU"]'), tmp_path / "bundle", observer=recorder)
    assert applied.device == "CPU"
    assert [e for e in recorder.events if not e.startswith("announce")] == [
        "warn",
        *[e for n, name in enumerate(STAGES[:3], 1) for e in (f"{n}/4 {name}", f"finished {name}")],
        "4/4 verify[CPU]",
        *[f"verify[CPU] {n}/3" for n in (1, 2, 3)],
        "finished verify[CPU]",
    ]
    assert recorder.events[0].startswith("announce")
    assert "there is no NPU on this machine" in recorder.warnings[0]
    assert recorder.cached == []
    (gate,) = applied.gates
    assert gate.passed
    with pytest.warns(UserWarning, match="no NPU"), load(tmp_path / "bundle") as session:
        assert session.device == "CPU"


def test_what_is_there_is_not_made_again(write_spec: WriteSpec, tmp_path: Path) -> None:
    first = apply(write_spec(), tmp_path / "bundle")
    recorder = Recorder()
    again = apply(write_spec(), tmp_path / "bundle", observer=recorder)
    assert (again.digest, again.gates, again.device) == (first.digest, first.gates, first.device)
    assert "files are whole" in again.unchanged
    assert not [e for e in recorder.events if "finished" in e]
    elsewhere = apply(write_spec(), tmp_path / "other", observer=recorder)
    assert (elsewhere.digest, elsewhere.unchanged) == (first.digest, "")
    assert recorder.cached == STAGES
    rebuilding = Recorder()
    apply(write_spec(), tmp_path / "bundle", rebuild=True, observer=rebuilding)
    assert rebuilding.cached == []


def test_a_damaged_bundle_and_a_damaged_result_are_made_again(
    write_spec: WriteSpec, tmp_path: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = apply(write_spec(), tmp_path / "bundle")
    model = open_bundle(tmp_path / "bundle").path("models/time32.xml")
    model.write_bytes(model.read_bytes() + b"\n")
    (shaped,) = [p.parent for p in own_cache.glob("stages/*/model.xml") if b"32" in p.read_bytes()][-1:]
    (shaped / "model.xml").write_bytes(b"")
    recorder = Recorder()
    with caplog.at_level(logging.WARNING, "npuspec"):
        second = apply(write_spec(), tmp_path / "bundle", observer=recorder)
    assert [r for r in caplog.records if "is damaged: made again" in r.getMessage()]
    assert second.digest == first.digest
    assert len(recorder.cached) == len(STAGES) - 1
    open_bundle(tmp_path / "bundle")


def backwards() -> ov.Model:
    """Return a model that turns a sample round: what was padding comes first."""
    x = op.parameter([1, 3, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    y = op.slice(x, [-1], [-(2**31)], [-1], [2])
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x], "backwards")


def test_a_gate_that_is_not_met_leaves_the_old_bundle(write_spec: WriteSpec, tmp_path: Path) -> None:
    first = apply(write_spec(model=backwards(), minimum=0), tmp_path / "bundle")
    with pytest.raises(GateError, match="FAILED, margin -") as caught:
        apply(write_spec(minimum=0.9), tmp_path / "bundle")
    assert (caught.value.code, caught.value.exit_code) == ("gate-failed", 1)
    assert caught.value.diagnostics[0].labels[0].path == ("gates", 0)
    assert open_bundle(tmp_path / "bundle").root.name == first.digest


def test_a_device_that_is_missing_leaves_nothing(write_spec: WriteSpec, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="there is no NPU") as caught:
        apply(write_spec(device="NPU"), tmp_path / "bundle")
    assert caught.value.exit_code == 4
    assert not (tmp_path / "bundle").exists()


def test_a_wrong_spec_leaves_nothing(write_spec: WriteSpec, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        apply(write_spec(more="wrong = 1\n"), tmp_path / "bundle")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_place_that_is_taken_is_refused_and_left_alone(write_spec: WriteSpec, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "mine"
    if kind == "folder":
        place.mkdir()
        place = place / "thesis.txt"
    place.write_bytes(b"mine")
    with pytest.raises(StageError) as caught:
        apply(write_spec(), tmp_path / "mine")
    assert caught.value.code == "output-taken"
    assert place.read_bytes() == b"mine"


def test_a_place_that_cannot_be_written_to_is_a_disk_fault(write_spec: WriteSpec, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StageError, match="can't write") as caught:
        apply(write_spec(), tmp_path / "file" / "bundle")
    assert caught.value.code == "disk-fault"


class Killer(Recorder):
    """Kills the child of one stage as soon as it is there."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage
        self.hunt = Thread(target=self.kill)

    def started(self, stage: PlannedStage, number: int, count: int) -> None:
        super().started(stage, number, count)
        if stage.name == self.stage:
            self.hunt.start()

    def kill(self) -> None:
        while not (children := [p.name for p in Path("/proc").iterdir() if is_child_of_ours(p)]):
            time.sleep(0.001)
        os.kill(int(children[0]), signal.SIGKILL)


def test_a_stage_that_dies_names_itself_and_keeps_what_was_finished(write_spec: WriteSpec, tmp_path: Path) -> None:
    killer = Killer("verify[CPU]")
    with pytest.raises(StageError, match=r"stage verify\[CPU\]: .* died \(signal SIGKILL\)") as caught:
        apply(write_spec(), tmp_path / "bundle", observer=killer, rebuild=True)
    killer.hunt.join()
    assert caught.value.code == "stage-aborted"
    assert not (tmp_path / "bundle").exists()
    recorder = Recorder()
    apply(write_spec(), tmp_path / "bundle", observer=recorder)
    assert recorder.cached == STAGES[:3]


def is_child_of_ours(process: Path) -> bool:
    try:
        status = (process / "stat").read_text().rpartition(")")[2].split()
        command = (process / "cmdline").read_bytes()
    except OSError:
        return False
    return status[1] == str(os.getpid()) and b"npuspec.child" in command


def test_the_evidence_holds_every_gate_and_sample(write_spec: WriteSpec, tmp_path: Path) -> None:
    applied = apply(write_spec(), tmp_path / "bundle")
    evidence = json.loads(open_bundle(tmp_path / "bundle").path("evidence/evidence.json").read_bytes())
    assert evidence["gates"] == [gate.as_json() for gate in applied.gates]
    (pair,) = evidence["agreement"]["pairs"]
    assert set(pair["samples"]) == {f"{n}.npy" for n in range(3)}
