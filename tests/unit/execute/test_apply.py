"""Applying: stages in the plan's order, each once, and a bundle only where everything was met."""

import json
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from bundle.conftest import publish_files

import toy_specs
from conftest import npuspec
from helpers import files
from npuspec import DeviceError, GateError, SpecError, StageError, load
from npuspec.bundle import open_bundle
from npuspec.execute import Applied, GateResult, Observer, apply
from npuspec.plan.model import PlannedStage

WriteSpec = Callable[..., Path]
STAGES = ["read", "shape[time32]", "compile[CPU, time32]", "verify[CPU]"]
UNMET = 0.99  # what padding changes shows in more than one of a hundred frames


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

    def measured(self, gate: GateResult) -> None:
        self.events.append(f"measured {gate.value}")


@dataclass(frozen=True)
class Made:
    """What one apply of the spec, from an empty cache, told and left behind."""

    applied: Applied
    recorder: Recorder
    cache: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NPUSPEC_CACHE", str(folder / "cache"))
        spec = toy_specs.write_spec(folder, device="NPU", fallback='["CPU"]')
        applied = apply(spec, folder / "bundle", observer=recorder)
    return Made(applied, recorder, folder / "cache")


@pytest.fixture(autouse=True)
def own_cache(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a copy of the cache that the one apply left."""
    monkeypatch.setenv("NPUSPEC_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(made.cache, tmp_path / "cache")


@pytest.fixture
def bundle(made: Made, tmp_path: Path) -> Path:
    """A copy of the bundle that the one apply made, where a test may do with it what it likes."""
    return shutil.copytree(made.applied.bundle, tmp_path / "bundle")


def test_an_observer_is_told_everything_in_order(made: Made) -> None:
    assert made.applied.device == "CPU"
    (gate,) = made.applied.gates
    assert gate.passed
    recorder = made.recorder
    assert [e for e in recorder.events if not e.startswith("announce")] == [
        "warn",
        "warn",
        *[e for n, name in enumerate(STAGES[:2], 1) for e in (f"{n}/4 {name}", f"finished {name}")],
        *["3/4 compile[CPU, time32]", "compile[CPU, time32] 0/1", "finished compile[CPU, time32]"],
        "4/4 verify[CPU]",
        *[f"verify[CPU] {n}/3" for n in (1, 2, 3)],
        "finished verify[CPU]",
        "warn",  # of what padding does to these convolutions
        f"measured {gate.value}",
    ]
    assert recorder.events[0].startswith("announce")
    assert "there is no NPU on this machine" in recorder.warnings[1]
    assert "where the NPU is absent" in recorder.warnings[0]
    assert recorder.cached == []
    with pytest.warns(UserWarning, match="no NPU"), load(made.applied.bundle) as session:
        assert session.device == "CPU"


def test_what_is_there_is_not_made_again(write_spec: WriteSpec, made: Made, bundle: Path, tmp_path: Path) -> None:
    spec, first, recorder = write_spec(device="NPU", fallback='["CPU"]'), made.applied, Recorder()
    again = apply(spec, bundle, observer=recorder)
    assert (again.digest, again.gates, again.device) == (first.digest, first.gates, first.device)
    assert "files are whole" in again.unchanged
    assert not [e for e in recorder.events if "finished" in e]
    elsewhere = apply(spec, tmp_path / "other", observer=recorder)
    assert (elsewhere.digest, elsewhere.unchanged) == (first.digest, "")
    assert recorder.cached == STAGES


def test_a_damaged_bundle_and_a_damaged_result_are_made_again(
    write_spec: WriteSpec, made: Made, bundle: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = open_bundle(bundle).path("models/time32.xml")
    model.write_bytes(model.read_bytes() + b"\n")
    (shaped,) = [p.parent for p in own_cache.glob("stages/*/model.xml") if b"32" in p.read_bytes()][-1:]
    (shaped / "model.xml").write_bytes(b"")
    recorder = Recorder()
    with caplog.at_level(logging.WARNING, "npuspec"):
        second = apply(write_spec(device="NPU", fallback='["CPU"]'), bundle, observer=recorder)
    assert [r for r in caplog.records if "is damaged: made again" in r.getMessage()]
    assert second.digest == made.applied.digest
    assert len(recorder.cached) == len(STAGES) - 1
    open_bundle(bundle)


def test_a_gate_that_is_not_met_leaves_the_old_bundle(write_spec: WriteSpec, tmp_path: Path) -> None:
    before = publish_files(tmp_path / "bundle")
    with pytest.raises(GateError, match="FAILED, margin -") as caught:
        apply(write_spec(minimum=UNMET), tmp_path / "bundle")
    assert (caught.value.code, caught.value.exit_code) == ("gate-failed", 1)
    assert caught.value.diagnostics[0].labels[0].path == ("gates", 0)
    assert open_bundle(tmp_path / "bundle").root.name == before


def test_gates_that_passed_are_printed_beside_those_that_failed(write_spec: WriteSpec, tmp_path: Path) -> None:
    spec = write_spec(minimum=UNMET)
    _, head, gate = spec.read_text().partition("[[gates]]")
    spec.write_text(spec.read_text() + "\n" + (head + gate).replace(f"min = {UNMET}", "min = 0.25"))
    ran = npuspec("apply", spec, "--output", tmp_path / "bundle")
    assert ran.code == 1
    sentences = [line for line in ran.out.splitlines() if line.startswith("frame-agreement of static against original")]
    assert ["FAILED" in line for line in sentences] == [False, True]
    assert "at least 0.25 wanted (passed" in sentences[0]
    assert ran.err.count("error[gate-failed]") == 1
    assert not (tmp_path / "bundle").exists()


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
def test_a_taken_place_is_refused_before_any_stage_and_left_alone(
    write_spec: WriteSpec, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "mine"
    if kind == "folder":
        place.mkdir()
        place = place / "thesis.txt"
    place.write_bytes(b"mine")
    recorder = Recorder()
    with pytest.raises(SpecError) as caught:
        apply(write_spec(), tmp_path / "mine", observer=recorder, rebuild=True)
    assert (caught.value.code, caught.value.exit_code) == ("output-taken", 2)
    assert not [e for e in recorder.events if not e.startswith("announce")]
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


def test_a_stage_that_dies_in_a_rebuild_names_itself_and_keeps_what_was_finished(
    write_spec: WriteSpec, made: Made, bundle: Path, tmp_path: Path
) -> None:
    spec, killer = write_spec(device="NPU", fallback='["CPU"]'), Killer("verify[CPU]")
    with pytest.raises(StageError, match=r"stage verify\[CPU\]: .* died \(signal SIGKILL\)") as caught:
        apply(spec, bundle, observer=killer, rebuild=True)
    killer.hunt.join()
    assert caught.value.code == "stage-aborted"
    assert open_bundle(bundle).root.name == made.applied.digest
    assert [e for e in killer.events if e.startswith("finished")] == [f"finished {name}" for name in STAGES[:3]]
    assert killer.cached == []
    recorder = Recorder()
    apply(spec, tmp_path / "other", observer=recorder)
    assert recorder.cached == STAGES[:3]
    assert files(tmp_path / "other") == files(bundle)


def is_child_of_ours(process: Path) -> bool:
    try:
        status = (process / "stat").read_text().rpartition(")")[2].split()
        command = (process / "cmdline").read_bytes()
    except OSError:
        return False
    return status[1] == str(os.getpid()) and b"npuspec.child" in command


def test_the_evidence_holds_every_gate_and_sample(made: Made) -> None:
    evidence = json.loads(open_bundle(made.applied.bundle).path("evidence/evidence.json").read_bytes())
    assert evidence["gates"] == [gate.as_json() for gate in made.applied.gates]
    (pair,) = evidence["agreement"]["pairs"]
    assert set(pair["samples"]) == {f"{n}.npy" for n in range(3)}


@pytest.mark.parametrize("device", ["AUTO:NPU,CPU", "GPU", "npu"])
def test_what_is_no_device_is_refused_before_anything_is_done(toy_spec: Path, tmp_path: Path, device: str) -> None:
    with pytest.raises(DeviceError, match=f"`{device}`") as caught:
        apply(toy_spec, tmp_path / "bundle", device=device)
    assert caught.value.code == "no-device"
