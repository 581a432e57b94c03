"""A slot that is taken comes back, wherever the one who took it is interrupted."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from itertools import count
from typing import Any

import numpy as np
import pytest

from npuspec.bundle.program import Load
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, engine, gather, pool, serving, session, workers
from npuspec.runtime.pool import PAGE
from npuspec.runtime.session import Session
from runtime.pressed import is_interrupted
from runtime.toys import CORE, along, compiled, data, doubled, echo, program

TRACED = {module.__file__ for module in (engine, gather, pool, serving, session, workers)}
TOY = program(data(finite=True), batch=2, sizes=({"time": 4}, {"time": 8}), outputs=(along(),))
SAMPLES = [{"x": np.arange(n, dtype=np.float32)} for n in (3, 8, 1, 5, 7)]


def refused(running: Session) -> None:
    with pytest.raises(InputError):
        running.infer({"x": np.array([np.nan], np.float32)})


CALLS: dict[str, Callable[[Session], object]] = {
    "infer_many": lambda running: running.infer_many(SAMPLES),
    "not finite": refused,
    "submit": lambda running: [running.submit(sample).result(60) for sample in SAMPLES[:2]],
    "close": lambda running: running.close(),
    "cancel": lambda running: running.close(cancel=True),
}


def end(running: Session, waiting: list[Future[Any]], *, closed: bool) -> None:
    if not closed:
        running.infer_many(SAMPLES)
    running.close()
    wait(waiting, 60)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an earlier one may be collected there
@pytest.mark.parametrize("call", CALLS)
def test_an_interrupt_at_any_line_leaves_a_session_that_runs_and_closes(call: str) -> None:
    models = {v.name: CORE.compile_model(doubled(TOY, v), "CPU") for v in TOY.variants}
    closes = call in ("close", "cancel")
    for at in count():
        running = Session(
            Engine(TOY, models, device="CPU", requests=1), load=Load(batch_wait_ms=60_000 if closes else 0)
        )
        waiting = [running.submit(sample) for sample in SAMPLES[:2]] if closes else []
        goes_on = is_interrupted(lambda: CALLS[call](running), at, TRACED)  # noqa: B023
        ended = threading.Thread(target=end, args=[running, waiting], kwargs={"closed": closes}, daemon=True)
        ended.start()
        ended.join(60)
        assert not ended.is_alive(), f"line {at} keeps a slot"
        assert all(future.done() for future in waiting), f"line {at} keeps a request"
        assert running.stats().waiting == 0, f"line {at} keeps a place"
        if not goes_on:
            assert at > len(SAMPLES)
            return


def test_tensors_of_whole_pages_begin_and_end_with_pages() -> None:
    toy = program(data(), data("other"), sizes=({"time": 1000}, {"time": 2048}))
    with Session(Engine(toy, compiled(toy, echo), device="CPU")) as running:
        for each in running._serving.engine.pools.values():
            arrays = [*each.first.buffers.values(), *each.first.results.values()]
            whole = [array for array in arrays if array.nbytes % PAGE == 0]
            assert len(whole) == (len(arrays) if arrays[0].shape == (1, 2048) else 0)
            assert all(array.ctypes.data % PAGE == 0 for array in whole)
        sample = np.arange(1500, dtype=np.float32)
        found = running.infer({"x": sample, "other": -sample})
        for name, wanted in (("x fed", sample), ("other fed", -sample)):
            np.testing.assert_array_equal(found[name].ravel()[:1500], wanted)
            assert not found[name].ravel()[1500:].any()
