"""Check mutants of specs: no traceback, no second of work, no 300 MB, whatever the text is.

    python tests/fuzz/run.py --count 20000 --seed 1
    python tests/fuzz/run.py --seed 1 --only 4711

One child process does for each mutant all that `npuspec check` does, in a folder with the models and samples that the
specs name, with an empty store and without the network. Of time, the processor's time of that process counts: not that
of the processes that read a model, whose answers are remembered, and not what a busy machine makes it wait for. Of
memory, the peak of the whole process counts, with Python, pydantic and this harness, which are about 40 MB of it.
A child that is silent for SILENCE seconds hangs, and is killed. After a death or too much memory another child goes on.
"""

import argparse
import importlib
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mutate import ROOT, Mutant, mutants

SECONDS = 1.0  # of the processor, for one mutant
MEGABYTES = 300  # resident, at the peak of the process
SILENCE = 30.0  # seconds until a child is taken to hang
SHOWN = 200  # faults of one spec that a terminal is shown

Rows = list[dict[str, Any]]
Render = Callable[[Rows, str], str]


def renderers() -> list[Render]:
    """Return every way to print faults that exists."""
    from npuspec.diagnostics.text import render_text  # noqa: PLC0415  only the child needs what is checked

    found: list[Render] = [lambda rows, _: json.dumps(rows), lambda rows, text: render_text(rows[:SHOWN], text)]
    for name in ("concise", "github", "sarif"):
        try:
            render = getattr(importlib.import_module(f"npuspec.diagnostics.{name}"), f"render_{name}")
        except ModuleNotFoundError:
            continue
        found.append(partial(_without_text, render))
    return found


def _without_text(render: Callable[[Rows], Any], rows: Rows, _: str) -> str:
    return str(render(rows))


def remember_answers() -> None:
    """Ask about a model once, whatever the answer is: the store doesn't keep that a file is no model."""
    from npuspec.child import ChildError, run_task  # noqa: PLC0415

    said: dict[str, Any] = {}

    def answer(task: str, arguments: dict[str, Any], **how: Any) -> Any:
        question = json.dumps([task, arguments])
        if question not in said:
            try:
                said[question] = run_task(task, arguments, **how)
            except ChildError as error:
                said[question] = error
        if isinstance(said[question], ChildError):
            raise said[question]
        return said[question]

    vars(importlib.import_module("npuspec.facts.read"))["run_task"] = answer


def work(seed: int, numbers: range) -> None:
    """Check the mutants in the current folder; tell the parent of each before, and of all faults after."""
    from npuspec.diagnostics import NpuspecError  # noqa: PLC0415  only the child needs what is checked
    from npuspec.diagnostics.form import json_form  # noqa: PLC0415
    from npuspec.plan import check  # noqa: PLC0415
    from npuspec.store import Store  # noqa: PLC0415

    remember_answers()
    ways, spec, store = renderers(), Path("spec.toml"), Store()

    def codes_of() -> set[str]:
        document, diagnostics = check(spec, store)
        rows = json_form(diagnostics, document)
        for render in ways:
            render(rows, document.text).encode()
        return {row["code"] for row in rows}

    for mutant in mutants(seed, numbers):
        spec.write_bytes(mutant.content)
        _send({"number": mutant.number, "kinds": mutant.kinds})
        del mutant
        faults, codes, start = [], set(), time.process_time()
        try:
            codes = codes_of()
        except NpuspecError as error:
            codes = {fault.code for fault in error.diagnostics}
        except BaseException:  # noqa: BLE001  a panic in Rust is no Exception
            faults.append(traceback.format_exc())
        took = time.process_time() - start
        if took > SECONDS:
            faults.append(f"took {took:.2f} s")
        if bad := codes & {"internal-error", "stage-aborted"}:
            faults.append(f"reported {sorted(bad)}")
        memory = peak()
        if memory > MEGABYTES:
            faults.append(f"took {memory:.0f} MB")
        _send({"took": took, "memory": memory, "codes": sorted(codes), "faults": faults})
        if memory > MEGABYTES:
            return


