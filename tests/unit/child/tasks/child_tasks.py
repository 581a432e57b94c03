"""What the children of the tests do; found by them through PYTHONPATH."""

import ctypes
import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401  as stages do

from npuspec.child import Progress
from npuspec.child.own import load_function
from npuspec.diagnostics import Diagnostic, InputError

Arguments = Mapping[str, Any]


def echo(arguments: Arguments, _progress: Progress) -> Any:
    return dict(arguments)


def count(arguments: Arguments, progress: Progress) -> int:
    total: int = arguments["total"]
    for done in range(total):
        progress(done + 1, total)
    return total


def count_and_hang(arguments: Arguments, progress: Progress) -> None:
    count(arguments, progress)
    re.match(r"(a+)+$", "a" * 64 + "b")  # holds the interpreter, as a wicked pattern does


def refuse(_arguments: Arguments, _progress: Progress) -> None:
    raise InputError(Diagnostic("wrong-rank", "it is too flat", "fold it"))


def refuse_twice(_arguments: Arguments, _progress: Progress) -> None:
    second = Diagnostic("wrong-shape", "and bent", "straighten it")
    raise InputError([Diagnostic("wrong-rank", "it is too flat"), second])


def fail(_arguments: Arguments, _progress: Progress) -> None:
    raise LookupError("the needle isn't in the haystack")


def leave(arguments: Arguments, _progress: Progress) -> None:
    sys.exit(arguments["code"])


def leave_at_once(arguments: Arguments, _progress: Progress) -> None:
    os._exit(arguments["code"])


def abort(_arguments: Arguments, _progress: Progress) -> None:
    os.abort()


def crash(_arguments: Arguments, _progress: Progress) -> None:
    ctypes.string_at(0)


def take_a_signal(arguments: Arguments, _progress: Progress) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), arguments["signal"])
    time.sleep(60)


def print_much(arguments: Arguments, _progress: Progress) -> str:
    """Print to stdout and stderr as Python and native code do."""
    print('{"result": "wrong"}')
    print("no JSON at all", flush=True)
    os.write(1, b'{"diagnostics": [["", "", ""]]}\n')
    subprocess.run(["/bin/sh", "-c", "echo noise; echo noise >&2"], check=True)
    os.write(2, b"\xff\xfe" + b"line\n" * arguments["lines"])
    return "right"


def print_much_and_die(arguments: Arguments, progress: Progress) -> None:
    print_much(arguments, progress)
    os.write(2, b"last words\n")
    os.abort()


def give_what_json_has_no_word_for(_arguments: Arguments, _progress: Progress) -> Any:
    return {1, 2}


def give_much(arguments: Arguments, _progress: Progress) -> str:
    return "x" * int(arguments["size"])


def die_in_the_middle_of_a_message(_arguments: Arguments, _progress: Progress) -> None:
    """Write the first half of a message where the parent reads, as a crash in another thread may leave it."""
    for handle in range(3, 20):
        try:
            if stat.S_ISFIFO(os.fstat(handle).st_mode):
                os.write(handle, b'{"resu')
        except OSError:
            continue
    os.abort()


def fill_the_disk(_arguments: Arguments, _progress: Progress) -> None:
    Path("/dev/full").write_bytes(b"x" * 100)


def miss_a_file(_arguments: Arguments, _progress: Progress) -> None:
    Path("/no/such/file").read_bytes()


def exceed_the_largest_file(arguments: Arguments, _progress: Progress) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    Path(arguments["file"]).write_bytes(b"x" * 1001)


def wait(arguments: Arguments, progress: Progress) -> None:
    Path(arguments["pid"]).write_text(str(os.getpid()))
    progress(1, 2)
    time.sleep(120)


def wait_in_native_code(arguments: Arguments, progress: Progress) -> None:
    Path(arguments["pid"]).write_text(str(os.getpid()))
    progress(1, 2)
    ctypes.CDLL(None).sleep(120)


def leave_a_thread(arguments: Arguments, _progress: Progress) -> str:
    """Leave a thread behind that would keep Python from ending."""
    threading.Thread(target=time.sleep, args=(120,)).start()
    if arguments["fail"]:
        raise RuntimeError("no more")
    return "done"


def where(_arguments: Arguments, _progress: Progress) -> str:
    return str(json.__file__)


def own(arguments: Arguments, _progress: Progress) -> Any:
    """Load functions that lie beside a spec and run them, as stages do."""
    folder, files, given = Path(arguments["folder"]), arguments["files"], arguments["given"]
    functions = [load_function(folder, name, files) for name in arguments["name"].split(",")]
    results = [function(*given) for function in functions]
    return [*functions[-1].each(results[-1])] if arguments["how"] == "each" else results[-1]
