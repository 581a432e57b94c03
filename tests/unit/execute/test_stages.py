"""Stages are run once for each key, which covers the device where it counts, and what a mix keeps."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

import toy_specs
from npuspec.diagnostics import GateError
from npuspec.execute import apply
from npuspec.execute.observer import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import Prepared, prepare
from npuspec.plan.lock import read_lock
from npuspec.plan.model import PlannedStage
from npuspec.store import Store

GATE = """
[[gates]]
metric = "sqnr"
output = "y"
of = "quantized"
against = "static"
min = {}
"""
ALLOW = '[[allow]]\ncode = "random-calibration"\nreason = "the toy\'s samples are random"\n'
INT8 = toy_specs.INT8.replace("samples = 2", "samples = 8") + ALLOW
MIXED = INT8.replace('"int8"', '"mixed"') + GATE
LIMIT = 21  # dB: INT8 alone loses more, and what keeps one of the three less
MADE_OF_MIX = ["compare", "shape[quantized, time32]", "compile[CPU, time32]", "verify[CPU]"]
STAGES = ["read", "quantize", "rank", "mix", "compare", "shape[time32]", *MADE_OF_MIX[1:]]


class Recorder(Observer):
    """Writes down which stages began, and which of them were made."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.made: list[str] = []

    def started(self, stage: PlannedStage, number: int, count: int) -> None:
        self.begun.append(stage.name)
        assert 1 <= number <= count

    def finished(self, stage: PlannedStage, seconds: float | None) -> None:
        if seconds is not None:
            self.made.append(stage.name)


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run stages here: what a child does with them is tested elsewhere, and takes seconds to start."""

    def run(task: str, arguments: dict[str, Any], progress: Callable[[int, int], None], **_: Any) -> None:
        import_module(task.partition(":")[0]).run(arguments, progress)

    monkeypatch.setattr("npuspec.execute.stages.run_task", run)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store in which what one test made is there for the next."""
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Prepared:
    return prepare_toy(tmp_path_factory.mktemp("toy"), store, MIXED.format(LIMIT))


def write_spec(folder: Path, more: str) -> Path:
    """Write the spec, with samples enough for others to be like those that calibrate."""
    spec = toy_specs.write_spec(folder, more=more)
    toy_specs.write_samples(folder / "data", *[32] * 12)
    return spec


def prepare_toy(folder: Path, store: Store, more: str) -> Prepared:
    _, found, faults = prepare(write_spec(folder, more), store)
    assert found is not None, faults
    return found


def run(prepared: Prepared, store: Store, *, identity: str = "this CPU", **told: Any) -> tuple[StageRunner, Recorder]:
    recorder = Recorder()
    runner = StageRunner(prepared, store, recorder, device="CPU", identity=identity, **told)
    runner.run()
    return runner, recorder


def kept(runner: StageRunner) -> list[str]:
    found: list[str] = json.loads((runner.results["mix"] / "mixed.json").read_bytes())["keep"]
    return found


@pytest.fixture(scope="module")
def first(prepared: Prepared, store: Store) -> tuple[StageRunner, Recorder]:
    """What a mix was searched for with."""
    with pytest.MonkeyPatch.context() as patch:
        _in_this_process.__wrapped__(patch)  # type: ignore[attr-defined]
        return run(prepared, store)


@pytest.fixture(scope="module")
def searched(first: tuple[StageRunner, Recorder]) -> StageRunner:
    return first[0]


def test_every_stage_is_run_in_the_plan_s_order_and_only_once(
    prepared: Prepared, store: Store, first: tuple[StageRunner, Recorder]
) -> None:
    searched, recorder = first
    assert recorder.begun == recorder.made == STAGES
    assert [*searched.results] == STAGES
    assert searched.chosen == tuple(kept(searched)) != ()
    again, recorder = run(prepared, store)
    assert (recorder.begun, recorder.made) == (STAGES, [])
    assert again.results == searched.results


