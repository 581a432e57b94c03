"""The child's side of a start: import, load, and run one sample. What is imported here isn't what is timed."""

# ruff: noqa: PLC0415  what is imported is timed

import os
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from npuspec.child import Progress


def start(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Start once, with the cache of compiled models in a folder that is named.

    A cold start takes no compiled model from the bundle either.
    """
    del progress
    os.environ["NPUSPEC_CACHE"] = arguments["cache"]
    begin = perf_counter()
    import numpy as np
    from msgspec import structs

    from npuspec.bundle import Bundle, open_bundle
    from npuspec.runtime import Session
    from npuspec.runtime.opening import Opening

    imported = perf_counter()
    bundle = open_bundle(Path(arguments["bundle"]), hashed=False)
    if arguments["cold"]:
        manifest = structs.replace(bundle.manifest, blobs={}, platforms=())
        bundle = Bundle(bundle.root, manifest, bundle.hashed)
    opening = Opening(bundle, None, lambda _: None)
    with Session(opening.engine(opening.choose(arguments["device"])), load=bundle.manifest.load) as session:
        loaded = perf_counter()
        with np.load(arguments["sample"]) as arrays:
            sample = dict(zip(arguments["names"], arrays.values(), strict=True))
        ready = perf_counter()
        session.infer(sample)
        done = perf_counter()
    return {
        "imports": (imported - begin) * 1e3,
        "load": (loaded - imported) * 1e3,
        "first": (done - ready) * 1e3,
        "origins": session.origins,
    }
