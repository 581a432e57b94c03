"""The caller's side: start a child, hand it one task, pass its progress on, and return its answer."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import IO, Any

from npuspec.diagnostics import Diagnostic, StageError

Progress = Callable[[int, int], None]
"""Told (done, total) as the work goes on; what is counted is the task's own affair."""

_TAIL = 12  # lines of the child's log that an abort shows
_MAX_LOG = 2**20  # bytes of its end that are kept


class ChildError(StageError):
    """The child reported a fault of its own, or died; `log` is what it had printed."""

    def __init__(self, diagnostic: Diagnostic, log: str) -> None:
        super().__init__(diagnostic)
        self.log = log


def run_task(task: str, arguments: Mapping[str, Any], progress: Progress | None = None) -> Any:
    """Run `task` ("package.module:function") with JSON arguments in a child process and return its JSON result.

    Raises:
        ChildError: with the task's own diagnostic, or `stage-aborted` if the process died without an answer.

    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "npuspec.child"],  # -P: files of the current folder are no libraries
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        try:
            answer = _converse(process, {"task": task, "arguments": dict(arguments)}, progress)
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            _close(process)
        printed = _read(log)
    if isinstance(answer, dict) and "result" in answer:
        return answer["result"]
    if os.environ.get("NPUSPEC_TRACEBACK"):
        sys.stderr.write(printed)
    match answer:
        case {"diagnostic": {"code": code_, "message": message, "help": help_}}:
            raise ChildError(Diagnostic(code_, message, help_), printed)
        case _:
            raise ChildError(_death(task, code, printed), printed)


def _converse(process: subprocess.Popen[bytes], request: Any, progress: Progress | None) -> Any:
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
            if progress:
                progress(*message["progress"])
        else:
            answer = message
    return answer


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
