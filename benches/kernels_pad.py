"""Padding, against NumPy, numba where it is installed, and what no padding can beat: one memcpy and one memset.

All contenders pad the same samples, a Python list of arrays, into memory that is there already, except for those whose
way it is to make it. They take turns in one process, in another order each round, and medians are compared. `read` is
the same with a reader of the whole output behind each, whose own time is taken off.

    python benches/kernels_pad.py
"""

import argparse
import ctypes
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec import _native, kernels

try:
    import numba
except ImportError:
    numba = None

Array = NDArray[Any]
Way = Callable[[], object]

MIN_SECONDS = 2e-4  # of one contender's turn


@dataclass(frozen=True)
class Case:
    """What is padded; `frames` is the size of a second axis."""

    batch: int
    size: int
    frames: int = 0
    dtype: str = "i8"
    out: str = "i8"
    mask: str | None = "i8"

    def __str__(self) -> str:
        shape = " x ".join(str(n) for n in (self.batch, self.size, self.frames) if n)
        to = f" to {self.out}" if self.out != self.dtype else ""
        return f"{shape} {self.dtype}{to}{f', mask {self.mask}' if self.mask else ''}"


def frames(batch: int, size: int, out: str = "f4") -> Case:
    """Return a case of 80 numbers a step, without a mask."""
    return Case(batch, size, 80, "f4", out, None)


CASES = [
    Case(8, 128),
    Case(32, 128),
    Case(32, 512),
    Case(256, 128),
    Case(256, 512),
    Case(256, 3000),
    Case(32, 512, dtype="u1", out="u1"),
    Case(32, 512, dtype="i4", out="i4", mask="?"),
    Case(32, 512, mask="f4"),
    frames(1, 200),
    frames(8, 200),
    frames(8, 3000),
    frames(32, 3000),
    frames(8, 200, "f2"),
    frames(8, 3000, "f2"),
]


