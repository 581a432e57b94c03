"""What a child ends before it ends itself: processes that don't notice by themselves that it is gone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDINGS: list[Callable[[], None]] = []


@contextmanager
def ending(end: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, have `end` called where the parent is gone."""
    _ENDINGS.append(end)
    try:
        yield
    finally:
        _ENDINGS.remove(end)


def end_all() -> None:
    """End what was started."""
    for end in [*_ENDINGS]:
        end()
