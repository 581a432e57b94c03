"""Whether `npuspec bench` can be believed: against OpenVINO's benchmark_app, and a bundle against itself.

Agreement: in one process, benchmark_app's own measuring loops and ours run the same IR in turn, each with what it
compiled or imported itself, anew in each round, as A B B A several times over. What counts is the median of the rounds'
ratios, for latency and throughput, synchronous and asynchronous.

A/A: `npuspec bench BUNDLE --against BUNDLE` of its smallest variant, many times. If that is told to be faster or slower
than itself, it is a false alarm.

    python benches/bench.py build/text build/files
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

from openvino.tools.benchmark.benchmark import Benchmark
from openvino.tools.benchmark.utils.inputs_filling import get_input_data
from openvino.tools.benchmark.utils.logging import logger
from openvino.tools.benchmark.utils.utils import get_inputs_info, get_network_batch_size

from npuspec.bench.bare import Model
from npuspec.bench.compare import compare
from npuspec.bench.decide import decide
from npuspec.bench.place import Placed, compiled
from npuspec.bundle import open_bundle
from npuspec.bundle.program import Variant

MOST = 0.03
LEAST_SAME = 0.95
ROUNDS, GROUPS, REPEATS = 16, 6, 50
SECONDS = 0.05  # of a block
DEVICE: Literal["CPU"] = "CPU"

Figures = tuple[float, float]
"""Of latency in ms, and of samples a second."""
Block = Callable[[], Figures]
"""Measures for SECONDS."""


def theirs(ir: Path, properties: dict[str, Any], api: str) -> Block:
    """Return what measures a block as benchmark_app does: the calls of its main function, in its order."""
    app = Benchmark(DEVICE, 0, None, 1, api, True)
    app.set_config({DEVICE: properties})
    model = app.read_model(str(ir))
    info, _ = get_inputs_info("", "", "", 0, "", "", model.inputs)
    batch = get_network_batch_size(info)
    requests = app.create_infer_requests(app.core.compile_model(model, DEVICE, properties))
    queue = get_input_data([], info)
    for request in requests:
        for port, tensor in queue.get_next_input().items():
            request.get_input_tensor(port).data[:] = tensor.data
    app.duration_seconds = SECONDS
    app.first_infer(requests)

    def block() -> Figures:
        fps, latency, *_ = app.main_loop(requests, queue, batch, 50, pcseq=False)
        return latency, fps

    return block


def ours(path: Path, variant: Variant, api: str) -> Block:
    """Return what measures a block as `npuspec bench` does."""
    placed = Placed(path, DEVICE)
    model = Model(compiled(placed.engine(), variant.name), placed.program, placed.sample(variant.sizes))
    measure = model.single if api == "sync" else model.many

    def block() -> Figures:
        rate = measure(SECONDS)
        return rate.latency.median, rate.samples_per_second

    return block


def agree(path: Path, rounds: int) -> bool:
    """Compare with benchmark_app for each variant."""
    bundle = open_bundle(path)
    properties = next(dict(d.properties) for d in bundle.manifest.deployments if d.device == DEVICE)
    held = True
    for variant in bundle.manifest.program.variants:
        ir = bundle.path(bundle.manifest.models[variant.name])
        for api in ("sync", "async"):
            makers = (partial(ours, path, variant, api), partial(theirs, ir, properties, api))
            ratios = [in_turn(makers, number) for number in range(rounds)]
            for what, found in zip(("latency", "samples/s"), zip(*ratios, strict=True), strict=True):
                ratio, low, high, _ = decide(found)
                holds = abs(ratio - 1) <= MOST
                held &= holds
                name = f"{path.name} {variant.name} {api} {what}"
                said = "holds" if holds else "MISSED"
                print(f"  {name:40} {ratio:.3f} ({low:.3f} to {high:.3f}): {said}", flush=True)
    return held


def in_turn(makers: tuple[Callable[[], Block], Callable[[], Block]], number: int) -> Figures:
    """Return the ratios of one round: the medians of those of its groups of blocks."""
    made = {side: makers[side]() for side in ((0, 1) if number // 2 % 2 else (1, 0))}
    for block in made.values():
        block()
    ratios = []
    for group in range(GROUPS):
        blocks: tuple[list[Figures], list[Figures]] = ([], [])
        for side in (0, 1, 1, 0) if (number + group) % 2 else (1, 0, 0, 1):
            blocks[side].append(made[side]())
        sums = [[sum(figures) for figures in zip(*side, strict=True)] for side in blocks]
        ratios.append([a / b for a, b in zip(*sums, strict=True)])
    latency, rate = (median(each) for each in zip(*ratios, strict=True))
    return latency, rate


def same(path: Path, repeats: int) -> bool:
    """Compare a bundle with itself, and count where a difference is found."""
    smallest = open_bundle(path).manifest.program.variants[0].name
    alarms, widths = 0, []
    for _ in range(repeats):
        [row] = compare(path, path, device=DEVICE, variants=[smallest], seconds=1).compared
        alarms += row.verdict != "no difference"
        widths.append((row.high - row.low) / 2)
    share = 1 - alarms / repeats
    holds = share >= LEAST_SAME
    print(
        f"  {path.name} against itself: no difference in {share:.0%} of {repeats}; half of the interval is "
        f"{median(widths):.1%}, the median: {'holds' if holds else 'MISSED'}",
        flush=True,
    )
    return holds


def main() -> int:
    """Compare; fail if either is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"against benchmark_app (default {ROUNDS})")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"against itself (default {REPEATS})")
    arguments = parser.parse_args()
    logger.setLevel("ERROR")
    print(f"ours by benchmark_app's, at most {MOST:.0%} apart, with an interval of 99 %")
    held = [agree(path, arguments.rounds) for path in arguments.bundles if arguments.rounds]
    print(f"a bundle against itself, no difference in at least {LEAST_SAME:.0%}")
    held += [same(path, arguments.repeats) for path in arguments.bundles if arguments.repeats]
    return not all(held)


if __name__ == "__main__":
    sys.exit(main())
