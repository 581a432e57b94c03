"""Load a bundle: at once, in the background, or on one device while another is being made ready."""

import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from npuspec.bundle import open_bundle
from npuspec.bundle.manifest import MANIFEST
from npuspec.diagnostics import BundleError, Diagnostic
from npuspec.runtime.blobs import Encryption
from npuspec.runtime.opening import Opening, Progress
from npuspec.runtime.request import wrong
from npuspec.runtime.session import Session
from npuspec.runtime.workers import in_background

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_TRIES = 20


class FallbackWarning(UserWarning):
    """The model doesn't run on the device that its spec is for."""


def load(
    path: str | PathLike[str],
    *,
    device: str | None = None,
    warm: Literal["CPU"] | None = None,
    progress: Progress | None = None,
    cache_encryption: Encryption | None = None,
    tracer: "Tracer | None" = None,
) -> Session:
    """Load a bundle.

    The device is the spec's target where it is present, and else the first fallback that the spec declares; either is
    said: a fallback raises a `FallbackWarning`, and stands in `Session.notes`.

    A model is compiled only where neither the bundle nor npuspec's cache has what this very device's compiler made of
    it; `Session.origins` tells. Every file that is read is hashed, and no other: `npuspec verify` looks at all of them.

    Args:
        path: the bundle, as `npuspec apply` was told to make it.
        device: run on this device only, `NPU` or `CPU`.
        warm: answer on this device while the other is being made ready in the background, and go over to it then;
            `Session.ready` tells when, or why not. Left out, what the spec's `load.warm` says.
        progress: is called after each step of loading, in the thread that loads.
        cache_encryption: two functions of bytes, of which the first encrypts what goes into the cache, and the second
            decrypts it. What was encrypted with another key is compiled again.
        tracer: OpenTelemetry's, which gets a span of each call, request and batch (`npuspec[opentelemetry]`).

    Raises:
        BundleError: the bundle is missing, or a file of it that is needed was changed.
        DeviceError: none of the devices is present.
        StageError: `compile-failed`: there is no blob for this very device, and it can't compile the model.
        InputError: `wrong-argument`; `wrong-cache-size`: the environment variable NPUSPEC_CACHE_SIZE is no size.

    """
    _check(device, warm, cache_encryption)
    for _ in range(_TRIES):
        bundle = open_bundle(Path(path), hashed=False)
        try:
            opening = Opening(bundle, cache_encryption, progress or (lambda _: None))
            return _start(opening, device, warm or bundle.manifest.load.warm, tracer)
        except Exception:
            if (bundle.root / MANIFEST).exists():  # the first that goes where a writer clears a version away
                raise
    raise BundleError(
        Diagnostic("broken-bundle", f"the bundle `{path}` changes faster than it can be read", "wait for the writers")
    )


def load_async(
    path: str | PathLike[str],
    *,
    device: str | None = None,
    warm: Literal["CPU"] | None = None,
    progress: Progress | None = None,
    cache_encryption: Encryption | None = None,
    tracer: "Tracer | None" = None,
) -> Future[Session]:
    """Load a bundle in the background.

    Returns:
        What `load`, which takes the same arguments, returns or raises, once it is there. What has begun can't be
        cancelled: close the session instead.

    """
    loading = partial(
        load,
        path,
        device=device,
        warm=warm,
        progress=progress,
        cache_encryption=cache_encryption,
        tracer=tracer,
    )
    return in_background(loading, "npuspec-load")


def _check(device: object, warm: object, encryption: object) -> None:
    if device is not None and not isinstance(device, str):
        raise wrong("device", "a name", device)
    if warm not in (None, "CPU"):
        raise wrong("warm", "'CPU' or None", warm)
    if encryption is not None and not (isinstance(encryption, Sequence) and all(map(callable, encryption))):
        raise wrong("cache_encryption", "a pair of functions", encryption)


def _start(opening: Opening, asked: str | None, warm: str | None, tracer: "Tracer | None") -> Session:
    wanted, chosen = opening.wanted, opening.choose(asked)
    notes: tuple[str, ...] = ()
    if asked is None and (said := opening.fallback(chosen)):
        notes = (said,)
        warnings.warn(notes[0], FallbackWarning, stacklevel=3)
    first = warm if warm in opening.present else chosen
    fallbacks = wanted[wanted.index(chosen) + 1 :] if asked is None else []
    openers = {device: partial(opening.engine, device) for device in (chosen, *fallbacks) if device in opening.present}
    session = Session(
        opening.engine(first, notes=notes),
        load=opening.manifest.load,
        openers=openers,
        steps=opening.steps,
        tracer=tracer,
    )
    if first != chosen:
        session.go_over(openers[chosen], opening.stopped.set)
    return session
