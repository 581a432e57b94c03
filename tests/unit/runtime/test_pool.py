"""A slot that is taken comes back, wherever the one who took it is interrupted."""

import sys
import threading
from itertools import count
from types import FrameType
from typing import Any

import numpy as np

from npuspec.runtime import Engine, engine, gather, serving, session
from npuspec.runtime.pool import PAGE
from npuspec.runtime.session import Session
from runtime.toys import CORE, along, compiled, data, doubled, echo, program

TRACED = {module.__file__ for module in (engine, gather, serving, session)}
TOY = program(data(), batch=2, sizes=({"time": 4}, {"time": 8}), outputs=(along(),))
SAMPLES = [{"x": np.arange(n, dtype=np.float32)} for n in (3, 8, 1, 5, 7)]


def is_interrupted(running: Session, at: int) -> bool:
    """Run all samples, as if Ctrl-C were pressed before the given line; False where there are fewer lines."""
    lines = count()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line" and next(lines) == at:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        running.infer_many(SAMPLES)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def end(running: Session) -> None:
    running.infer_many(SAMPLES)
    running.close()


def test_an_interrupt_at_any_line_leaves_a_session_that_runs_and_closes() -> None:
    models = {v.name: CORE.compile_model(doubled(TOY, v), "CPU") for v in TOY.variants}
    for at in count():
        running = Session(Engine(TOY, models, device="CPU"))
        goes_on = is_interrupted(running, at)
        ended = threading.Thread(target=end, args=[running], daemon=True)
        ended.start()
        ended.join(60)
        assert not ended.is_alive(), f"line {at} keeps a slot"
        if not goes_on:
            assert at > len(SAMPLES)
            return


def test_tensors_of_whole_pages_begin_and_end_with_pages() -> None:
    toy = program(data(), data("other"), sizes=({"time": 1000}, {"time": 2048}))
    with Session(Engine(toy, compiled(toy, echo), device="CPU")) as running:
        for pool in running._serving.engine.pools.values():
            arrays = [*pool.first.buffers.values(), *pool.first.results.values()]
            whole = [array for array in arrays if array.nbytes % PAGE == 0]
            assert len(whole) == (len(arrays) if arrays[0].shape == (1, 2048) else 0)
            assert all(array.ctypes.data % PAGE == 0 for array in whole)
        sample = np.arange(1500, dtype=np.float32)
        found = running.infer({"x": sample, "other": -sample})
        for name, wanted in (("x fed", sample), ("other fed", -sample)):
            np.testing.assert_array_equal(found[name].ravel()[:1500], wanted)
            assert not found[name].ravel()[1500:].any()
