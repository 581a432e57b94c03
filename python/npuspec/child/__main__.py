"""The child's side: read one task from stdin, run it, write messages as JSON lines to what was stdout."""

import errno
import importlib
import json
import os
import sys
import threading
import traceback
from typing import Any

from npuspec.diagnostics import NpuspecError


def _die_with_parent() -> None:
    """Stdin ends when the parent is gone, however it went: nothing is left running."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Run one task; the answer is `{"result": …}` or `{"diagnostic": …}`."""
    # Libraries print what they like to stdout: that goes to the log, and messages keep a descriptor of their own.
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(message: dict[str, Any]) -> None:
        messages.write(json.dumps(message) + "\n")
        messages.flush()

    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    module, _, function = request["task"].partition(":")
    try:
        run = getattr(importlib.import_module(module), function)
        answer = {"result": run(request["arguments"], lambda done, total: send({"progress": [done, total]}))}
    except NpuspecError as error:
        fault = error.diagnostics[0]
        answer = {"diagnostic": {"code": fault.code, "message": fault.message, "help": fault.help}}
    except KeyboardInterrupt:
        os._exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        answer = {
            "diagnostic": {
                "code": "disk-full",
                "message": f"no space left on the disk{f' for {error.filename}' if error.filename else ''}",
                "help": "free some space, or name a cache on another disk with NPUSPEC_CACHE",
            }
        }
    except Exception:  # noqa: BLE001  the boundary: whatever a library raises becomes one message, its trace the log
        traceback.print_exc()
        raise SystemExit(1) from None
    send(answer)
    messages.close()
    os._exit(0)  # without the exit handlers of native libraries: the answer is out, and nothing may spoil it


main()
