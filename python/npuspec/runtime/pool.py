"""The infer requests of one static variant: taken to be filled and run, and given back."""

from contextlib import suppress
from math import prod
from threading import Condition, Lock

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from npuspec.bundle.program import Program
from npuspec.diagnostics import Diagnostic, InputError

BYTE = 8
PAGE = 4096
"""An NPU takes memory of the host without a copy if its address and its size are multiples of this."""


def whole_pages(port: ov.ConstOutput) -> NDArray[np.uint8] | None:
    """Return memory for a port's tensor that begins where a page does and ends where one ends.

    None where it wouldn't end so: then the request's own tensor is the one that costs no copy.
    """
    if port.partial_shape.is_dynamic or port.element_type.bitwidth < BYTE:
        return None
    size = prod(port.shape) * port.element_type.size
    if not size or size % PAGE:
        return None
    memory = np.empty(size + PAGE, np.uint8)
    start = -memory.ctypes.data % PAGE
    return memory[start : start + size]


class Slot:
    """One infer request, and views of the memory that it reads from and writes to.

    Attributes:
        holder: who has taken it; None while it is free.

    """

    def __init__(self, compiled: ov.CompiledModel, program: Program) -> None:
        self.request = compiled.create_infer_request()
        self._pages = []  # tensors don't keep the memory that they are given
        for port in (*compiled.inputs, *compiled.outputs):
            if (pages := whole_pages(port)) is not None:
                self.request.set_tensor(port, ov.Tensor(pages, port.shape, port.element_type))
                self._pages.append(pages)
        self.buffers = {i.name: self.request.get_tensor(i.name).data for i in program.inputs}
        self.results = {o.name: self.request.get_tensor(o.name).data for o in program.outputs}
        self.has_state = bool(self.request.query_state())
        self.holder: object = None


class Pool:
    """As many slots as the device finds best, each made when it is needed for the first time; for any threads.

    Ctrl-C may come between any two steps. So who has a slot is written in the slot, in one step, and not counted.
    """

    def __init__(self, compiled: ov.CompiledModel, program: Program) -> None:
        self._compiled = compiled
        self._program = program
        self._most: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.first = Slot(compiled, program)
        self._slots = [self.first]
        self._closed = False
        self._lock = Lock()  # entered as it is: a condition is entered in several steps
        self._changed = Condition(self._lock)

    def tell(self, name: str) -> object:
        """Return what the compiled model says of one of OpenVINO's properties."""
        return self._compiled.get_property(name)

    def take(self, holder: object, *, wait: bool) -> Slot | None:
        """Return a slot that is the holder's until it is given back; without `wait`, None where all are taken.

        Raises:
            InputError: `session-closed`.
            RuntimeError: the device can't have another request.

        """
        with self._lock:
            while not self._closed:
                slot = next((slot for slot in self._slots if slot.holder is None), None)
                if slot is None and len(self._slots) < self._most:
                    slot = Slot(self._compiled, self._program)
                    self._slots.append(slot)
                if slot is not None:
                    slot.holder = holder
                    return slot
                if not wait:
                    return None
                self._changed.wait()
        raise InputError(Diagnostic("session-closed", "this session is closed", "load the bundle again"))

    def give(self, slot: Slot) -> None:
        """Give a slot back."""
        with self._lock:
            slot.holder = None
            self._changed.notify_all()

    def give_all(self, holder: object) -> None:
        """Give back what a holder still has, once it has run."""
        for slot in [slot for slot in self._slots if slot.holder is holder]:
            with suppress(RuntimeError):
                slot.request.wait()
            self.give(slot)

    def close(self) -> None:
        """Refuse whoever comes later, and free all memory once the last slot has been given back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            while any(slot.holder is not None for slot in self._slots):
                self._changed.wait()
            self._slots.clear()
            del self.first, self._compiled
