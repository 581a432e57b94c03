"""From a bundle to compiled models on a device: what the bundle has, what npuspec's cache has, or compiled anew."""

from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from time import perf_counter
from typing import Any, NamedTuple

import openvino as ov

from npuspec.bundle import Bundle
from npuspec.bundle.manifest import Manifest
from npuspec.bundle.reader import open_errors
from npuspec.diagnostics import BundleError, DeviceError, Diagnostic
from npuspec.npu import DEVICES, choose_device, explain_chooser
from npuspec.runtime.blobs import BlobCache, Encryption, Obtained, Origin, read_tensor
from npuspec.runtime.device import compile_model, identity, present, read_ir, takes
from npuspec.runtime.engine import Engine
from npuspec.runtime.request import closed
from npuspec.runtime.serving import NEWEST

_WEIGHTLESS = (("CACHE_MODE", "OPTIMIZE_SIZE"), ("ENABLE_WEIGHTLESS", True))
"""What leaves a model's weights out of what is exported: they are needed beside it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of loading that has ended."""

    what: str
    """`device`, finding it; `model`, a compiled model."""
    device: str
    """Which is being loaded for; the first of the spec's while it is being found."""
    variant: str | None
    """Whose model it was."""
    origin: Origin | None
    """Where that is from."""
    seconds: float
    """How long it took."""
    done: int
    """How many steps have ended for this device."""
    total: int
    """Of how many."""


Progress = Callable[[Step], object]


class Opened(NamedTuple):
    """Models on a device, where each is from, and what the caller should know."""

    models: dict[str, ov.CompiledModel]
    origins: dict[str, Origin]
    notes: tuple[str, ...]


class Opening:
    """A bundle that is put on devices.

    Args:
        bundle: what is loaded.
        encryption: of what goes into the cache.
        progress: is told of each step.

    Raises:
        BundleError: OpenVINO refuses what the manifest says.

    """

    def __init__(self, bundle: Bundle, encryption: Encryption | None, progress: Progress) -> None:
        begin = perf_counter()
        self._bundle = bundle
        self.manifest = bundle.manifest
        self._core = ov.Core()
        try:
            self._core.set_property(dict(self.manifest.core))
        except (RuntimeError, TypeError) as error:
            message = f"OpenVINO refuses a property of the bundle's manifest: {str(error).strip()}"
            raise BundleError(Diagnostic("broken-bundle", message, "make it again: npuspec apply SPEC")) from None
        self._cache = BlobCache(encryption) if self.manifest.cache != "none" else None
        self._progress = progress
        self._total = len(self.manifest.program.variants) + 1
        self.stopped = Event()
        self.steps: deque[Step] = deque(maxlen=NEWEST)
        self.wanted: list[str] = [d.device for d in self.manifest.deployments]
        self.present = present(self._core)
        self._tell("device", self.wanted[0], begin, 1)

    def choose(self, device: str | None) -> str:
        """Return the device to run on: the one that is asked for, or the first of the spec's that is there.

        Raises:
            DeviceError: `no-device`.

        """
        if device is not None and device not in self.wanted:
            message = f"this bundle is made for {', '.join(self.wanted)}, not for {device}"
            help_ = f"apply its spec again with --device {device}"
            if device not in DEVICES:
                help_ = f"name one of {', '.join(self.wanted)}"
            if (chooser := explain_chooser(device)) is not None:
                message = f"{message}: {chooser[0]}"
            raise DeviceError(Diagnostic("no-device", message, help_))
        return choose_device([device] if device else self.wanted, self.present)

    def fallback(self, device: str) -> str | None:
        """Return what to say of a device that was chosen and isn't the first of the spec's."""
        wanted = self.wanted[0]
        if device == wanted:
            return None
        return f"there is no {wanted} on this machine: running on {device}, the fallback that the spec declares"

    def identity(self, device: str) -> str:
        """Return what exactly a device is."""
        return identity(self._core, device)

    def models(self, device: str, variants: Container[str] | None = None) -> Opened:
        """Put variants of these names, or all, on a device.

        Raises:
            BundleError: a file was changed.
            StageError: it can't compile a model.
            InputError: `session-closed`: nobody wants it any more.

        """
        manifest, notes = self.manifest, list[str]()
        properties = next((dict(d.properties) for d in manifest.deployments if d.device == device), {})
        here = self.identity(device)
        if (device, here) != (manifest.device, manifest.identity):
            notes.append(f"the evidence was measured on another device: {manifest.device}, {manifest.identity}")
        obtained: dict[str, Obtained] = {}
        wanted = [v for v in manifest.program.variants if variants is None or v.name in variants]
        for number, variant in enumerate(wanted):
            if self.stopped.is_set():
                raise closed()
            begin = perf_counter()
            found = obtain(self._core, self._bundle, variant.name, device, here, properties, self._cache)
            obtained[variant.name] = found
            notes += found.notes
            self._tell("model", device, begin, number + 2, variant.name, found.origin)
        return Opened(
            {name: found.model for name, found in obtained.items()},
            {name: found.origin for name, found in obtained.items()},
            tuple(notes),
        )

    def engine(self, device: str, *, notes: tuple[str, ...] = ()) -> Engine:
        """Put all variants on a device, with infer requests.

        Args:
            device: one that is present.
            notes: what the caller should know already.

        Raises:
            BundleError: as `models`, or the manifest doesn't fit the models.
            DeviceError: `other-device`.
            StageError: as `models`.
            InputError: as `models`.

        """
        models, origins, more = self.models(device)
        with self.fitting():
            return Engine(
                self.manifest.program,
                models,
                device=device,
                notes=(*notes, *more),
                origins=origins,
                requests=self.manifest.load.requests,
            )

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """Say of what goes wrong meanwhile that the manifest doesn't fit its models."""
        try:
            yield
        except (OverflowError, RuntimeError, TypeError, ValueError) as error:
            message = f"the bundle's manifest doesn't fit its models: {error}"
            raise BundleError(Diagnostic("broken-bundle", message, "make it again: npuspec apply SPEC")) from None

    def _tell(
        self, what: str, device: str, begin: float, done: int, variant: str | None = None, origin: Origin | None = None
    ) -> None:
        step = Step(what, device, variant, origin, perf_counter() - begin, done, self._total)
        self.steps.append(step)
        self._progress(step)


