"""The infer requests of one static variant: taken to be filled and run, and given back."""

from threading import Condition

import openvino as ov

from npuspec.bundle.program import Program
from npuspec.diagnostics import Diagnostic, InputError


class Slot:
    """One infer request, and views of the memory that it reads from and writes to."""

    def __init__(self, compiled: ov.CompiledModel, program: Program) -> None:
        self.request = compiled.create_infer_request()
        self.buffers = {i.name: self.request.get_tensor(i.name).data for i in program.inputs}
        self.results = {o.name: self.request.get_tensor(o.name).data for o in program.outputs}
        self.has_state = bool(self.request.query_state())


class Pool:
    """As many slots as the device finds best, each made when it is needed for the first time; for any threads."""

    def __init__(self, compiled: ov.CompiledModel, program: Program) -> None:
        self._compiled = compiled
        self._program = program
        self._most: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.first = Slot(compiled, program)
        self._free = [self.first]
        self._made = 1
        self._closed = False
        self._changed = Condition()

    def take(self, *, wait: bool) -> Slot | None:
        """Return a slot that is the caller's until it is given back; without `wait`, None where all are taken.

        Raises:
            InputError: `session-closed`.
            RuntimeError: the device can't have another request.

        """
        with self._changed:
            while not self._free and not self._closed:
                if self._made < self._most:
                    slot = Slot(self._compiled, self._program)
                    self._made += 1
                    return slot
                if not wait:
                    return None
                self._changed.wait()
            if self._closed:
                raise InputError(Diagnostic("session-closed", "this session is closed", "load the bundle again"))
            return self._free.pop()

    def give(self, slot: Slot) -> None:
        """Give a slot back."""
        with self._changed:
            self._free.append(slot)
            self._changed.notify_all()

    def close(self) -> None:
        """Refuse whoever comes later, and free all memory once the last slot has been given back."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            while len(self._free) < self._made:
                self._changed.wait()
            self._free.clear()
            del self.first, self._compiled
