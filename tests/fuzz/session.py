"""Call a session from many threads in every way at once, on a device that fails: no answer is lost or wrong.

    python tests/fuzz/session.py --requests 1000000 --threads 64
    python tests/fuzz/session.py --requests 20000 --bundle build/text

Requests are inferred, submitted with and without a time limit, cancelled, streamed, and awaited. Each answer is held
against the one that a single thread got before, to the bit, or for a bundle's model, whose results depend on its batch,
within a tolerance. The device is an OpenVINO CPU that fails at the first sight of some batches, and is lost for good
now and then, so that it has to be opened again.
"""

import argparse
import asyncio
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from runtime.faulty import Device
from runtime.toys import along, data, doubled, mask, program

from npuspec import QueueFull, RequestTimeout
from npuspec.bundle import open_bundle
from npuspec.bundle.program import DataInput, Load, Program
from npuspec.runtime import Engine, Session

Sample = dict[str, Any]
TOLERANCE = 1e-4
KINDS = 200


def toy() -> tuple[Program, dict[str, ov.CompiledModel]]:
    """Return a small model in three sizes and batches of four, whose rows are independent to the bit."""
    made = program(data(), mask(), batch=4, sizes=tuple({"time": n} for n in (16, 64, 256)), outputs=(along(),))
    core = ov.Core()
    return made, {v.name: core.compile_model(doubled(made, v), "CPU") for v in made.variants}


def published(path: Path) -> tuple[Program, dict[str, ov.CompiledModel]]:
    """Return a bundle's model."""
    manifest, core = open_bundle(path).manifest, ov.Core()
    places = {name: open_bundle(path).path(place) for name, place in manifest.models.items()}
    for place in places.values():
        open_bundle(path).path(str(place.relative_to(open_bundle(path).root).with_suffix(".bin")))
    return manifest.program, {name: core.compile_model(place, "CPU") for name, place in places.items()}


def make_samples(of: Program, rng: np.random.Generator) -> list[Sample]:
    """Return samples of all lengths; ids stay small, so that any vocabulary has them."""
    samples = []
    for _ in range(KINDS):
        sizes = {name: int(rng.integers(dim.minimum, dim.maximum + 1)) for name, dim in of.dims.items()}
        sample = {}
        for port in of.inputs:
            if isinstance(port, DataInput):
                shape = [axis if isinstance(axis, int) else sizes[axis] for axis in port.axes]
                values = rng.integers(1, 1000, shape) if "int" in port.dtype else rng.standard_normal(shape)
                sample[port.name] = values.astype(port.dtype)
        samples.append(sample)
    return samples


class Faults:
    """Fails a batch at first sight, one in a hundred; and everything from time to time, until it is opened again."""

    def __init__(self, often: int) -> None:
        self._often = often
        self._lock = threading.Lock()
        self._met: set[int] = set()
        self._calls = 0
        self._lost_by: Device | None = None

    def device(self) -> Device:
        made = Device()
        made.fails = lambda inputs: self._fails(made, inputs)
        return made

    def _fails(self, device: Device, inputs: dict[str, Any]) -> bool:
        with self._lock:
            self._calls += 1
            if self._calls % self._often == 0:
                self._lost_by = device
            if self._lost_by is device:
                return True
            batch = hash(b"".join(array.tobytes() for array in inputs.values()))
            if batch in self._met or batch % 100:
                return False
            self._met.add(batch)
            return True


