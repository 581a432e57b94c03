"""What a session costs beyond the inference itself: `session.infer` against plain NumPy padding and OpenVINO.

Both run the same IR on CPU, in one process, in turn, on the same clips in the same order. The plain way is what
applications do without npuspec: np.zeros, copy, lengths array, CompiledModel(...), slice. Once with the real model, and
once with a model that does nothing but read its inputs, where only the overhead is left.

    python benches/infer.py build/asr
"""

import argparse
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


def compare(title: str, ways: dict[str, Infer], clips: list[Array], rounds: int) -> None:
    """Time the ways in turn, the order changing from call to call; print medians, and the first way's median ratios."""
    first, *others = ways
    for clip in clips:
        for other in others:
            np.testing.assert_allclose(ways[first](clip), ways[other](clip), rtol=1e-4, atol=1e-4)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for index, clip in enumerate(clips):
            for name in list(ways) if (number + index) % 2 else reversed(ways):
                start = time.perf_counter()
                ways[name](clip)
                taken[name].append((time.perf_counter() - start) * 1e6)
    print(f"{title}, medians of {len(clips) * rounds} calls each")
    for name, times in taken.items():
        ratio = median(a / b for a, b in zip(taken[first], times, strict=True))
        print(f"  {name:14} {median(times):10.1f} us   {first} takes {ratio:.3f} of it")


def main() -> None:
    """Run both comparisons."""
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


if __name__ == "__main__":
    main()
