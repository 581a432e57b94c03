"""A device that fails when it is told to, behind the interface of OpenVINO's compiled models. What it runs is real."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any

import openvino as ov

LOST = "ZE_RESULT_ERROR_DEVICE_LOST"


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


class Device:
    """Whether inferences fail, and how long they take.

    Attributes:
        fails: is asked before each inference, with the arrays that stand in its inputs.
        gate: no inference ends before this is set.
        begun: how many inferences have begun.

    """

    def __init__(self, fails: Callable[[dict[str, Any]], bool] = lambda _: False) -> None:
        self.fails = fails
        self.gate = Event()
        self.gate.set()
        self.begun = 0

    def model(self, compiled: ov.CompiledModel) -> Any:
        return _Model(self, compiled)


class _Model:
    def __init__(self, device: Device, compiled: ov.CompiledModel) -> None:
        self._device = device
        self._compiled = compiled

    def create_infer_request(self) -> Any:
        return _Request(self._device, self._compiled.create_infer_request())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)


class _Request:
    """Leaves nonsense in the outputs where it fails."""

    def __init__(self, device: Device, request: ov.InferRequest) -> None:
        self._device = device
        self._request = request

    def infer(self, *, share_outputs: bool) -> None:
        self._run(lambda: self._request.infer(share_outputs=share_outputs))

    def start_async(self) -> None:
        """Start nothing before `wait`."""

    def wait(self) -> None:
        self._run(self._request.infer)

    def _run(self, infer: Callable[[], object]) -> None:
        device = self._device
        device.begun += 1
        device.gate.wait(60)
        tensors = zip(self._request.model_inputs, self._request.input_tensors, strict=True)
        if device.fails({port.any_name: tensor.data for port, tensor in tensors}):
            for tensor in self._request.output_tensors:
                tensor.data[...] = 99
            raise RuntimeError(LOST)
        infer()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)
