"""Open a bundle and put it on a device."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import openvino as ov

from npuspec.bundle import Bundle, open_bundle
from npuspec.bundle.manifest import MANIFEST, Manifest
from npuspec.bundle.reader import open_errors
from npuspec.diagnostics import BundleError, DeviceError, Diagnostic
from npuspec.npu import DEVICES, choose_device, explain_chooser
from npuspec.runtime.blobs import BlobCache, Encryption, Obtained, read_tensor
from npuspec.runtime.device import compile_model, identity, present, read_ir, takes
from npuspec.runtime.session import Session

_TRIES = 20
_WEIGHTLESS = (("CACHE_MODE", "OPTIMIZE_SIZE"), ("ENABLE_WEIGHTLESS", True))
"""What leaves a model's weights out of what is exported: they are needed beside it."""


class FallbackWarning(UserWarning):
    """The model doesn't run on the device that its spec is for."""


def load(
    path: str | PathLike[str], *, device: str | None = None, cache_encryption: Encryption | None = None
) -> Session:
    """Load a bundle.

    The device is the spec's target where it is present, and else the first fallback that the spec declares; either is
    said: a fallback raises a `FallbackWarning`, and stands in `Session.notes`.

    A model is compiled only where neither the bundle nor npuspec's cache has what this very device's compiler made of
    it; `Session.origins` tells. Every file that is read is hashed, and no other: `npuspec verify` looks at all of them.

    Args:
        path: the bundle, as `npuspec apply` was told to make it.
        device: run on this device only, `NPU` or `CPU`.
        cache_encryption: two functions of bytes, of which the first encrypts what goes into the cache, and the second
            decrypts it. What was encrypted with another key is compiled again.

    Raises:
        BundleError: the bundle is missing, or a file of it that is needed was changed.
        DeviceError: none of the devices is present.
        StageError: `compile-failed`: there is no blob for this very device, and it can't compile the model.
        InputError: `wrong-cache-size`: the environment variable NPUSPEC_CACHE_SIZE is no size.

    """
    for _ in range(_TRIES):
        bundle = open_bundle(Path(path), hashed=False)
        try:
            return _start(bundle, device, cache_encryption)
        except Exception:
            if (bundle.root / MANIFEST).exists():  # the first that goes where a writer clears a version away
                raise
    raise BundleError(
        Diagnostic("broken-bundle", f"the bundle `{path}` changes faster than it can be read", "wait for the writers")
    )


def _start(bundle: Bundle, device: str | None, cache_encryption: Encryption | None) -> Session:
    manifest = bundle.manifest
    core = ov.Core()
    try:
        core.set_property(dict(manifest.core))
    except (RuntimeError, TypeError) as error:
        message = f"OpenVINO refuses a property of the bundle's manifest: {str(error).strip()}"
        raise BundleError(Diagnostic("broken-bundle", message, "make it again: npuspec apply SPEC")) from None
    wanted = [d.device for d in manifest.deployments]
    if device is not None and device not in wanted:
        message = f"this bundle is made for {', '.join(wanted)}, not for {device}"
        help_ = f"apply its spec again with --device {device}"
        if device not in DEVICES:
            help_ = f"name one of {', '.join(wanted)}"
        if (chooser := explain_chooser(device)) is not None:
            message = f"{message}: {chooser[0]}"
        raise DeviceError(Diagnostic("no-device", message, help_))
    chosen = choose_device([device] if device else wanted, present(core))
    properties = dict(next(d.properties for d in manifest.deployments if d.device == chosen))
    here = identity(core, chosen)
    notes = []
    if device is None and chosen != wanted[0]:
        notes.append(
            f"there is no {wanted[0]} on this machine: running on {chosen}, the fallback that the spec declares"
        )
        warnings.warn(notes[0], FallbackWarning, stacklevel=3)
    if (chosen, here) != (manifest.device, manifest.identity):
        notes.append(f"the evidence was measured on another device: {manifest.device}, {manifest.identity}")
    cache = BlobCache(cache_encryption) if manifest.cache != "none" else None
    obtained = {
        v.name: _obtain(core, bundle, v.name, chosen, here, properties, cache) for v in manifest.program.variants
    }
    notes += [note for found in obtained.values() for note in found.notes]
    try:
        return Session(
            manifest.program,
            {name: found.model for name, found in obtained.items()},
            device=chosen,
            notes=tuple(notes),
            origins={name: found.origin for name, found in obtained.items()},
        )
    except (RuntimeError, TypeError, ValueError) as error:
        message = f"the bundle's manifest doesn't fit its models: {error}"
        raise BundleError(Diagnostic("broken-bundle", message, "make it again: npuspec apply SPEC")) from None


def _obtain(
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