class Caller:
    """Sends requests in every way, and holds each answer against the right one.

    Args:
        of: what runs.
        samples: what is sent.
        right: the answer to each.
        exact: whether answers are equal to the bit.

    """

    def __init__(self, of: Program, samples: list[Sample], right: list[Sample], *, exact: bool) -> None:
        self._of = of
        self._samples = samples
        self._right = right
        self._exact = exact
        self._ways = [self._infer, self._submit, self._submit, self._cancel, self._in_time, self._refusable]
        self._ways += [self._many, self._stream, self._await]

    def send(self, session: Session, kind: int, rng: random.Random) -> str:
        """Send one request, or a few, in one of the ways; return how they ended."""
        return rng.choice(self._ways)(session, kind, rng)

    def _check(self, kind: int, result: Sample) -> None:
        for name, array in self._right[kind].items():
            if self._exact:
                np.testing.assert_array_equal(result[name], array)
            else:
                np.testing.assert_allclose(result[name], array, rtol=TOLERANCE, atol=TOLERANCE)

    def _infer(self, session: Session, kind: int, _: random.Random) -> str:
        self._check(kind, session.infer(self._samples[kind]))
        return "inferred"

    def _submit(self, session: Session, kind: int, _: random.Random) -> str:
        self._check(kind, session.submit(self._samples[kind]).result(60))
        return "submitted"

    def _cancel(self, session: Session, kind: int, _: random.Random) -> str:
        future = session.submit(self._samples[kind])
        if future.cancel():
            return "cancelled"
        self._check(kind, future.result(60))
        return "too late to cancel"

    def _in_time(self, session: Session, kind: int, rng: random.Random) -> str:
        try:
            self._check(kind, session.submit(self._samples[kind], timeout=rng.random() * 0.05).result(60))
        except RequestTimeout:
            return "out of time"
        return "in time"

    def _refusable(self, session: Session, kind: int, _: random.Random) -> str:
        try:
            self._check(kind, session.submit(self._samples[kind], block=False).result(60))
        except QueueFull:
            return "refused"
        return "let in"

    def _others(self, kind: int, rng: random.Random) -> list[int]:
        return [(kind + step) % KINDS for step in range(rng.randrange(1, 8))]

    def _all(self, kinds: list[int], results: Iterable[Any]) -> None:
        for kind, result in zip(kinds, results, strict=True):
            self._check(kind, result)

    def _many(self, session: Session, kind: int, rng: random.Random) -> str:
        others = self._others(kind, rng)
        self._all(others, session.infer_many([self._samples[other] for other in others]))
        return "many"

    def _stream(self, session: Session, kind: int, rng: random.Random) -> str:
        others = self._others(kind, rng)
        self._all(others, session.stream(self._samples[other] for other in others))
        return "streamed"

    def _await(self, session: Session, kind: int, rng: random.Random) -> str:
        others = self._others(kind, rng)

        async def awaited() -> list[Any]:
            return await asyncio.gather(*(session.ainfer(self._samples[other]) for other in others))

        self._all(others, asyncio.run(awaited()))
        return "awaited"


class Numbers:
    """Hands out the numbers of requests to many threads, and looks at the memory now and then."""

    def __init__(self, requests: int) -> None:
        self._numbers = iter(range(requests))
        self._every = max(1, requests // 10)
        self._lock = threading.Lock()
        self.memory: list[float] = []

    def take(self) -> int | None:
        with self._lock:
            number = next(self._numbers, None)
            if number is not None and number % self._every == 0:
                self.memory.append(resident())
            return number


def run(of: Program, models: dict[str, ov.CompiledModel], requests: int, threads: int, seed: int) -> Counter[str]:
    """Send requests from many threads; return how they ended. Raises AssertionError for the first wrong answer."""
    faults = Faults(often=max(500, requests // 50))

    def on_new_device() -> dict[str, Any]:
        device = faults.device()
        return {name: device.model(model) for name, model in models.items()}

    samples = make_samples(of, np.random.default_rng(seed))
    with Session(Engine(of, models, device="CPU")) as alone:
        right = [alone.infer(sample) for sample in samples]
    caller = Caller(of, samples, right, exact=all(output.name == "y" for output in of.outputs))
    before = threading.active_count()
    session = Session(
        Engine(of, on_new_device(), device="CPU"),
        load=Load(queue=256, batch_wait_ms=1),
        openers={"CPU": lambda: Engine(of, on_new_device(), device="CPU")},
    )
    numbers = Numbers(requests)

    def work(own: int) -> Counter[str]:
        rng, ends = random.Random(seed * 1000 + own), Counter[str]()
        while (number := numbers.take()) is not None:
            ends[caller.send(session, number % KINDS, rng)] += 1
        return ends

    with ThreadPoolExecutor(threads) as crew:
        ends = sum(crew.map(work, range(threads)), Counter[str]())
    session.close()
    stats = session.stats()
    assert threading.active_count() == before
    assert stats.waiting == 0
    assert not any(pool._slots for pool in session._serving.engine.pools.values())
    print(f"{stats}\nMiB resident, every tenth of the time: {[round(size, 1) for size in numbers.memory]}")
    ends["recoveries"] = stats.recoveries
    return ends


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> int:
    """Run, and print how requests ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bundle", type=Path, help="a bundle's model, instead of a small one")
    given = parser.parse_args()
    of, models = published(given.bundle) if given.bundle else toy()
    begin = time.monotonic()
    ends = run(of, models, given.requests, given.threads, given.seed)
    print(f"{given.requests} requests from {given.threads} threads in {time.monotonic() - begin:.0f} s: {dict(ends)}")
    return 0


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent / "unit"))
    sys.exit(main())
