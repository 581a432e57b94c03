"""Arrays amid bytes that must stay as they are."""

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

GUARD = 96
UNTOUCHED = 0xA5


class Guarded:
    """An array at any address, of which nothing before and behind it may be written to."""

    def __init__(self, shape: tuple[int, ...], dtype: str, shift: int = 0) -> None:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self._memory = np.full(size + 2 * GUARD, UNTOUCHED, "u1")
        self._begin, self._end = GUARD + shift, GUARD + shift + size
        self.array = self._memory[self._begin : self._end].view(dtype).reshape(shape)

    def assert_intact(self) -> None:
        assert (self._memory[: self._begin] == UNTOUCHED).all()
        assert (self._memory[self._end :] == UNTOUCHED).all()


def in_threads(work: Callable[[int], None], count: int = 32) -> None:
    """Call `work` with each number, all at once; what one of them raises is raised."""
    errors = list[BaseException]()
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001  raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
