"""The infer requests of one static variant: taken to be filled and run, and given back."""

from math import prod
from typing import Any
from weakref import ref

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from npuspec import _native
from npuspec.bundle.program import Program
from npuspec.diagnostics import InputError
from npuspec.runtime.steady import UNTOLD, Steady

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


class PoolClosed(Exception):  # noqa: N818  no error: something else serves now, or nothing is to
    """A slot was asked for, and the pool gives none any more."""


class Slot:
    """One infer request, and views of the memory that it reads from and writes to.

    Attributes:
        hold: whether it is in use. A lane may take it, too, and then asks nobody.
        leases: what callers were given without a copy the last time; each dies with the arrays that are made of it.

    """

    def __init__(self, compiled: ov.CompiledModel, program: Program) -> None:
        self.request = compiled.create_infer_request()
        self._pages = []  # tensors don't keep the memory that they are given
        for port in (*compiled.inputs, *compiled.outputs):
            if (pages := whole_pages(port)) is not None:
                self.request.set_tensor(port, ov.Tensor(pages, port.shape, port.element_type))
                self._pages.append(pages)
        self.buffers = {i.name: self.request.get_tensor(i.name).data for i in program.inputs}
        for buffer in self.buffers.values():
            buffer[...] = 0  # whether a device works is tried with what stands there
        self.results = {o.name: self.request.get_tensor(o.name).data for o in program.outputs}
        self.has_state = bool(self.request.query_state())
        self.hold = _native.Hold()
        self.leases: list[ref[Lease]] = []

    def lend(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array of the same memory, which lives as long as that array does."""
        lease = Lease(self, array)
        self.leases.append(ref(lease))
        return np.asarray(lease)


class Lease:
    """One output of a slot as NumPy's array interface shows it; arrays made of it keep the slot's memory."""

    def __init__(self, slot: Slot, array: NDArray[Any]) -> None:
        self._slot = slot
        self.__array_interface__ = array.__array_interface__


class Pool:
    """As many slots as the device finds best and one that is filled meanwhile, or as many as are asked for.

    Each is made when it is needed for the first time. For any threads. Ctrl-C may come between any two steps. So who
    has a slot is written in the slot, in one step, and not counted.

    Attributes:
        most: how many slots there may be.

    """

    def __init__(self, compiled: ov.CompiledModel, program: Program, requests: int | None = None) -> None:
        self._compiled: ov.CompiledModel | None = compiled
        self._program = program
        self.most: int = requests or compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + 1
        self._slots = [Slot(compiled, program)]
        self._closed = False
        self._changed = Steady()

    @property
    def first(self) -> Slot:
        """The slot that a pool begins with."""
        return self._slots[0]

    def model(self) -> ov.CompiledModel:
        """Return the compiled model. Raises PoolClosed."""
        if (compiled := self._compiled) is None:
            raise PoolClosed
        return compiled

    def turn(self) -> _native.Turn:
        """Return what a slot is taken for; InputError leaves a slot whole, and anything else breaks it."""
        return _native.Turn(self.settle, InputError)

    def take(self, turn: _native.Turn) -> Slot:
        """Return a slot that nobody else has until the turn ends; waits for one.

        Raises:
            PoolClosed: there is none any more.
            RuntimeError: the device can't have another request.

        """
        with self._changed:
            while not self._closed:
                self._slots = [slot for slot in self._slots if not slot.hold.is_broken]
                full = len(self._slots) >= self.most
                for slot in self._slots:
                    if slot.hold.take(turn, want=full):
                        return slot
                if full:
                    self._changed.wait(UNTOLD)
                else:
                    self._slots.append(Slot(self.model(), self._program))
        raise PoolClosed

    def settle(self) -> None:
        """Let whoever waits see that a slot is free, or broken."""
        with self._changed:
            if self._closed:
                self._let_go()
            self._changed.notify()

    def close(self) -> None:
        """Refuse whoever comes later. Memory is freed as soon as the last slot has been given back."""
        with self._changed:
            self._closed = True
            for slot in self._slots:
                slot.hold.want()
            self._let_go()
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until a closed pool has no slot in use."""
        with self._changed:
            while any(slot.hold.is_taken for slot in self._slots):
                self._changed.wait(UNTOLD)

    def _let_go(self) -> None:
        """Free what a closed pool has, once nothing of it is in use."""
        if not any(slot.hold.is_taken for slot in self._slots):
            self._slots.clear()
            self._compiled = None
            self._changed.notify_all()
