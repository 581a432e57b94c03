"""What waits in a session: one sample, and the future of its result."""

from contextlib import suppress
from math import isnan
from numbers import Real
from time import perf_counter
from typing import Any, Literal

from npuspec.bundle.program import Program
from npuspec.diagnostics import Diagnostic, InputError, RequestTimeout
from npuspec.diagnostics.model import short
from npuspec.runtime.feed import Array
from npuspec.runtime.overflow import Piece, stitch
from npuspec.runtime.steady import Promise

Result = dict[str, Array]


class Request:
    """One sample, its pieces, and the future of its result."""

    def __init__(self, program: Program, pieces: list[Piece], timeout: float | None) -> None:
        self._program = program
        self._results: list[Result] = [{} for _ in pieces]
        self.future = Promise[Result]()
        self.pieces = pieces
        self.left = len(pieces)
        self.since = perf_counter()
        self.deadline = None if timeout is None else self.since + _seconds(timeout)
        self.state: Literal["outside", "waiting", "running", "over"] = "outside"
        self.span: Any = None  # OpenTelemetry's

    def put(self, index: int, result: Result) -> None:
        """Take the result of a piece; no other thread may at the same time."""
        self._results[index] = result
        self.left -= 1

    def whole(self) -> Result:
        """Return the result, all of whose pieces are there."""
        return stitch(self._program, self.pieces, self._results)

    @property
    def has_begun(self) -> bool:
        """Whether it neither waits for room nor has it and waits for its turn."""
        return self.state in ("running", "over")


Part = tuple[Request, int]
"""A request, and which of its pieces."""


def wrong(what: str, wanted: str, given: object) -> InputError:
    """Return what a session says of an argument: what it is, what is wanted, and what was given."""
    message = f"{what}: {wanted} is wanted, and not {short(repr(given))}"
    return InputError(Diagnostic("wrong-argument", message, "see help(npuspec.Session)"))


def _seconds(timeout: object) -> float:
    if isinstance(timeout, Real):
        with suppress(OverflowError):
            if not isnan(seconds := float(timeout)):
                return seconds
    raise wrong("the timeout", "a number of seconds", timeout)


def closed() -> InputError:
    """Return what a session that is closed says to whoever calls it."""
    return InputError(Diagnostic("session-closed", "this session is closed", "load the bundle again"))


def expired() -> RequestTimeout:
    """Return what a request that hasn't begun in time ends with."""
    message = "the request hasn't begun in the time that it was given"
    return RequestTimeout(Diagnostic("request-timeout", message, "give it longer, or send fewer requests at a time"))
