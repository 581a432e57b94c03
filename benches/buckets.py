"""What choosing sizes costs: 4 of 512 possible ones, from a million lengths in a text file.

Runs `npuspec buckets` as a whole process, reading, choosing and printing included, and the choice alone in this one.
Rounds in turn, medians.

    python benches/buckets.py
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from npuspec.buckets import choose, polynomial, read_lengths

LENGTHS, LONGEST, CHOSEN = 1_000_000, 512, 4
MOST = 1.0  # seconds of the whole process
ROUNDS = 11


def write_lengths(path: Path) -> None:
    """Write lengths that are skewed as those of sentences are: many short, few long."""
    rng = random.Random(1)  # noqa: S311  no secret
    lengths = (min(LONGEST, max(1, round(rng.lognormvariate(3.4, 0.9)))) for _ in range(LENGTHS))
    path.write_text("".join(f"{length}\n" for length in lengths), "utf-8")


def main() -> int:
    """Measure; fail if the process takes longer than it may."""
    whole, reading, choosing = list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lengths.txt")
        write_lengths(path)
        command = [sys.executable, "-m", "npuspec", "buckets", str(path), "--count", str(CHOSEN)]
        for _ in range(ROUNDS):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            whole.append(time.perf_counter() - start)
            start = time.perf_counter()
            counts, faults = read_lengths(path, path.name)
            assert counts is not None, faults
            reading.append(time.perf_counter() - start)
            start = time.perf_counter()
            choose(counts, polynomial((0, 1), range(1, LONGEST + 1)), CHOSEN)
            choosing.append(time.perf_counter() - start)
    for name, taken in (("reading", reading), ("choosing", choosing), ("whole process", whole)):
        print(f"  {name:14} {median(taken) * 1e3:7.1f} ms, slowest {max(taken) * 1e3:7.1f} ms")
    holds = median(whole) <= MOST
    print(f"  {CHOSEN} of {LONGEST} sizes, {LENGTHS:,} lengths: at most {MOST} s: {'holds' if holds else 'MISSED'}")
    return not holds


if __name__ == "__main__":
    sys.exit(main())