def ways_of(case: Case, threads: int) -> tuple[dict[str, Way], Array]:
    """Return the contenders, each with its output in the same memory, and that memory."""
    draw = np.random.default_rng(1)
    lengths = draw.integers(case.size // 4, case.size + 1, case.batch)
    lengths[0] = case.size if case.batch > 1 else case.size * 7 // 10
    rest = (case.frames,) if case.frames else ()
    samples = [draw.integers(1, 100, (n, *rest)).astype(case.dtype) for n in lengths]
    shape = (case.batch, case.size, *rest)
    mask_type = np.dtype(case.mask or "?")
    size = int(np.prod(shape)) * np.dtype(case.out).itemsize
    mask_size = case.batch * case.size * mask_type.itemsize if case.mask else 0
    memory = np.zeros(size + mask_size + 64, "u1")
    memory = memory[-memory.ctypes.data % 64 :][: size + mask_size]
    out = memory[:size].view(case.out).reshape(shape)
    mask = memory[size:].view(mask_type).reshape(case.batch, case.size) if case.mask else None
    ways: dict[str, Way] = {
        "limit": limit_way(case, sum(sample.nbytes for sample in samples), memory.nbytes),
        **numpy_ways(samples, out, mask),
        "native": lambda: _native.pad(samples, out, mask=mask, threads=threads),
        "kernels": lambda: kernels.pad(samples, out=out, mask=mask, threads=threads),
    }
    if numba is not None and not case.frames and case.dtype == case.out:
        ways["numba"] = numba_way(samples, out, mask)
    return ways, memory


def numpy_ways(samples: list[Array], out: Array, mask: Array | None) -> dict[str, Way]:
    """Return what people write in NumPy."""
    places = np.arange(out.shape[1])

    def full() -> object:
        fresh = np.zeros_like(out)
        for row, sample in zip(fresh, samples, strict=True):
            row[: len(sample)] = sample
        if mask is not None:
            return fresh, (places < np.array([len(sample) for sample in samples])[:, None]).astype(mask.dtype)
        return fresh

    def in_place() -> object:
        out.fill(0)
        for row, sample in zip(out, samples, strict=True):
            row[: len(sample)] = sample
        if mask is not None:
            np.less(places, np.array([len(sample) for sample in samples])[:, None], out=mask, casting="unsafe")
        return out

    def heads_and_tails() -> object:
        for number, sample in enumerate(samples):
            n = len(sample)
            out[number, :n] = sample
            out[number, n:] = 0
            if mask is not None:
                mask[number, :n] = 1
                mask[number, n:] = 0
        return out

    return {"numpy, full": full, "numpy, in place": in_place, "numpy, heads and tails": heads_and_tails}


def limit_way(case: Case, read: int, written: int) -> Way:
    """Return one memcpy and one memset that read and write as many bytes."""
    copied = read if case.dtype == case.out else read * 3 // 4
    filled = read + written - 2 * copied
    source, target = np.ones(max(copied, 1), "u1"), np.zeros(copied + filled, "u1")
    libc = ctypes.CDLL(None)
    libc.memcpy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    start, behind, from_ = target.ctypes.data, target.ctypes.data + copied, source.ctypes.data

    def way() -> object:
        libc.memcpy(start, from_, copied)
        libc.memset(behind, 0, filled)
        return source, target  # which are to stay as long as this does

    return way


def numba_way(samples: list[Array], out: Array, mask: Array | None) -> Way:
    """Return what a compiled loop does, once the samples lie one after another."""

    @numba.njit  # type: ignore[untyped-decorator]
    def loop(flat: Array, ends: Array, out: Array, mask: Array, masked: bool) -> None:
        start = 0
        for row in range(out.shape[0]):
            n = ends[row] - start
            for place in range(out.shape[1]):
                out[row, place] = flat[start + place] if place < n else 0
                if masked:
                    mask[row, place] = 1 if place < n else 0
            start = ends[row]

    given = np.empty((1, 1), "?") if mask is None else mask

    def way() -> object:
        ends = np.cumsum([len(sample) for sample in samples])
        return loop(np.concatenate(samples), ends, out, given, mask is not None)

    return way


def overhead() -> float:
    """Return the seconds that a call of nothing through ctypes takes."""
    nothing = ctypes.CDLL(None).memset
    nothing.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    return measure({"nothing": lambda: nothing(0, 0, 0)}, 21)["nothing"]


def measure(ways: Mapping[str, Way], rounds: int) -> dict[str, float]:
    """Return each contender's median time in seconds."""
    times = {}
    for name, way in ways.items():
        way()
        start = time.perf_counter()
        way()
        times[name] = max(1, int(MIN_SECONDS / (time.perf_counter() - start)))
    taken: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            way = ways[name]
            start = time.perf_counter()
            for _ in range(times[name]):
                way()
            taken[name].append((time.perf_counter() - start) / times[name])
    return {name: median(found) for name, found in taken.items()}


def with_reader(way: Way, memory: Array) -> Way:
    """Return a contender whose output is read at once."""
    words = memory[: memory.nbytes // 8 * 8].view("u8")

    def both() -> object:
        way()
        return np.bitwise_or.reduce(words)

    return both


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of a case's name")
    arguments = parser.parse_args()
    call = overhead()
    print(f"{'':36}{'us':>9} {'of limit':>9} {'x numpy':>8} {'read':>6} {'x numba':>8} {'kernels':>8}")
    for case in CASES:
        if arguments.only not in str(case):
            continue
        ways, memory = ways_of(case, arguments.threads)
        taken = measure(ways, arguments.rounds)
        best = min(seconds for name, seconds in taken.items() if name.startswith("numpy"))
        # The limit is one of memory: what two calls through ctypes cost isn't part of it.
        limit = max(taken["limit"] - 2 * call, 1e-9)
        reading = {name: with_reader(way, memory) for name, way in ways.items() if name != "limit"}
        read = measure({"nothing": with_reader(lambda: None, memory), **reading}, arguments.rounds // 2)
        best_read = min(seconds for name, seconds in read.items() if name.startswith("numpy")) - read["nothing"]
        compiled = f"{taken['numba'] / taken['native']:8.1f}" if "numba" in taken else " " * 8
        print(
            f"{case!s:36}{taken['native'] * 1e6:9.2f} {limit / taken['native']:9.2f} {best / taken['native']:8.1f} "
            f"{best_read / max(read['native'] - read['nothing'], 1e-9):6.1f} {compiled} {best / taken['kernels']:8.1f}"
        )


if __name__ == "__main__":
    main()