def peak() -> float:
    """Return the most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Run:
    """The parent: starts children until every mutant was looked at, and keeps those that failed."""

    def __init__(self, seed: int, keep: Path) -> None:
        self.seed, self.keep = seed, keep
        self.done = 0
        self.failures: list[str] = []
        self.kinds: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.slowest, self.memory = (0.0, -1), 0.0

    def check(self, numbers: range, deadline: float) -> None:
        """Check the mutants, or as many as there is time for."""
        with tempfile.TemporaryDirectory() as scratch:
            beside = Path(scratch, "beside")
            beside.mkdir()
            subprocess.run([sys.executable, ROOT / "tests" / "beside.py", beside], check=True)
            while self.done < len(numbers) and time.monotonic() < deadline:
                self._child(numbers[self.done :], beside, Path(scratch, "store"), deadline)

    def _child(self, numbers: range, beside: Path, store: Path, deadline: float) -> None:
        """Let one child work until it is done, fails or dies."""
        command = [sys.executable, __file__, f"--seed={self.seed}", "--work", f"{numbers.start}", f"{numbers.stop}"]
        environment = {**os.environ, "NPUSPEC_CACHE": str(store)}
        current: Any = None
        before = self.done
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=beside, env=environment) as child:
            for message in _messages(child):
                if "number" in message:
                    current = message
                    continue
                self._take(current, message)
                current = None
                if time.monotonic() > deadline:
                    break
            child.kill()
        if current is None and self.done == before:
            raise RuntimeError("the process that checks mutants doesn't start")
        if current is not None:
            died = f"the process died ({child.returncode}), or was silent for {SILENCE:.0f} s"
            self._take(current, {"took": 0.0, "memory": 0.0, "codes": [], "faults": [died]})

    def _take(self, mutant: dict[str, Any], result: dict[str, Any]) -> None:
        self.done += 1
        self.kinds.update(mutant["kinds"])
        self.codes.update(result["codes"])
        self.slowest = max(self.slowest, (result["took"], mutant["number"]))
        self.memory = max(self.memory, result["memory"])
        if result["faults"]:
            self._keep(mutant["number"], result["faults"])

    def _keep(self, number: int, faults: list[str]) -> None:
        mutant: Mutant = next(mutants(self.seed, [number]))
        self.keep.mkdir(parents=True, exist_ok=True)
        path = self.keep / f"{self.seed}-{number}.toml"
        path.write_bytes(mutant.content)
        made = f"{mutant.base}, {', '.join(mutant.kinds)}"
        self.failures.append("\n".join([f"seed {self.seed}, number {number}: {made}; kept as {path}", *faults]))


def _messages(child: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    """Yield what a child says, until it ends or is silent for too long."""
    if child.stdout is None:
        raise AssertionError
    pending = b""
    while select.select([child.stdout], [], [], SILENCE)[0]:
        if not (piece := os.read(child.stdout.fileno(), 1 << 16)):
            return
        *lines, pending = (pending + piece).split(b"\n")
        yield from map(json.loads, lines)


def main() -> int:
    """Check mutants, print what was found, and fail if that is anything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="check this mutant alone")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which it ends early")
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "fuzz", help="where failures are kept")
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work is not None:
        work(arguments.seed, range(*arguments.work))
        return 0
    start = time.monotonic()
    run = Run(arguments.seed, arguments.keep)
    first, count = (0, arguments.count) if arguments.only is None else (arguments.only, 1)
    run.check(range(first, first + count), start + arguments.budget)
    for failure in run.failures:
        print(failure, file=sys.stderr)
    summary = {
        "done": run.done,
        "failures": len(run.failures),
        "seconds": round(time.monotonic() - start, 1),
        "slowest": run.slowest,
        "megabytes": round(run.memory),
        "kinds": dict(sorted(run.kinds.items())),
        "codes": dict(sorted(run.codes.items())),
    }
    print(json.dumps(summary, indent=1))
    return bool(run.failures)


if __name__ == "__main__":
    sys.exit(main())