def obtain(
    core: ov.Core,
    bundle: Bundle,
    variant: str,
    device: str,
    here: str,
    properties: dict[str, Any],
    cache: BlobCache | None,
) -> Obtained:
    """Import the bundle's blob where this very device exported it, else what the cache has, and else compile the IR."""
    manifest = bundle.manifest
    ir, blob = manifest.models[variant], manifest.blobs.get(variant)
    weights = ir.removesuffix(".xml") + ".bin"
    has_weights = weights in manifest.files
    weightless = has_weights and any(properties.get(name) == value for name, value in _WEIGHTLESS)

    def load(exported: ov.Tensor) -> ov.CompiledModel:
        beside = {"WEIGHTS_PATH": str(bundle.path(weights))} if weightless else {}
        return core.import_model(exported, device, properties | beside)

    def make() -> ov.CompiledModel:
        if weightless or cache is None:  # read as files: what is left out of a blob is found by its place in them
            if has_weights:
                bundle.path(weights)
            return compile_model(core, bundle.path(ir), device, properties)
        xml, data = _read(bundle, ir), _read(bundle, weights) if has_weights else ov.Tensor(ov.Type.u8, [0])
        return compile_model(core, read_ir(core, ir, xml.data.tobytes(), data), device, properties)

    notes: tuple[str, ...] = ()
    for path, needs in _exported(core, manifest, variant, device, here):
        if needs is not None and not takes(core, device, needs):
            notes += (f"`{path}` needs another driver than the one here, and isn't used: {needs}",)
            continue
        try:
            return Obtained(load(_read(bundle, path)), "blob", notes)
        except RuntimeError as error:
            notes += (f"`{path}` was refused by {device}, and isn't used: {str(error).strip()}",)
    if blob is not None and (blob.device, blob.identity) != (device, here):
        notes += (f"`{blob.path}` was compiled by another device, and isn't used",)
    if cache is None:
        return Obtained(make(), "compiled", notes)
    found = cache.obtain(
        {
            "model": manifest.files[ir].sha256,
            "weights": manifest.files[weights].sha256 if has_weights else None,
            "device": device,
            "identity": here,
            "core": manifest.core,
            "properties": properties,
        },
        load,
        make,
    )
    return replace(found, notes=(*notes, *(f"{variant}: {note}" for note in found.notes)))


def _exported(
    core: ov.Core, manifest: Manifest, variant: str, device: str, here: str
) -> Iterator[tuple[str, str | None]]:
    """Yield the blobs for this device: what it exported itself, and what was compiled ahead for its platform.

    Beside each stands what it needs of the driver, where that is known.
    """
    blob = manifest.blobs.get(variant)
    if blob is not None and (blob.device, blob.identity) == (device, here):
        yield blob.path, None
    if device == "NPU" and manifest.platforms:
        platform = str(core.get_property(device, "DEVICE_ARCHITECTURE"))
        for ahead in manifest.platforms:
            if (ahead.variant, ahead.platform) == (variant, platform):
                yield ahead.path, ahead.requirements


def _read(bundle: Bundle, name: str) -> ov.Tensor:
    """Read a file of the bundle, and refuse it unless what was read is what the manifest lists."""
    with open_errors(bundle.root), (bundle.root / name).open("rb") as file:
        data, digest = read_tensor(file, bundle.manifest.files[name].size)
    bundle.hold(name, digest)
    return data