def test_what_was_chosen_before_is_not_searched_for_and_makes_the_same(
    prepared: Prepared, store: Store, searched: StageRunner
) -> None:
    again, recorder = run(prepared, store, chosen=searched.chosen)
    assert recorder.made == ["mix"]
    assert again.chosen == searched.chosen
    for name in STAGES:
        assert (again.results[name] == searched.results[name]) == (name != "mix")
    for part in ("model.xml", "model.bin"):
        one, other = ((runner.results["mix"] / part).read_bytes() for runner in (searched, again))
        assert one == other


@pytest.mark.parametrize("chosen", [("first", "second"), ()], ids=["by hand", "nothing"])
def test_another_choice_is_kept_and_makes_all_that_follows_anew(
    prepared: Prepared, store: Store, searched: StageRunner, chosen: tuple[str, ...]
) -> None:
    runner, recorder = run(prepared, store, chosen=chosen)
    assert tuple(kept(runner)) == chosen != searched.chosen
    assert recorder.made == ["mix", *MADE_OF_MIX]
    assert not {*runner.results.values()} & {searched.results[name] for name in ("mix", *MADE_OF_MIX)}


def test_another_device_of_the_same_name_is_compiled_for_and_measured_anew(
    prepared: Prepared, store: Store, searched: StageRunner
) -> None:
    runner, recorder = run(prepared, store, identity="another CPU")
    assert recorder.made == ["compare", "compile[CPU, time32]", "verify[CPU]"]
    assert runner.chosen == searched.chosen


@pytest.fixture
def spec(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, searched: StageRunner) -> Path:
    """The mixed spec, with all that is made of it in the cache."""
    del searched
    monkeypatch.setenv("NPUSPEC_CACHE", str(store.root))
    return write_spec(tmp_path, MIXED.format(LIMIT))


def test_the_lock_s_choice_is_repeated_until_a_hand_changes_it(spec: Path, tmp_path: Path) -> None:
    bundle, lock = tmp_path / "bundle", spec.with_suffix(".lock")
    assert apply(spec, bundle).lock == lock
    written = read_lock(lock)
    assert written.mixed is not None
    assert written.mixed.keep
    assert written.mixed.curve
    assert {*written.precisions} == {"original", "fp16", "int8", "mixed"}
    again = apply(spec, tmp_path / "again")
    assert (again.unchanged, again.lock) == ("", None)
    turned = toy_specs.CONVOLUTIONS[::-1]
    by_hand = structs.replace(written, mixed=structs.replace(written.mixed, keep=turned))
    lock.write_bytes(by_hand.encode())
    assert not apply(spec, bundle).unchanged
    written = read_lock(lock)
    assert written.mixed is not None
    assert written.mixed.keep == turned
    assert written.bundle.quantized_operations == 0
    again = apply(spec, bundle)
    assert again.unchanged
    assert again.lock is None


def test_a_gate_that_int8_fails_names_what_does_the_most_harm(spec: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, INT8 + GATE.format(90))
    recorder = Recorder()
    with pytest.raises(GateError) as caught:
        apply(spec, tmp_path / "bundle", observer=recorder)
    [fault] = caught.value.diagnostics
    assert "What does the most harm, each alone: `" in fault.help
    assert all(f"`{name}`" in fault.help for name in toy_specs.CONVOLUTIONS)
    assert recorder.begun == [*(name for name in STAGES if name not in ("rank", "mix")), "rank"]


def test_a_gate_on_what_is_not_quantized_fails_without_looking_for_harm(spec: Path, tmp_path: Path) -> None:
    gate = GATE.replace('of = "quantized"', 'of = "static"').replace('against = "static"', 'against = "original"')
    spec = write_spec(tmp_path, INT8 + gate.format(250))
    recorder = Recorder()
    with pytest.raises(GateError):
        apply(spec, tmp_path / "bundle", observer=recorder)
    assert "rank" not in recorder.begun
