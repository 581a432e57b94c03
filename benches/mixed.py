"""What finding a mix costs, against quantizing plainly: specs/ocr.toml, each stage in a process of its own.

Runs the stages several times anew and prints the medians: quantize, rank and mix, and all three over the first.

    python benches/mixed.py
"""

import argparse
import re
import shutil
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median

from msgspec import structs

from npuspec.execute import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import prepare
from npuspec.plan.model import PlannedStage
from npuspec.store import Store

SPECS = Path(__file__).parent.parent / "specs"
SEARCH = ("quantize", "rank", "mix")
MIXED = """
[quantization]
mode = "mixed"
model-type = "transformer"
samples = 25

[[gates]]
metric = "frame-agreement"
output = "softmax_11.tmp_0"
of = "quantized"
against = "static"
min = 0.97
"""


class Watch(Observer):
    """Keeps how long each stage took."""

    def __init__(self) -> None:
        self.seconds = defaultdict[str, list[float]](list)

    def finished(self, stage: PlannedStage, seconds: float | None) -> None:
        """Keep it."""
        if seconds is not None:
            self.seconds[stage.verb].append(seconds)


def main() -> None:
    """Run the stages, and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    store, watch = Store(), Watch()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "specs"
        shutil.copytree(SPECS, folder)
        spec = folder / "ocr.toml"
        spec.write_text(re.sub(r"\[\[gates\]\].*", "", spec.read_text("utf-8"), flags=re.DOTALL) + MIXED, "utf-8")
        _, prepared, faults = prepare(spec, store, device="CPU")
        if prepared is None:
            raise SystemExit("\n".join(fault.message for fault in faults))
        needed = tuple(s for s in prepared.plan.stages if s.verb in ("read", *SEARCH))
        searched = replace(prepared, plan=structs.replace(prepared.plan, stages=needed))
        for _ in range(rounds):
            StageRunner(searched, store, watch, device="CPU", identity="", rebuild=True).run()
    found = {verb: median(watch.seconds[verb]) for verb in SEARCH}
    for verb, seconds in found.items():
        print(f"{verb:10} {seconds:6.1f} s")
    print(f"all over quantize: {sum(found.values()) / found['quantize']:.1f}")


if __name__ == "__main__":
    main()
