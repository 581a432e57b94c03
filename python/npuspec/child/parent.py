"""The caller's side: start a child, hand it one task, pass its progress on, and return its answer."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from npuspec.diagnostics import Diagnostic, StageError

Progress = Callable[[int, int], None]
"""Told (done, total) as the work goes on; what is counted is the task's own affair."""

_TAIL = 12  # lines of the child's log that an abort shows
_MAX_LOG = 2**20  # bytes of its end that are kept
_GRACE = 8.0  # seconds in which an interrupted child may end what it has started


class ChildError(StageError):
    """The child reported faults of its own, or died; `log` is what it had printed."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic], log: str) -> None:
        super().__init__(diagnostics)
        self.log = log


def run_task(
    task: str, arguments: Mapping[str, Any], progress: Progress | None = None, *, limit: float | None = None
) -> Any:
    """Run `task` ("package.module:function") with JSON arguments in a child process and return its JSON result.

    `limit` is how many seconds it has from its first progress on.

    Raises:
        ChildError: with the task's own diagnostics, or `stage-aborted` if the process died without an answer.
        TimeoutError: the limit is over, and the process was ended.

    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "npuspec.child"],  # -P: files of the current folder are no libraries
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        clock = _Clock(process, limit)

        def heard(done: int, total: int) -> None:
            clock.begin()
            if progress:
                progress(done, total)

        try:
            answer = _converse(process, {"task": task, "arguments": dict(arguments)}, heard)
            code = process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            clock.stop()
            _close(process)
        printed = _read(log)
    if isinstance(answer, dict) and "result" in answer:
        return answer["result"]
    if clock.is_over:
        raise TimeoutError
    if os.environ.get("NPUSPEC_TRACEBACK"):
        sys.stderr.write(printed)
    match answer:
        case {"diagnostics": [_, *_] as faults}:
            raise ChildError([Diagnostic(code_, message, help_) for code_, message, help_ in faults], printed)
        case _:
            raise ChildError(_death(task, code, printed), printed)


class _Clock:
    """Ends a process when its time is over."""

    def __init__(self, process: subprocess.Popen[bytes], limit: float | None) -> None:
        self._process, self._limit = process, limit
        self._timer: threading.Timer | None = None
        self.is_over = False

    def begin(self) -> None:
        """Let the time begin, unless it has."""
        if self._limit is not None and self._timer is None:
            self._timer = threading.Timer(self._limit, self._end)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Let the process be."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        self._process.kill()


def _converse(process: subprocess.Popen[bytes], request: Any, progress: Progress) -> Any:
    """Send the request and read messages to the end; stdin stays open, since its end tells the child that we died."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError
    with contextlib.suppress(OSError):
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    answer: Any = None
    for line in process.stdout:
        try:
            message = json.loads(line)
        except ValueError:  # cut short: the child died in the middle of it
            continue
        if "progress" in message:
            progress(*message["progress"])
        else:
            answer = message
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a child end, which it does where its stdin ends, and make it."""
    try:
        if process.stdin is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                process.stdin.close()
                process.wait(_GRACE)
    finally:
        process.kill()
        process.wait()


def _close(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _read(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - _MAX_LOG))
    return log.read().decode(errors="replace")


def _death(task: str, code: int, log: str) -> Diagnostic:
    names = {s.value: s.name for s in signal.Signals}
    how = f"signal {names.get(-code, -code)}" if code < 0 else f"exit code {code}"
    tail = "\n    ".join(log.strip().splitlines()[-_TAIL:])
    return Diagnostic(
        "stage-aborted",
        f"the process that ran `{task.partition(':')[0]}` died ({how})" + (f":\n    {tail}" if tail else ""),
        "a native library aborted, or the machine ran out of memory; what had been finished is kept",
    )
