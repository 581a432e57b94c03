"""Faults as data: what is wrong, where, and what to do. Knows nothing of specs, plans or devices."""

from npuspec.diagnostics.errors import (
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
from npuspec.diagnostics.model import Diagnostic, Edit, Label, Path, Severity, has_errors

__all__ = [
    "BundleError",
    "DeviceError",
    "Diagnostic",
    "Edit",
    "GateError",
    "InputError",
    "Label",
    "LockError",
    "NpuspecError",
    "Path",
    "QueueFull",
    "RequestTimeout",
    "Severity",
    "SpecError",
    "StageError",
    "StalePlanError",
    "has_errors",
]
