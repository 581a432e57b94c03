"""Ctrl-C is pressed all the time, while a session is called in each way: some seconds of it."""

import pytest
from interrupts import WAYS, run


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may come while one is collected
@pytest.mark.parametrize("way", WAYS)
def test_a_session_goes_on_wherever_it_is_interrupted(way: str) -> None:
    calls, interrupted = run(way, seconds=1, requests=1, seed=3)
    assert 0 < interrupted <= calls
