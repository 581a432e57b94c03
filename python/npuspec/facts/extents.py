"""Finding how an output's length follows from an input's, by asking for a few lengths.

Pure search: `ask` propagates a length through the model, and is slow, so it is asked some fifty times and not more. A
rule is found from the places where the length steps up, and then tried all over the range; one that fails is no rule.
"""

from collections.abc import Callable, Sequence
from math import gcd
from typing import Any

from msgspec import structs

from npuspec.bundle.program import Extent

Ask = Callable[[int], int | None]

_TRIED = 8  # places all over the range where a rule is tried, each on both sides of a step


def shortest(propagate: Callable[[int], Any], high: int) -> int:
    """Return the smallest size for which `propagate` answers shapes, given that it does for `high` and all above it."""
    return _first(lambda n: not isinstance(propagate(n), str), 0, high)


def find_extent(
    ask: Ask, *, dim: str, axis: int, low: int, sizes: Sequence[int], stated: Extent | None
) -> Extent | str | None:
    """Find (scale * n + offset) // divisor from `low` to the largest of `sizes`, with whole strides or repetitions.

    The rule is tried at each of the sizes, which samples will have once they are padded.

    Returns:
        None where the length doesn't depend on n, the extent, or a sentence that says why there is none.

    """
    here = f"axis {axis} from `{dim}`"
    high = max(sizes)
    first, last = ask(low), ask(high)
    if first is None or last is None:
        return f"{here}: sizes between {low} and {high} have no output shape"
    known = {low: first, high: last}
    found = stated or _guess(ask, Extent(dim=dim, axis=axis), known)
    for n in sorted({*_places(low, high, found.divisor), *(size for size in sizes if size >= low)}):
        if (length := ask(n)) is None:
            return f"{here}: {n} has no output shape, though sizes on both sides of it have"
        known[n] = length
    if stated is None and len(set(known.values())) == 1:
        return None
    wrong = {n: length for n, length in known.items() if found.of(n) != length}
    if not wrong:
        return found
    n, length = next(iter(wrong.items()))
    if stated is not None:
        return f"{here}: stated as {stated.of(n)} for {n}, but the model gives {length}"
    return f"{here}: lengths such as {dict(sorted(known.items())[:4])} follow no floor division"


def find_extent_on_grid(
    ask: Ask, *, dim: str, axis: int, low: int, sizes: Sequence[int], multiple: int, stated: Extent | None
) -> Extent | str | None:
    """Find what `find_extent` does for a model that takes multiples only, and is asked for nothing else."""
    found = find_extent(
        lambda count: ask(count * multiple),
        dim=dim,
        axis=axis,
        low=-(-low // multiple),
        sizes=[size // multiple for size in sizes],
        stated=None if stated is None else structs.replace(stated, scale=stated.scale * multiple),
    )
    if isinstance(found, str):
        return found if multiple == 1 else f"{found} (counted in multiples of {multiple})"
    if found is None or stated is not None:
        return stated
    offset, divisor = found.offset * multiple, found.divisor * multiple
    shared = gcd(found.scale, offset, divisor)
    return structs.replace(found, scale=found.scale // shared, offset=offset // shared, divisor=divisor // shared)


def _guess(ask: Ask, form: Extent, known: dict[int, int]) -> Extent:
    """Return the one rule that can explain the first and the last step up of the length."""
    (low, first), (high, last) = min(known.items()), max(known.items())
    run, rise = high - low, last - first
    if rise <= 0:
        return structs.replace(form, scale=0, offset=first)
    if rise >= run > 0:
        scale = rise // run
        return structs.replace(form, scale=scale, offset=first - scale * low)
    start = _first(lambda n: (ask(n) or 0) > first, low, high)
    end = _first(lambda n: (ask(n) or 0) >= last, start - 1, high)
    divisor = max(1, (end - start) // (rise - 1)) if rise > 1 else run + 1
    return structs.replace(form, divisor=divisor, offset=(first + 1) * divisor - start)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the smallest n in (low, high] for which `holds`, given that it does for `high` and is monotonic."""
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


def _places(low: int, high: int, stride: int) -> list[int]:
    """Return sizes all over the range; within a stride of each other they differ by ever other amounts."""
    step = max(1, (high - low) // _TRIED)
    pairs = [(n, n + 1 + stride * k // _TRIED) for k, n in enumerate(range(low, high, step))]
    return sorted({n for pair in pairs for n in pair if low <= n <= high})
