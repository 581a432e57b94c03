"""The child's side: read one task from stdin, run it, write messages as JSON lines to what was stdout."""

import importlib
import json
import os
import sys
import threading
import traceback
from typing import Any

from npuspec.child.endings import end_all
from npuspec.diagnostics import Diagnostic, NpuspecError
from npuspec.diagnostics.disk import FULL, disk_fault


def _die_with_parent(stdin: int) -> None:
    """Stdin ends when the parent is gone or has enough, however that came: nothing is left running."""
    while os.read(stdin, 4096):
        pass
    end_all()
    os._exit(1)


def main() -> None:
    """Run one task; the answer is `{"result": …}` or `{"diagnostics": […]}`."""
    # Libraries print what they like to stdout: that goes to the log, and messages keep a descriptor of their own.
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(message: dict[str, Any]) -> None:
        messages.write(json.dumps(message) + "\n")
        messages.flush()

    request = json.loads(sys.stdin.buffer.readline())
    # On Windows, a library that looks at descriptor 0 while it is loaded would wait for a read of it to end.
    lifeline = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    # openvino and nncf report each import over the network where this package is there; a task has nothing to report.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    module, _, function = request["task"].partition(":")
    try:
        run = getattr(importlib.import_module(module), function)
        send({"result": run(request["arguments"], lambda done, total: send({"progress": [done, total]}))})
    except KeyboardInterrupt:
        os._exit(1)
    except BaseException as error:  # noqa: BLE001  the boundary: whatever a library raises becomes one message
        faults = _faults(error, module)
        send({"diagnostics": [(fault.code, fault.message, fault.help) for fault in faults]})
    # Without the exit handlers of native libraries and the threads they left: nothing may spoil the answer.
    os._exit(0)


def _faults(error: BaseException, module: str) -> tuple[Diagnostic, ...]:
    if isinstance(error, NpuspecError):
        return error.diagnostics
    if isinstance(error, OSError) and error.errno in FULL:
        return (disk_fault(error),)
    traceback.print_exc()
    said = "".join(traceback.format_exception_only(error)).strip()
    message = f"the process that ran `{module}` failed: {said}"
    help_ = "report it, with what NPUSPEC_TRACEBACK=1 shows; what had been finished is kept"
    return (Diagnostic("stage-aborted", message, help_),)


if __name__ == "__main__":  # and not in a process that what runs here starts in turn
    main()
