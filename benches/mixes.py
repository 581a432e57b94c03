"""Which mixes of FP16 and INT8 an NPU's compiler expects to be the fastest, against FP16 and full INT8.

For each spec one variant is quantized and ranked by harm. Then mixes are compiled, and their estimates printed:

- block: what the schedules of FP16 and of full INT8 spend on each block, what is done at once in equal parts.
- harm: the most harmful blocks stay in FP16, more and more of them, as `mixed` chooses.
- gain: what gains the most by that becomes INT8 first.
- greedy: from the fastest so far, windows of blocks in the graph's order are switched, as long as that helps.

A line says how many blocks are in INT8, the estimate, and where it doesn't leave out what FP16 leaves out, the
difference: a mix that leaves out more can't be ranked against it.

    python benches/mixes.py specs/asr.toml specs/ocr.toml
"""

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import openvino as ov
from msgspec import structs, to_builtins

from npuspec.compilers import VARIABLE, Compiler, find_compiler, kernels
from npuspec.compilers.schedule import read_schedule
from npuspec.diagnostics import SpecError, StageError
from npuspec.execute import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import prepare
from npuspec.stages import HARM
from npuspec.stages.curve import TRACE, compile_mix
from npuspec.stages.gain import spent
from npuspec.stages.request import Request
from npuspec.stages.shape import read_fixed
from npuspec.stages.switched import twins
from npuspec.store import Store

COMPILER = Path(__file__).parent.parent / "tools" / "npu-compiler" / "npu-compiler"
PLATFORM = "4000"
AIM = 0.9  # of the faster one's estimate
MIXED = """
[quantization]
mode = "mixed"
preset = "mixed"
model-type = "transformer"
samples = 18

[[gates]]
metric = "sqnr"
output = "{output}"
of = "quantized"
against = "static"
min = -1000.0
"""

Bits = frozenset[int]
"""The blocks that are in INT8, by their places in the graph's order."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the compiler expects of a mix."""

    us: float
    uncosted: tuple[str, ...]
    blocks: tuple[float, ...]
    """What each block takes of it, and last what isn't of any."""


class Mixes:
    """The mixes of one variant of a spec, each compiled once."""

    def __init__(self, spec: Path, variant: str | None, compiler: Compiler, jobs: int) -> None:
        self._compiler, self._jobs = compiler, jobs
        store = Store()
        _, prepared, faults = prepare(spec, store, device="CPU")
        if prepared is None:
            raise SpecError(faults)
        plan = prepared.plan
        self.variant = variant or plan.program.variants[0].name
        needed = tuple(s for s in plan.stages if s.verb in ("read", "quantize", "rank"))
        part = replace(prepared, plan=structs.replace(plan, stages=needed))
        runner = StageRunner(part, store, Observer(), device="CPU", identity="")
        runner.run()
        read, quantized, ranked = (runner.results[name] for name in ("read", "quantize", "rank"))
        named = {stage.name: stage for stage in plan.stages}
        told = named[f"gain[{PLATFORM}]"].parameters
        shape = named[f"shape[quantized, {self.variant}]"].parameters
        parameters = {"program": to_builtins(plan.program), **told, "shape": shape}
        self._request = Request(parameters, (read, quantized, ranked), spec.parent, spec.parent, None, None, None, {})
        program = self._request.program
        originals = (read_fixed(ov.Core(), folder, program) for folder in (quantized, read))
        order = [twin.name for twin in twins(*originals)]
        harm = self._request.read_json(2, HARM)
        self.blocks: list[list[str]] = sorted((b["operations"] for b in harm), key=lambda names: order.index(names[0]))
        self.by_harm = [self.blocks.index(block["operations"]) for block in harm]
        self.sqnr = [next(b["sqnr"] for b in harm if b["operations"] == names) for names in self.blocks]
        self.every: Bits = frozenset(range(len(self.blocks)))
        self._found: dict[Bits, Estimate | None] = {}

    def of(self, mixes: Iterable[Bits]) -> list[Estimate | None]:
        """Return the estimates of mixes, None for what the compiler refuses."""
        asked = list(mixes)
        new = [bits for bits in dict.fromkeys(asked) if bits not in self._found]
        with ThreadPoolExecutor(self._jobs) as pool:
            self._found.update(zip(new, pool.map(self._compile, new), strict=True))
        return [self._found[bits] for bits in asked]

    def _compile(self, bits: Bits) -> Estimate | None:
        kept = [name for place in self.every - bits for name in self.blocks[place]]
        with tempfile.TemporaryDirectory() as scratch:
            try:
                model, made = compile_mix(self._request, self._compiler, kept, Path(scratch))
            except StageError:
                return None
            shares = spent(read_schedule(Path(scratch, TRACE)))
        places = self._places(model)
        taken = [0.0] * (len(self.blocks) + 1)
        for layer, us in shares.items():
            taken[places.get(layer, -1)] += us
        return Estimate(made.latency_us or 0.0, made.uncosted, tuple(taken))

    def _places(self, model: ov.Model) -> dict[str, int]:
        """Return the block of each operation: its own, or else the last of what it reads."""
        own = {name: place for place, names in enumerate(self.blocks) for name in names}
        places: dict[str, int] = {}
        for node in model.get_ordered_ops():
            name = node.get_friendly_name()
            read = (places[value.get_node().get_friendly_name()] for value in node.input_values())
            places[name] = own.get(name.removesuffix("/floating"), max(read, default=-1))
        return places

    @property
    def fastest(self) -> tuple[Bits, Estimate]:
        """The fastest mix that leaves out no more than FP16 does."""
        plain = self._found[frozenset()]
        assert plain is not None
        ranked = [
            (e.us, sorted(b), b, e)
            for b, e in self._found.items()
            if e and not {*kernels(e.uncosted)} - {*kernels(plain.uncosted)}
        ]
        *_, bits, estimate = min(ranked)
        return bits, estimate


