"""Loading in the background, and answering on the CPU until an NPU is there; the CPU plays the NPU's part."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
import pytest

from npuspec import BundleError, load_async
from npuspec.diagnostics import InputError, StageError
from npuspec.runtime import Session, load
from runtime.faulty import Device, until
from runtime.toys import CORE, along, bundle, data, program, times

if TYPE_CHECKING:
    from npuspec.runtime.opening import Step

TOY = program(data(), batch=2, sizes=({"time": 4}, {"time": 8}), outputs=(along(),))
BOTH = [{"device": "NPU", "properties": {}}, {"device": "CPU", "properties": {}}]


class Npu:
    """OpenVINO's core of a machine with an NPU, whose compiler waits for `gate`, and fails with `fault`."""

    gate = threading.Event()
    fault = ""
    device = Device()
    begun = compiled = 0

    def __init__(self) -> None:
        self._core = CORE
        self.available_devices = ["CPU", "NPU"]

    def compile_model(self, model: Any, device: str, properties: dict[str, Any]) -> Any:
        made = self._core.compile_model(model, "CPU", properties)
        if device == "CPU":
            return made
        type(self).begun += 1
        assert self.gate.wait(60)
        type(self).compiled += 1
        if self.fault:
            raise RuntimeError(self.fault)
        npu = self.device.model(made)
        npu.get_property = lambda name: ["NPU"] if name == "EXECUTION_DEVICES" else made.get_property(name)
        return npu

    def get_property(self, _: str, name: str, *more: Any) -> Any:
        return self._core.get_property("CPU", name, *more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


@pytest.fixture
def npu(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Npu]]:
    Npu.gate.clear()
    Npu.fault, Npu.begun, Npu.compiled, Npu.device = "", 0, 0, Device()
    monkeypatch.setattr(ov, "Core", Npu)
    yield Npu
    Npu.gate.set()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    bundle(tmp_path / "bundle", TOY, times(3), deployments=BOTH)
    return tmp_path / "bundle"


def ramp(size: int, first: int = 1) -> dict[str, Any]:
    return {"x": np.arange(first, size + first, dtype=np.float32)}


def check(sample: dict[str, Any], result: dict[str, Any]) -> None:
    np.testing.assert_array_equal(result["y"], 3 * sample["x"])


def test_a_warm_session_answers_at_once_and_goes_over_without_losing_a_request(made: Path, npu: type[Npu]) -> None:
    with load(made, warm="CPU") as session:
        assert (session.device, session.ready.done()) == ("CPU", False)
        check(ramp(3), session.infer(ramp(3)))
        samples = [ramp(number % 8 + 1, number) for number in range(3000)]
        results = session.stream(samples)
        for number, (sample, result) in enumerate(zip(samples, results, strict=True)):
            check(sample, result)
            if number == 100:
                npu.gate.set()
            if number == 200:
                assert session.ready.result(60) == "NPU"
        assert session.device == "NPU"
        assert session.executed == {"time4": ["NPU"], "time8": ["NPU"]}
        stats = session.stats()
        assert stats.batches["CPU"] > 0
        assert stats.batches["NPU"] == npu.device.begun > 0
        assert stats.done == 3001
        assert any("NPU is ready, and serves in the place of CPU" in note for note in session.notes)


def test_what_a_bundle_says_of_warming_holds(tmp_path: Path, npu: type[Npu]) -> None:
    bundle(tmp_path / "bundle", TOY, times(3), deployments=BOTH, load={"warm": "CPU"})
    with load(tmp_path / "bundle") as session:
        assert session.device == "CPU"
        npu.gate.set()
        assert session.ready.result(60) == "NPU"


def test_without_a_fallback_a_cpu_warms_and_does_no_more(tmp_path: Path, npu: type[Npu]) -> None:
    bundle(tmp_path / "bundle", TOY, times(3), deployments=BOTH[:1], device="NPU")
    npu.gate.set()
    with load(tmp_path / "bundle", warm="CPU") as session:
        assert session.ready.result(60) == "NPU"
        npu.device.fails = lambda _: True
        with pytest.raises(Exception, match="DEVICE_LOST"):
            session.infer(ramp(3))
        assert session.device == "NPU"


def test_an_npu_that_fails_is_followed_by_the_fallback(made: Path, npu: type[Npu]) -> None:
    npu.gate.set()
    with load(made) as session:
        assert session.device == "NPU"
        npu.device.fails = lambda _: True
        check(ramp(3), session.infer(ramp(3)))
        assert session.device == "CPU"
        assert "NPU failed, and CPU was opened" in "".join(session.notes)


def test_where_the_npu_cannot_compile_the_cpu_goes_on_and_it_is_said(
    made: Path, npu: type[Npu], caplog: pytest.LogCaptureFixture
) -> None:
    npu.fault = "Compilation failed: no way"
    with load(made, warm="CPU") as session:
        npu.gate.set()
        with pytest.raises(StageError, match="no way"):
            session.ready.result(60)
        check(ramp(3), session.infer(ramp(3)))
        assert session.device == "CPU"
        assert any("CPU goes on serving" in note and "no way" in note for note in session.notes)
    assert any("no way" in str(record.exc_info) for record in caplog.records)


def test_a_session_that_is_closed_while_it_warms_compiles_no_more(made: Path, npu: type[Npu]) -> None:
    before = threading.active_count()
    session = load(made, warm="CPU")
    until(lambda: npu.begun)
    threading.Timer(0.05, npu.gate.set).start()
    session.close()
    assert isinstance(session.ready.exception(0), InputError)
    assert npu.compiled == 1  # what had begun ended
    while threading.active_count() > before:
        time.sleep(0.001)


def test_who_is_told_of_the_progress_of_warming_may_close(made: Path, npu: type[Npu]) -> None:
    closed = threading.Event()

    def close(step: "Step") -> None:
        if step.device == "NPU" and step.what == "model":
            session.close()
            closed.set()

    session = load(made, warm="CPU", progress=close)
    npu.gate.set()
    assert closed.wait(60)
    assert isinstance(session.ready.exception(60), InputError)


def test_warming_on_the_device_that_serves_anyhow_is_a_start_like_any_other(made: Path) -> None:
    with load(made, device="CPU", warm="CPU") as session:
        assert session.ready.result(0) == "CPU"


def test_loading_in_the_background_gives_a_session_or_what_is_wrong(made: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    future = load_async(made, device="CPU", progress=steps.append)
    with future.result(60) as session:
        assert isinstance(session, Session)
        check(ramp(5), session.infer(ramp(5)))
        assert session.steps == tuple(steps)
    assert [(step.what, step.variant, step.done, step.total) for step in steps] == [
        ("device", None, 1, 3),
        ("model", "time4", 2, 3),
        ("model", "time8", 3, 3),
    ]
    assert all(step.seconds > 0 for step in steps)
    assert steps[-1].origin == "compiled"
    with pytest.raises(BundleError):
        load_async(tmp_path / "missing").result(60)


@pytest.mark.parametrize(
    "arguments", [{"warm": "NPU"}, {"warm": ["CPU"]}, {"device": 5}, {"device": ["CPU"]}, {"cache_encryption": 5}]
)
def test_what_is_no_argument_of_load_is_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is wanted, and not") as caught:
        load(tmp_path / "bundle", **arguments)
    assert caught.value.code == "wrong-argument"
