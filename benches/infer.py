"""What a session costs beyond the inference itself: `session.infer` against plain NumPy padding and OpenVINO.

All run the same model on CPU, in one process, in turn, the order changing at random from call to call. The plain way
is what applications do without npuspec: np.zeros, copy, lengths array, CompiledModel(...), slice. Once with the real
model, once with a model that does nothing but read its inputs, where only the overhead is left, and once with a small
model of ids and a mask, also against hand-tuned code: it writes to the infer request's own tensors, calls `infer()`
without arguments, and copies what the caller gets. That one is held to limits, and exceeding them ends in 1.

    python benches/infer.py build/asr
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import soundfile
from msgspec import structs
from numpy.typing import NDArray

import npuspec
from npuspec.bundle import Program, open_bundle
from npuspec.bundle.program import DataInput, Dim, MaskInput, Output, Variant
from npuspec.runtime import Engine, Session

CLIPS = "pypi:pytest-audioeval==0.1.3/pytest_audioeval/samples/audio/**/*.wav"
CLIPS_SHA256 = "eaaacb76fb17c9530f53a7fbc8da3d582ffaa2ed1bb45e672c3a72fe0c9e2801"

Array = NDArray[Any]
Infer = Callable[[Array], Array]


def plain(model: ov.CompiledModel, size: int, valid: Callable[[int], int], *, share: bool) -> Infer:
    """Return the way without npuspec; with `share`, OpenVINO is told to copy neither inputs nor outputs."""

    def infer(waveform: Array) -> Array:
        padded = np.zeros((1, size), np.float32)
        padded[0, : len(waveform)] = waveform
        inputs = {"waveform": padded, "waveform_lengths": np.array([len(waveform)], np.int64)}
        outputs = model(inputs, share_inputs=share, share_outputs=share)
        return np.array(outputs["log_probs"][0, : valid(len(waveform))])

    return infer


def ways_of(session: Session, model: ov.CompiledModel, size: int, valid: Callable[[int], int]) -> dict[str, Infer]:
    """Return the ways that are compared."""
    return {
        "session.infer": lambda waveform: session.infer({"waveform": waveform})["log_probs"],
        "plain": plain(model, size, valid, share=False),
        "plain, shared": plain(model, size, valid, share=True),
    }


def overhead_model(program: Program, size: int) -> ov.Model:
    """Return a model with the same ports that computes next to nothing."""
    waveform = ops.parameter([1, size], np.float32, name="waveform")
    lengths = ops.parameter([1], np.int64, name="waveform_lengths")
    for node in (waveform, lengths):
        node.output(0).set_names({node.get_friendly_name()})
    frames = program.outputs[0].extents[0].of(size)
    log_probs = ops.reshape(ops.slice(waveform, [0], [frames], [1], [1]), [1, frames, 1], special_zero=False)
    out_lengths = ops.add(lengths, np.array([0], np.int64))
    log_probs.output(0).set_names({"log_probs"})
    out_lengths.output(0).set_names({"out_lengths"})
    return ov.Model([log_probs, out_lengths], [waveform, lengths])


IDS = 128
LIMITS = {"plain": 0.6, "hand-tuned": 1.25}
"""What `session.infer` of the small model may take of each."""


def small_model() -> ov.Model:
    """Return a model of ids and a mask that sums embeddings."""
    ids, mask = (ops.parameter([1, IDS], np.int64, name=name) for name in ("ids", "mask"))
    for node in (ids, mask):
        node.output(0).set_names({node.get_friendly_name()})
    table = np.random.default_rng(0).standard_normal((1000, 16)).astype(np.float32)
    seen = ops.multiply(ops.gather(ops.constant(table), ids, 0), ops.unsqueeze(ops.convert(mask, "f32"), 2))
    result = ops.reduce_sum(seen, [1], keep_dims=False)
    result.output(0).set_names({"y"})
    return ov.Model([result], [ids, mask])


def small_program() -> Program:
    """Return what a session needs to know of it."""
    given = DataInput(name="ids", dtype="int64", axes=("t",), pad_value=0, pad_side="right", finite=False)
    return Program(
        batch=1,
        dims={"t": Dim(minimum=1, maximum=IDS)},
        inputs=(given, MaskInput(name="mask", dtype="int64", of="ids", dim="t")),
        outputs=(Output(name="y", dtype="float32", extents=()),),
        variants=(Variant(name="t", sizes={"t": IDS}, shapes={"ids": (1, IDS), "mask": (1, IDS)}),),
    )


def small_ways(model: ov.CompiledModel) -> dict[str, Infer]:
    """Return the ways of the small model."""
    session = Session(Engine(small_program(), {"t": model}, device="CPU"))
    request = model.create_infer_request()
    ids, mask, y = (request.get_tensor(name).data for name in ("ids", "mask", "y"))

    def plain(sample: Array) -> Array:
        padded, valid = np.zeros((1, IDS), np.int64), np.zeros((1, IDS), np.int64)
        padded[0, : len(sample)] = sample
        valid[0, : len(sample)] = 1
        return np.array(model({"ids": padded, "mask": valid})["y"][0])

    def tuned(sample: Array) -> Array:
        size = len(sample)
        ids[0, :size], ids[0, size:] = sample, 0
        mask[0, :size], mask[0, size:] = 1, 0
        request.infer()
        return np.array(y[0])

    return {"session.infer": lambda sample: session.infer({"ids": sample})["y"], "plain": plain, "hand-tuned": tuned}


def compare(title: str, ways: dict[str, Infer], clips: list[Array], rounds: int) -> dict[str, float]:
    """Time the ways in turn, in random order; print medians, and return the first way's median ratios."""
    first, *others = ways
    order = np.random.default_rng(0)
    for clip in clips:
        for other in others:
            np.testing.assert_allclose(ways[first](clip), ways[other](clip), rtol=1e-4, atol=1e-4)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for clip in clips:
            for name in order.permutation(list(ways)):
                start = time.perf_counter()
                ways[name](clip)
                taken[name].append((time.perf_counter() - start) * 1e6)
    print(f"{title}, medians of {len(clips) * rounds} calls each")
    ratios = {name: median(a / b for a, b in zip(taken[first], times, strict=True)) for name, times in taken.items()}
    for name, times in taken.items():
        print(f"  {name:14} {median(times):10.1f} us   {first} takes {ratios[name]:.3f} of it")
    return ratios