def ladder(order: Sequence[int], *, kept: bool) -> Iterator[Bits]:
    """Yield mixes of which the first 1, 2, 3, 4, 6, 8, 12, … of an order are in INT8, or are kept in FP16."""
    every = frozenset(order)
    counts = {n for power in range(10) for n in (2**power, 3 * 2**power) if n < len(order)}
    for count in sorted(counts):
        first = frozenset(order[:count])
        yield every - first if kept else first


def windows(count: int) -> Iterator[list[Bits]]:
    """Yield ever smaller neighbours: eighths of the blocks, then halves of these, down to single ones."""
    size = -(-count // 8)
    while size:
        yield [frozenset(range(start, min(count, start + size))) for start in range(0, count, size)]
        size //= 2


def tell(what: str, mixes: Mixes, tried: Sequence[Bits]) -> None:
    """Print a line for each mix."""
    plain, *estimates = mixes.of([frozenset(), *tried])
    for bits, estimate in zip(tried, estimates, strict=True):
        if estimate is None:
            told = "refused"
        else:
            differs = {*kernels(estimate.uncosted)} ^ {*kernels(plain.uncosted if plain else ())}
            told = f"{estimate.us:9.1f} us" + (f"  not counted alike: {', '.join(sorted(differs))}" if differs else "")
        print(f"{what:8} {len(bits):4} of {len(mixes.every)} in INT8  {told}", flush=True)


def sweep(mixes: Mixes) -> None:
    """Compile all mixes, and print them and what is best."""
    nothing, every = frozenset[int](), mixes.every
    plain, full = mixes.of([nothing, every])
    tell("fp16", mixes, [nothing])
    tell("int8", mixes, [every])
    assert plain is not None
    assert full is not None
    gains = [before - after for before, after in zip(plain.blocks, full.blocks, strict=True)]
    for place, names in enumerate(mixes.blocks):
        took = f"{plain.blocks[place]:8.1f} us in FP16, {full.blocks[place]:8.1f} us in INT8"
        print(f"block    {took}, {mixes.sqnr[place]:6.1f} dB  {names[0]}", flush=True)
    bound = plain.us - sum(gain for gain in gains[:-1] if gain > 0)
    print(f"block    each in what it takes the least in, {bound:.1f} us", flush=True)
    tell("harm", mixes, [*ladder(mixes.by_harm, kept=True)])
    by_gain = sorted(every, key=lambda place: -gains[place])
    tell("gain", mixes, [*ladder(by_gain, kept=False)])
    for found in windows(len(every)):
        base, _ = mixes.fastest
        tell("greedy", mixes, [base ^ window for window in found])
        for window in found:  # what helps alone may help with others
            bits, _ = mixes.fastest
            tell("greedy", mixes, [bits ^ window])
    bits, best = mixes.fastest
    faster = min(e.us for e in (plain, full) if e.uncosted == plain.uncosted)
    share = best.us / faster
    print(f"fastest: {len(bits)} of {len(every)} in INT8, {best.us:.1f} us: {1 - share:.1%} less than the faster one")
    print(f"the aim of {1 - AIM:.0%} is {'reached' if share <= AIM else 'not reached'}", flush=True)


def mixed_spec(folder: Path, spec: Path) -> Path:
    """Copy the specs, and let one be mixed for the platform, with a gate that all pass."""
    copy = folder / "specs"
    shutil.copytree(spec.parent, copy, dirs_exist_ok=True)
    text = spec.read_text("utf-8")
    output = re.findall(r'^output = "(.*)"', text, re.MULTILINE)[0]
    tables = r"^(\[quantization\]|\[\[gates\]\]).*?(?=^\[(?!\[gates|quantization)|\Z)"
    text = re.sub(tables, "", text, flags=re.DOTALL | re.MULTILINE)
    text = text.replace('device = "NPU"', f'device = "NPU"\nplatforms = ["{PLATFORM}"]', 1)
    made = copy / spec.name
    made.write_text(text + MIXED.format(output=output), "utf-8")
    return made


def main() -> None:
    """Sweep each spec."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="+", type=Path)
    parser.add_argument("--variant", help="which of a spec's (default: the smallest)")
    parser.add_argument("--compiler", default=str(COMPILER), help=f"as {VARIABLE} names it (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="compilations at once (default %(default)s)")
    arguments = parser.parse_args()
    compiler = find_compiler(arguments.compiler)
    assert compiler is not None
    for spec in arguments.specs:
        with tempfile.TemporaryDirectory() as scratch:
            mixes = Mixes(mixed_spec(Path(scratch), spec), arguments.variant, compiler, arguments.jobs)
            print(f"\n{spec.name}, {mixes.variant}, NPU {PLATFORM}: {len(mixes.every)} blocks", flush=True)
            sweep(mixes)


if __name__ == "__main__":
    main()
