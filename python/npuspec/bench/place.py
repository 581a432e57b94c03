"""A bundle on the device that it runs on here, and what is wrong with the call."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import openvino as ov
from msgspec import Struct

from npuspec.bench.figures import Place
from npuspec.bundle import Program, open_bundle
from npuspec.bundle.manifest import PLAN
from npuspec.diagnostics import Diagnostic, InputError
from npuspec.runtime.engine import Engine
from npuspec.runtime.opening import Opening
from npuspec.runtime.samples import sampler
from npuspec.runtime.serving import device_fault

_LONGEST = 3600  # seconds
_MOST = 2**24  # bytes of a plan


class Source(Struct, frozen=True):
    """What a bundle's model is made of, as its plan says."""

    source: str
    digest: str


class _Planned(Struct):
    model: Source


class Placed:
    """A bundle whose variants can be put on its device, any number of times.

    Attributes:
        path: where the bundle lies.
        opening: puts it there.
        device: the one that was asked for, or the first of the spec's that is here.
        program: what the bundle takes.
        sample: makes a sample of given sizes.

    Raises:
        BundleError: there is no bundle, or it is broken.
        DeviceError: `no-device`.

    """

    def __init__(self, path: Path, device: str | None) -> None:
        self.path = path
        bundle = open_bundle(path, hashed=False)
        self._bundle = bundle
        self.opening = Opening(bundle, None, lambda _: None)
        self.device = self.opening.choose(device)
        self._fallback = None if device else self.opening.fallback(self.device)
        self.program: Program = bundle.manifest.program
        with self.opening.fitting():
            model = ov.Core().read_model(bundle.path(next(iter(bundle.manifest.models.values()))))
            self.sample = sampler(self.program, model)

    def engine(self) -> Engine:
        """Put all variants on the device; raises what `Opening.engine` does."""
        return self.opening.engine(self.device)

    def place(self, engine: Engine) -> Place:
        """Return what it is, and where."""
        return Place(
            bundle=self.path.absolute().name,
            version=self._bundle.root.name,
            device=self.device,
            identity=self.opening.identity(self.device),
            notes=(*([self._fallback] if self._fallback else ()), *engine.notes),
        )

    def source(self) -> Source | None:
        """Return what the model is made of; None where there is no plan that says so."""
        record = self._bundle.manifest.files.get(PLAN)
        if record is None or record.size > _MOST:
            return None
        try:
            return msgspec.json.decode(self._bundle.path(PLAN).read_bytes(), type=_Planned).model
        except (ValueError, RecursionError):
            return None

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Say of a RuntimeError that comes meanwhile that the device failed."""
        try:
            yield
        except RuntimeError as error:
            raise device_fault(self.device, error, of_sample=False) from None


def check_seconds(seconds: float) -> None:
    """Refuse what is no time to measure for."""
    if not (isfinite(seconds) and 0 < seconds <= _LONGEST):
        raise wrong(f"{seconds:g} seconds are no time to measure for", f"state more than 0, and {_LONGEST} at most")


def wrong(message: str, help_: str) -> InputError:
    """Return that an argument is wrong."""
    return InputError(Diagnostic("wrong-argument", message, help_))


def compiled(engine: Engine, variant: str) -> Any:
    """Return a variant's compiled model."""
    return engine.pools[variant].model()
