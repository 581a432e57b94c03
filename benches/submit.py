"""What gathering costs: `submit` from 64 threads against OpenVINO's benchmark_app, in samples a second.

benchmark_app runs a variant's IR over and over, as many requests at once as the device finds best, and reads no
result; a session gets samples that fill the variant, each on its own, from threads that wait for its result, checks and
pads them, makes their masks, gathers them into batches, and gives each its own output. Same IR, batch, device and
properties; in turn, medians of the ratios within a round.

Needs a bundle of a text model with batches, such as benches/sentences.py makes.

    python benches/submit.py build/sentences/buckets-8-at-once
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np

import npuspec
from npuspec.bundle import Bundle, open_bundle
from npuspec.bundle.program import DataInput, Variant

LEAST = 0.95
THREADS = 64
WARM = 1.0


def by_benchmark_app(bundle: Bundle, variant: Variant, hint: str, seconds: int) -> float:
    """Return the samples a second that benchmark_app reaches."""
    ir = bundle.path(bundle.manifest.models[variant.name])
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", ir, "-d", "CPU", "-hint", hint.lower(), "-t", seconds, "-json_stats"]
        command += ["-report_type", "no_counters", "-report_folder", folder]
        program = Path(sys.executable).parent / "benchmark_app"
        subprocess.run([program, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
        (report,) = Path(folder).glob("*.json")
        found = json.loads(report.read_text("utf-8"))["execution_results"]
    return float(found["throughput"])


def by_submit(session: npuspec.Session, variant: Variant, seconds: int) -> float:
    """Return the samples a second that threads get from a session."""
    (data,) = (port for port in session.program.inputs if isinstance(port, DataInput))
    size = variant.shapes[data.name][1]
    sample = {data.name: np.random.default_rng(0).integers(1, 1000, size).astype(data.dtype)}
    counts = [0] * THREADS
    begin = time.perf_counter() + WARM
    end = begin + seconds

    def work(number: int) -> None:
        while (now := time.perf_counter()) < end:
            session.submit(sample).result()
            counts[number] += begin <= now  # each thread has one request at a time: as many begin as end

    threads = [threading.Thread(target=work, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def main() -> int:
    """Compare for each variant; fail if a session reaches too little."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each, in each round (default 5)")
    given = parser.parse_args()
    bundle = open_bundle(given.bundle)
    properties = next(d.properties for d in bundle.manifest.deployments if d.device == "CPU")
    hint = str(properties.get("PERFORMANCE_HINT", "LATENCY"))
    held = True
    with npuspec.load(given.bundle, device="CPU") as session:
        for variant in session.program.variants:
            ratios = []
            for number in range(-1, given.rounds):
                ways = (
                    lambda v=variant: by_submit(session, v, given.seconds),
                    lambda v=variant: by_benchmark_app(bundle, v, hint, given.seconds),
                )
                found = [0.0, 0.0]
                for index in (0, 1) if number % 2 else (1, 0):
                    found[index] = ways[index]()
                if number >= 0:
                    ratios.append(found[0] / found[1])
            held &= median(ratios) >= LEAST
            print(
                f"{variant.name:12} {hint}, batch {session.program.batch}: {found[0]:7.0f} samples a second, "
                f"{found[1]:7.0f} by benchmark_app, ratio {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
            )
        print(session.stats())
    return not held


if __name__ == "__main__":
    sys.exit(main())
