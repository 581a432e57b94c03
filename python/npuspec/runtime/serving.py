"""Which engine serves: the one that was opened, a device that came later, or what stands in for one that failed."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from threading import Lock, Thread, current_thread
from typing import Any, TypeVar
from weakref import WeakSet

from npuspec.diagnostics import DeviceError, Diagnostic, InputError, NpuspecError
from npuspec.diagnostics.model import short
from npuspec.runtime.engine import DeviceFailed, Engine, Ran
from npuspec.runtime.overflow import Piece
from npuspec.runtime.pool import PoolClosed
from npuspec.runtime.request import closed
from npuspec.runtime.steady import Promise
from npuspec.runtime.workers import in_background

log = logging.getLogger("npuspec")

Opener = Callable[[], Engine]
Failed = tuple[str, RuntimeError]
"""A device, and what it said as it failed."""
Used = TypeVar("Used")
NEWEST = 1000
"""So many notes are kept, and steps of loading: a device may fail for months."""


class Serving:
    """One engine at a time, which may be replaced while it runs; for any threads.

    A batch that fails runs once more, with another infer request: that is safe, since a model's state is reset before
    each. If it fails again and the device does nothing else any more either, the device is opened anew, and then each
    fallback in turn, until one runs the batch. That one serves from then on. A caller that is told how far opening has
    come is told of a failure at once: whatever could mend it waits for that caller.

    Attributes:
        engine: what serves now.
        notes: what the caller should know.
        recoveries: how often an engine was replaced because it failed.
        ready: the device that serves, once it is the one that was asked for; or why it isn't.

    Args:
        engine: what serves first.
        openers: device to what opens it: first the one that was asked for, then the fallbacks that the spec declares.
        changed: is told of each engine that serves from then on.

    """

    def __init__(
        self,
        engine: Engine,
        openers: Mapping[str, Opener] | None = None,
        changed: Callable[[Engine], object] = lambda _: None,
    ) -> None:
        self.engine = engine
        self.notes = deque(engine.notes, maxlen=NEWEST)
        self.recoveries = 0
        self._openers = dict(openers or {})
        self._changed = changed
        self._properties: dict[str, Any] = {}
        self._closed = False
        self.ready: Future[str] = Promise()
        self.ready.set_result(engine.device)
        self._stop: Callable[[], object] = lambda: None
        self._opening: set[Thread] = set()
        self._replaced: WeakSet[Engine] = WeakSet()
        self._changing = Lock()
        self._mending = Lock()

    def run(self, variant: str, pieces: Sequence[Piece], *, alone: bool = False, copy: bool = True) -> Ran:
        """Run one batch, as `Engine.run` does.

        Raises:
            InputError: `session-closed`, or the samples aren't fit.
            DeviceError: `infer-failed`: this batch fails; or what the device's message means: it is gone, and so is
                every fallback.

        """
        while True:
            engine = self.engine
            try:
                return engine.run(variant, pieces, alone=alone, copy=copy)
            except PoolClosed:
                if engine is self.engine:
                    raise closed() from None
            except DeviceFailed as error:
                return self.again(engine.device, error, variant, pieces)

    def again(self, device: str, error: RuntimeError, variant: str, pieces: Sequence[Piece]) -> Ran:
        """Run a batch that has failed once; raises as `run` does.

        Args:
            device: which failed.
            error: what it said.
            variant: as of `Engine.run`, like
            pieces: those that failed.

        """
        if self.is_within:
            raise device_fault(device, error, of_sample=False)
        log.warning("%s failed, and the batch runs once more: %s", device, _said(error))

        def once_more(engine: Engine) -> Ran:
            try:
                return engine.run(variant, pieces)
            except DeviceFailed as again:
                if engine.works(variant):
                    raise device_fault(engine.device, again, of_sample=True) from None
                return self._elsewhere(engine, again, variant, pieces)

        with self._mending:  # whoever fails meanwhile waits, and then runs on what was found
            return self._on_what_serves(once_more)

    def _elsewhere(self, failed: Engine, error: RuntimeError, variant: str, pieces: Sequence[Piece]) -> Ran:
        """Open the device anew, or a fallback, and run the batch there."""
        devices = list(self._openers)
        for device in devices[devices.index(failed.device) :] if failed.device in devices else []:
            log.error("%s failed, and %s is opened: %s", failed.device, device, _said(error))
            try:
                engine = self._open(self._openers[device])
            except Exception as fault:  # noqa: BLE001  whatever it is, there may be a fallback
                log.error("%s can't be opened: %s", device, _said(fault))  # noqa: TRY400  said to whoever waits, too
                continue
            for _ in range(2):  # what has just been opened may fail once, too
                try:
                    ran = engine.run(variant, pieces)
                except DeviceFailed as fault:
                    error = fault
                else:
                    self.replace(engine, f"{failed.device} failed, and {device} was opened: {_said(error)}", failed)
                    return ran
            engine.close()
        raise device_fault(failed.device, error, of_sample=False) from None

    def replace(self, engine: Engine, note: str, failed: Engine | None = None) -> None:
        """Let another engine serve from now on. What runs on the old one ends there.

        Args:
            engine: what is to serve.
            note: what the caller should know.
            failed: what it is to stand in for; if something else serves already, that goes on.

        Raises:
            InputError: `session-closed`; the engine is closed then.

        """
        with self._changing:
            if self._closed:
                engine.close()
                raise closed()
            if failed is not None:
                if self.engine is not failed:
                    engine.close()
                    return
                self.recoveries += 1
            if self._properties:
                try:
                    engine.set(self._properties)
                except (RuntimeError, TypeError) as error:
                    self.notes.append(f"{engine.device} doesn't take {self._properties}: {_said(error)}")
            old, self.engine = self.engine, engine
            self.notes.extend((note, *engine.notes))
            self._changed(engine)
            self._replaced.add(old)
        old.close()
        log.warning("%s", note)

    def begin(self, opener: Opener, stop: Callable[[], object]) -> None:
        """Open another engine in the background, and let it serve.

        Args:
            opener: opens it.
            stop: tells the opener that nobody waits for it any more.

        """
        self._stop = stop
        self.ready = in_background(partial(self._go_over, opener), "npuspec-load")

    def _go_over(self, opener: Opener) -> str:
        """Open another engine, let it serve, and return its device. What goes wrong stands in the notes, too."""
        before = self.engine.device
        try:
            engine = self._open(opener)
            self.replace(engine, f"{engine.device} is ready, and serves in the place of {before}")
        except Exception as error:
            if not self._closed:
                self.notes.append(f"{before} goes on serving: {_said(error)}")
                log.exception("what was to serve in the place of %s can't be opened", before)
            raise
        return engine.device

    def _open(self, opener: Opener) -> Engine:
        self._opening.add(current_thread())
        try:
            return opener()
        finally:
            self._opening.remove(current_thread())

    @property
    def is_within(self) -> bool:
        """Whether the caller is told how far opening has come: others wait for its thread."""
        return current_thread() in self._opening

    def tell(self, name: str) -> dict[str, Any]:
        """Return what `Engine.tell` does. Raises InputError, `session-closed` or `property-refused`."""
        try:
            return self._on_what_serves(lambda engine: engine.tell(name))
        except (RuntimeError, TypeError) as error:
            message = f"{self.engine.device} doesn't know {short(repr(name))}: {_said(error)}"
            help_ = "session.tell('SUPPORTED_PROPERTIES') has what it knows"
            raise InputError(Diagnostic("property-refused", message, help_)) from None

    def _on_what_serves(self, use: Callable[[Engine], Used]) -> Used:
        """Use an engine, or the one that has replaced it meanwhile. Raises InputError, `session-closed`."""
        while True:
            engine = self.engine
            try:
                return use(engine)
            except PoolClosed:
                if engine is self.engine:
                    raise closed() from None

    def set(self, properties: Mapping[str, Any]) -> None:
        """Change properties of what serves now, and of what will.

        Raises:
            InputError: `property-refused`.

        """
        with self._changing:
            try:
                self.engine.set(properties)
            except (RuntimeError, TypeError) as error:
                message = f"{self.engine.device} doesn't take {dict(properties)} while it runs: {_said(error)}"
                help_ = "see which do: npuspec explain workload-type, npuspec explain model-priority"
                raise InputError(Diagnostic("property-refused", message, help_)) from None
            except PoolClosed:
                raise closed() from None
            self._properties |= properties

    def close(self) -> None:
        """Let go of the device once what runs has ended."""
        self._stop()
        with self._changing:
            self._closed = True
            self.engine.close()
        for engine in (*self._replaced, self.engine):
            engine.join()
        with suppress(CancelledError):
            self.ready.exception()


def for_another(error: Exception) -> Exception:
    """Return an error that another thread may raise at the same time: a traceback is written to each."""
    return type(error)(error.diagnostics) if isinstance(error, NpuspecError) else error


def _said(error: Exception) -> str:
    return str(error).strip()


def device_fault(device: str, error: RuntimeError, *, of_sample: bool) -> DeviceError:
    """Return an error of a device, with what it said, and with what that means where it is known.

    Args:
        device: which failed.
        error: what it said.
        of_sample: whether it still runs other things.

    """
    message = f"{device} failed: {_said(error)}"
    if of_sample:
        return DeviceError(Diagnostic("infer-failed", message, "look at the sample: others run"))
    if device == "NPU":
        from npuspec.compilers.messages import find_message  # noqa: PLC0415  only what failed needs it

        if (found := find_message(message)) is not None:
            return DeviceError(Diagnostic(found[0].code, message, found[0].help))
    return DeviceError(Diagnostic("device-failed", message, "load the bundle again"))
