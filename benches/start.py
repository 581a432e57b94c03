"""What a first start costs, imports and all: `npuspec.load` against bare OpenVINO and one SHA-256 pass over the blobs.

Each start is a process of its own, in turn, the order changing from round to round. Ours imports npuspec and loads the
bundle. The bare one imports openvino, without its telemetry as npuspec does, makes a core, reads each of the same blobs
as bytes, hashes it and imports it, with the same properties. What counts is the median of the ratios within a round;
what Python itself takes to start is in both.

Needs a bundle with blobs for this machine's CPU.

    python benches/start.py build/text
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from npuspec.bundle import open_bundle

MOST = 1.3
ROUNDS = 21
DEVICE = "CPU"
OURS = f"""
import sys, npuspec
npuspec.load(sys.argv[1], device="{DEVICE}")
"""
BARE = f"""
import sys, hashlib, json
sys.modules["openvino_telemetry"] = None
import openvino
core, models = openvino.Core(), []
properties = json.loads(sys.argv[1])
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        blob = file.read()
    hashlib.sha256(blob).digest()
    models.append(core.import_model(blob, "{DEVICE}", properties))
"""


def start(script: str, arguments: list[str]) -> float:
    """Return how long a process takes that runs a script."""
    before = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, *arguments], check=True)
    return time.perf_counter() - before


def main() -> int:
    """Compare, and fail if a start takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"starts of each (default {ROUNDS})")
    arguments = parser.parse_args()
    bundle = open_bundle(arguments.bundle)
    properties = next(d.properties for d in bundle.manifest.deployments if d.device == DEVICE)
    blobs = [str(bundle.path(bundle.manifest.blobs[v.name].path)) for v in bundle.manifest.program.variants]
    ways = ((OURS, [str(arguments.bundle)]), (BARE, [json.dumps(properties), *blobs]))
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(-1, arguments.rounds):
        for index in (0, 1) if number % 2 else (1, 0):
            seconds = start(*ways[index])
            if number >= 0:
                taken[index].append(seconds)
    ratio = median(a / b for a, b in zip(*taken, strict=True))
    ours, bare = (median(each) * 1e3 for each in taken)
    print(f"medians of {arguments.rounds} processes each, at most {MOST} times bare openvino with a SHA-256 pass")
    print(f"  {arguments.bundle.name:24} import and load {ours:7.1f} ms, bare {bare:7.1f} ms, ", end="")
    print(f"ratio {ratio:.2f}: {'holds' if ratio <= MOST else 'MISSED'}")
    return ratio > MOST


if __name__ == "__main__":
    sys.exit(main())
