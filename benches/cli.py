"""What a verb costs as a whole process: `check` and `plan` against `python -c "import pydantic"`.

All contenders run in turn in one run, the order changing from round to round, each in a process of its own; what counts
is the median of the ratios within a round. A changed spec is a copy beside the original with another comment each time,
so that nothing kept for its text can answer. The cache is warm: what a spec names was downloaded and read before.

    python benches/cli.py specs/asr.toml
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

BASE = "import pydantic"
OLIVE = 7.7  # seconds of CPU that `olive --help` takes, as measured once


@dataclass(slots=True)
class Contender:
    """A command, the spec that is written anew before it, and what its runs took."""

    command: list[str]
    changed: tuple[Path, str] | None = None
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, number: int) -> None:
        """Run it once, and note the time and the CPU time of the process and of those that it starts."""
        if self.changed is not None:
            path, text = self.changed
            path.write_text(f"{text}\n# {number}\n", "utf-8")
        start, before = time.perf_counter(), os.times()
        subprocess.run(self.command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        self.wall.append(time.perf_counter() - start)
        self.cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)


@dataclass(frozen=True, slots=True)
class Target:
    """The most that a contender may take: times the wall time of the base, and seconds of CPU."""

    contender: str
    ratio: float
    cpu: float | None = None


TARGETS = (Target("check", 2.0, OLIVE / 30), Target("plan", 2.5))


def contenders(specs: list[Path], copies: list[Path]) -> dict[str, Contender]:
    """Return what is compared; `copies` are the files that changed texts of the first spec are written to."""
    npuspec = str(Path(sys.executable).with_name("npuspec"))
    text = specs[0].read_text("utf-8")
    names, (first, second) = [str(spec) for spec in specs], copies
    return {
        BASE: Contender([sys.executable, "-c", BASE]),
        "check": Contender([npuspec, "check", *names]),
        "check, changed": Contender([npuspec, "check", str(first)], (first, text)),
        "plan": Contender([npuspec, "plan", names[0]]),
        "plan, changed": Contender([npuspec, "plan", str(second)], (second, text)),
    }


def compare(found: dict[str, Contender], rounds: int) -> None:
    """Run all in turn, once without counting so that caches are warm, and print the table."""
    for contender in found.values():
        contender.run(-1)
        contender.wall.clear()
        contender.cpu.clear()
    for number in range(rounds):
        for name in list(found) if number % 2 else reversed(found):
            found[name].run(number)
    print(f"medians of {rounds} runs each; a ratio is to `{BASE}` in the same round")
    for name, contender in found.items():
        print(f"  {name:16} {median(contender.wall) * 1e3:7.1f} ms   ratio {ratio(found, name):5.2f}   ", end="")
        print(f"CPU {median(contender.cpu):6.3f} s")


def ratio(found: dict[str, Contender], name: str) -> float:
    """Return how many times the base's wall time a contender takes."""
    return median(a / b for a, b in zip(found[name].wall, found[BASE].wall, strict=True))


def judge(found: dict[str, Contender]) -> bool:
    """Print each target and whether it holds; tell whether all do."""
    kept = True
    for target in TARGETS:
        figures = [("wall ratio", ratio(found, target.contender), target.ratio)]
        if target.cpu is not None:
            figures.append(("CPU seconds", median(found[target.contender].cpu), target.cpu))
        for what, figure, most in figures:
            holds = figure <= most
            verdict = "holds" if holds else "MISSED"
            print(f"  {target.contender:16} {what:12} {figure:6.3f}, at most {most:.3f}: {verdict}")
            kept &= holds
    return kept


def main() -> int:
    """Run the comparison; fail if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=21, help="runs of each (default 21)")
    arguments = parser.parse_args()
    # Beside the original, since a spec's paths are relative to it.
    folder = arguments.specs[0].parent
    copies = [folder / f".bench-{os.getpid()}-{verb}.toml" for verb in ("check", "plan")]
    try:
        found = contenders(arguments.specs, copies)
        compare(found, arguments.rounds)
    finally:
        for copy in copies:
            copy.unlink(missing_ok=True)
    return not judge(found)


if __name__ == "__main__":
    sys.exit(main())
