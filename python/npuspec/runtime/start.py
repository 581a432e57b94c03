"""Open a bundle and put it on a device."""

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import openvino as ov

from npuspec.bundle import Bundle, open_bundle
from npuspec.bundle.manifest import MANIFEST
from npuspec.diagnostics import BundleError, DeviceError, Diagnostic
from npuspec.npu import choose_device
from npuspec.runtime.device import compile_model, identity, present
from npuspec.runtime.session import Session
from npuspec.store import cache_dir

_TRIES = 20


class FallbackWarning(UserWarning):
    """The model doesn't run on the device that its spec is for."""


def load(path: str | PathLike[str], *, device: str | None = None) -> Session:
    """Load a bundle.

    The device is the spec's target where it is present, and else the first fallback that the spec declares; either is
    said: a fallback raises a `FallbackWarning`, and stands in `Session.notes`.

    Args:
        path: the bundle, as `npuspec apply` was told to make it.
        device: run on this device only, `NPU` or `CPU`.

    Raises:
        BundleError: the bundle is missing, or a byte of it was changed.
        DeviceError: none of the devices is present.
        StageError: `compile-failed`: there is no blob for this very device, and it can't compile the model.

    """
    for _ in range(_TRIES):
        bundle = open_bundle(Path(path))
        try:
            return _start(bundle, device)
        except Exception:
            if (bundle.root / MANIFEST).exists():  # the first that goes where a writer clears a version away
                raise
    raise BundleError(
        Diagnostic("broken-bundle", f"the bundle `{path}` changes faster than it can be read", "wait for the writers")
    )


def _start(bundle: Bundle, device: str | None) -> Session:
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
        raise DeviceError(Diagnostic("no-device", message, f"apply its spec again with --device {device}"))
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
    if manifest.cache == "directory":
        # Named by the manifest's digest: another model or other weights never meet this cache.
        folder = cache_dir() / "openvino" / bundle.root.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            properties["CACHE_DIR"] = str(folder)
        except OSError as error:
            notes.append(f"compiled without a cache: can't make `{folder}`: {error.strerror}")
    models = {}
    for variant in manifest.program.variants:
        models[variant.name], note = _model(core, bundle, variant.name, chosen, here, properties)
        notes += [note] if note else []
    try:
        return Session(manifest.program, models, device=chosen, notes=tuple(notes))
    except (RuntimeError, TypeError, ValueError) as error:
        message = f"the bundle's manifest doesn't fit its models: {error}"
        raise BundleError(Diagnostic("broken-bundle", message, "make it again: npuspec apply SPEC")) from None


def _model(
    core: ov.Core, bundle: Bundle, variant: str, device: str, here: str, properties: dict[str, Any]
) -> tuple[ov.CompiledModel, str]:
    """Import the blob where it was exported by this very device, and compile the IR otherwise."""
    blob = bundle.manifest.blobs.get(variant)
    if blob is not None and (blob.device, blob.identity) == (device, here):
        try:
            return core.import_model(bundle.path(blob.path).read_bytes(), device, properties), ""
        except RuntimeError as error:
            note = f"`{blob.path}` was refused by {device}, and the model was compiled again: {str(error).strip()}"
    else:
        note = f"`{blob.path}` was compiled by another device: compiled again" if blob is not None else ""
    return compile_model(core, bundle.path(bundle.manifest.models[variant]), device, properties), note