def main() -> int:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=10, help="calls of each way for each clip (default 10)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", npuspec.FallbackWarning)

    bundle = open_bundle(arguments.bundle)
    program = bundle.manifest.program
    variant = program.variants[-1]
    size = variant.sizes["time"]
    valid = program.outputs[0].extents[0].of
    properties = {"PERFORMANCE_HINT": "LATENCY"}
    core = ov.Core()
    sounds = npuspec.fetch(CLIPS, sha256=CLIPS_SHA256)
    clips = [np.asarray(soundfile.read(path, dtype="float32")[0]) for path in sounds]

    program = structs.replace(program, variants=(variant,))
    model = core.compile_model(bundle.path(bundle.manifest.models[variant.name]), "CPU", properties)
    session = Session(Engine(program, {variant.name: model}, device="CPU"))
    compare("the speech model", ways_of(session, model, size, valid), clips, arguments.rounds)

    empty = core.compile_model(overhead_model(program, size), "CPU", properties)
    idle = Session(Engine(program, {variant.name: empty}, device="CPU"))
    compare("a model that does next to nothing", ways_of(idle, empty, size, valid), clips, arguments.rounds * 20)

    small = core.compile_model(small_model(), "CPU", properties | {"INFERENCE_NUM_THREADS": 1})
    samples = [np.arange(size, dtype=np.int64) for size in (5, 30, 77, IDS)]
    ratios = compare("a small model", small_ways(small), samples, arguments.rounds * 150)
    missed = [name for name, limit in LIMITS.items() if ratios[name] > limit]
    for name in missed:
        print(f"session.infer may take {LIMITS[name]} of {name}, and takes {ratios[name]:.3f}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
