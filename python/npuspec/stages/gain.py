"""Find the mix that an NPU's compiler expects to be the fastest, whatever the gates ask for.

What a block gains by INT8 follows from two schedules, of all blocks in FP16 and of all in INT8. Those that gain the
most become INT8 first, more and more of them, and each such mix is compiled: what a quantizer at the border between the
two costs shows nowhere else.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openvino as ov

from npuspec.child import Progress
from npuspec.compilers import Compiler, compiler_of, kernels
from npuspec.compilers.schedule import Event, read_schedule
from npuspec.diagnostics import StageError
from npuspec.stages import GAIN, HARM
from npuspec.stages.curve import TRACE, UNKNOWN, compile_mix
from npuspec.stages.request import Request

Block = tuple[str, ...]


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write gain.json: the operations that are faster in floating point, and the estimates from which that follows.

    Nothing is compiled where what is kept stands in the lock.

    Raises:
        StageError: `no-compiler` or `compile-timeout`; what a compiler refuses is no mix.

    """
    request = Request.of(arguments)
    found: dict[str, Any] = {"floating": [], "tried": []}
    if arguments.get("chosen") is None:
        blocks = [tuple(block["operations"]) for block in request.read_json(2, HARM)]
        found = _search(_Mixes(request, compiler_of(arguments["compiler"]), blocks), progress)
    request.write_json(GAIN, found)


@dataclass(frozen=True, slots=True)
class _Estimate:
    us: float
    uncosted: tuple[str, ...]
    spent: tuple[float, ...]
    """What each block takes of it."""


def _search(mixes: "_Mixes", progress: Progress) -> dict[str, Any]:
    every = range(len(mixes.blocks))
    plain, full = mixes.estimate(()), mixes.estimate(every)
    if plain is None or full is None:
        return {"floating": [], "tried": []}
    order = sorted(every, key=lambda block: (full.spent[block] - plain.spent[block], block))
    tried = {0: plain, len(every): full}
    counts = [*_counts(len(every))]
    for number, count in enumerate(counts, 1):
        if (estimate := mixes.estimate(order[:count])) is not None:
            tried[count] = estimate
        progress(number, len(counts))
    # What leaves out more than FP16 does can't be ranked against it.
    counted = [count for count in tried if not {*kernels(tried[count].uncosted)} - {*kernels(plain.uncosted)}]
    best = min(counted, key=lambda count: (tried[count].us, -count))
    return {
        "floating": sorted(name for block in order[best:] for name in mixes.blocks[block]),
        "tried": [
            {"quantized": count, "latency_us": tried[count].us, "uncosted_operations": [*tried[count].uncosted]}
            for count in sorted(tried)
        ],
    }


def _counts(most: int) -> Iterator[int]:
    """Yield how many blocks are to be in INT8: 1, 2, 4, … of `most`, and all but 1, 2, 4, …."""
    powers = [2**power for power in range(most.bit_length()) if 2**power < most]
    yield from sorted({*powers, *(most - power for power in powers)})


class _Mixes:
    """Compiles mixes of the largest variant."""

    def __init__(self, request: Request, compiler: Compiler, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self._request, self._compiler = request, compiler
        self._own = {name: place for place, names in enumerate(blocks) for name in names}

    def estimate(self, quantized: Collection[int]) -> _Estimate | None:
        """Return what the compiler expects of a mix; None if it refuses it, or says nothing of it."""
        kept = [name for place, names in enumerate(self.blocks) if place not in quantized for name in names]
        with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            trace = Path(scratch, TRACE)
            try:
                model, made = compile_mix(self._request, self._compiler, kept, Path(scratch))
            except StageError as error:
                if error.code in UNKNOWN:
                    raise
                return None
            if made.latency_us is None or not trace.exists():
                return None
            layers = spent(read_schedule(trace))
        places, taken = self._places(model), [0.0] * len(self.blocks)
        for layer, us in layers.items():
            if (place := places.get(layer)) is not None:
                taken[place] += us
        return _Estimate(made.latency_us, made.uncosted, tuple(taken))

    def _places(self, model: ov.Model) -> dict[str, int | None]:
        """Return the block of each operation: its own, or else that of what it reads."""
        places: dict[str, int | None] = {}
        for node in model.get_ordered_ops():
            name = node.get_friendly_name()
            read = (places[value.get_node().get_friendly_name()] for value in node.input_values())
            places[name] = self._own.get(name.removesuffix("/floating"), next((p for p in read if p is not None), None))
        return places


def spent(events: Iterable[Event]) -> dict[str, float]:
    """Return the time of each layer of a schedule: of what is done at once, each has an equal part."""
    tasks = [event for event in events if event.is_task]
    ends = [(when, change, task.layer) for task in tasks for when, change in ((task.ts, 1), (task.end, -1))]
    working, found, before = Counter[str](), defaultdict[str, float](float), 0.0
    for when, change, layer in sorted(ends):
        for name in working:
            found[name] += (when - before) / len(working)
        before = when
        working[layer] += change
        if not working[layer]:
            del working[layer]
    return dict(found)
