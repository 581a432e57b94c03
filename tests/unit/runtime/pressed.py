"""Ctrl-C at any place where Python looks for it."""

import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from itertools import count
from opcode import opname
from types import FrameType
from typing import Any


def is_interrupted(run: Callable[[], object], at: int, files: Collection[str | None]) -> bool:
    """Run something as if Ctrl-C were pressed before the given step of it in these files; False where there are fewer.

    Python looks for signals as it enters a function, and after it has called one of C's.
    """
    steps, called, pressed = count(), "CALL", False

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal called, pressed
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if event == "exception":  # it doesn't look where a call has failed
            called = ""
        if event == "call" or (event == "opcode" and called == "CALL"):
            called = ""
            if next(steps) == at:
                pressed = True
                raise KeyboardInterrupt
        if event == "opcode":
            called = "CALL" if opname[frame.f_code.co_code[frame.f_lasti]].startswith("CALL") else ""
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(KeyboardInterrupt):
            run()
    finally:
        sys.settrace(before)
    return pressed
