"""A session in a process that was forked, and one in a sub-interpreter: neither waits for an answer that can't come."""

import subprocess
import sys

import pytest

FORKED = """
import os, threading
import numpy as np
from npuspec.runtime import Engine, Session
from runtime.toys import along, compiled, data, doubled, program

toy = program(data(), batch=2, outputs=(along(),))
sample = {"x": np.ones(3, np.float32)}

def use(session):
    assert session.infer(sample)["y"].tolist() == [2, 2, 2]
    assert session.submit(sample).result(30)["y"].tolist() == [2, 2, 2]
    assert len(session.infer_many([sample] * 9)) == 9

session = Session(Engine(toy, compiled(toy, doubled), device="CPU"))
use(session)
threads = [threading.Thread(target=lambda: [use(session) for _ in range(20)]) for _ in range(4)]
for thread in threads:
    thread.start()
children = []
for _ in range(8):  # while locks are held
    if not (child := os.fork()):
        codes = []
        many, stream = lambda s: session.infer_many([s]), lambda s: next(session.stream([s]))
        tell = lambda _: session.tell("NETWORK_NAME")
        for call in (session.infer, session.submit, many, stream, tell, session.set_property):
            try:
                call(sample)
            except ValueError as error:
                codes.append(error.code)
        session.close()
        os._exit(codes != ["session-forked"] * 6)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
for thread in threads:
    thread.join()
use(session)
session.close()
"""

SUB = """
import importlib, sys
interpreters = importlib.import_module("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")
ended = interpreters.run_string(
    interpreters.create(), f"import sys; sys.path[:0] = {sys.path}; import npuspec; npuspec.load"
)
raise RuntimeError(ended)  # the newer module returns what went wrong
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    paths = f"import sys\nsys.path[:0] = {sys.path}\n"
    return subprocess.run(
        [sys.executable, "-c", paths + program], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_process_is_refused_and_the_parent_goes_on() -> None:
    ended = run(FORKED)
    assert ended.returncode == 0, ended.stderr


def test_a_sub_interpreter_is_told_at_once() -> None:
    ended = run(SUB)
    assert "npuspec runs in no sub-interpreter" in ended.stderr
