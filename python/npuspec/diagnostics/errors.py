"""The exceptions that npuspec raises, and the exit code that each means on the command line.

NpuspecError
├── StageError     1  a stage failed
├── GateError      1  a gate was not met
├── SpecError      2  the spec, its model or its data is wrong
├── InputError     2  a tensor given to a session is wrong (also a ValueError)
├── QueueFull      1  a session's queue takes no more requests
├── RequestTimeout 1  a request hasn't begun in time (also a TimeoutError)
├── BundleError    3  a bundle is broken, or was made by another format
├── StalePlanError 3  a plan file is stale, or isn't one
├── LockError      3  the lock is missing, or what is there now isn't what it says
└── DeviceError    4  no such device, or it failed

EXIT_CHANGES       5  nothing failed, and something would change
"""

from collections.abc import Iterable
from typing import ClassVar

from npuspec.diagnostics.model import Diagnostic, short

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUNDLE = 3
EXIT_DEVICE = 4
EXIT_CHANGES = 5
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130


class NpuspecError(Exception):
    """Base of all errors raised by npuspec; carries the diagnostics that say what, where and what to do."""

    exit_code: ClassVar[int] = EXIT_FAILED

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        given = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = given
        super().__init__(
            "\n".join(
                f"{short(d.message)} [{d.code}]" + (f"\n  help: {short(d.help)}" if d.help else "") for d in given
            )
        )

    @property
    def code(self) -> str:
        """The code of the first diagnostic."""
        return self.diagnostics[0].code


class StageError(NpuspecError):
    """A stage of `apply` failed; the bundle that stood before still stands."""


class GateError(NpuspecError):
    """A gate was not met; the bundle that stood before still stands."""


class SpecError(NpuspecError):
    """The spec, a model or data file that it names, or the call is wrong."""

    exit_code = EXIT_USAGE


class InputError(NpuspecError, ValueError):
    """A tensor given to a session has the wrong name, dtype, rank, size or values."""

    exit_code = EXIT_USAGE


class QueueFull(NpuspecError):  # noqa: N818  as the standard library's queue has it
    """As many requests wait in a session as may."""


class RequestTimeout(NpuspecError, TimeoutError):  # noqa: N818  as above
    """A request wasn't begun in the time that it was given; it isn't run any more."""


class BundleError(NpuspecError):
    """A bundle is missing, broken, or of a format that this version doesn't read."""

    exit_code = EXIT_BUNDLE


class StalePlanError(NpuspecError):
    """A plan file can't be executed: what it was made of has changed since, or it isn't one that this version reads."""

    exit_code = EXIT_BUNDLE


class LockError(NpuspecError):
    """The lock that is to be held is missing or can't be read, or what is there now isn't what it says."""

    exit_code = EXIT_BUNDLE


class DeviceError(NpuspecError):
    """The device that was asked for isn't there and no fallback was declared, or it failed while it ran."""

    exit_code = EXIT_DEVICE
