"""Deployment specs for Intel NPUs: one TOML file, checked, planned, applied and measured.

    import npuspec

    with npuspec.load("build/asr") as session:
        outputs = session.infer({"waveform": waveform})  # unpadded; outputs are cut to the valid length

`load` needs nothing but a bundle; `apply` and `fetch` work with specs. Each is imported when it is first used, so that
`import npuspec` is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

from npuspec.diagnostics import (
    BundleError,
    DeviceError,
    GateError,
    InputError,
    LockError,
    NpuspecError,
    QueueFull,
    RequestTimeout,
    SpecError,
    StageError,
    StalePlanError,
)

if TYPE_CHECKING:
    from npuspec.execute import apply
    from npuspec.runtime import FallbackWarning, Session, load, load_async
    from npuspec.sources import fetch

__all__ = [
    "BundleError",
    "DeviceError",
    "FallbackWarning",
    "GateError",
    "InputError",
    "LockError",
    "NpuspecError",
    "QueueFull",
    "RequestTimeout",
    "Session",
    "SpecError",
    "StageError",
    "StalePlanError",
    "apply",
    "fetch",
    "load",
    "load_async",
]

_WHERE = {
    "FallbackWarning": "npuspec.runtime",
    "Session": "npuspec.runtime",
    "apply": "npuspec.execute",
    "fetch": "npuspec.sources",
    "load": "npuspec.runtime",
    "load_async": "npuspec.runtime",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        message = f"module 'npuspec' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_WHERE[name]), name)
