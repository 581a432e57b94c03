"""Preprocessing in the model against preprocessing before it: one spec, both places, from apply to a session."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import npuspec
from npuspec.bundle import open_bundle
from npuspec.bundle.program import DataInput
from npuspec.execute.observer import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import Prepared, prepare
from npuspec.runtime.device import compile_model
from npuspec.runtime.session import Session
from npuspec.stages import MODEL
from npuspec.stages.placed import restricted
from npuspec.stages.reference import REFERENCE
from npuspec.stages.samples import read_samples
from npuspec.store import Store
from real_specs import beside
from runtime.toys import CORE
from toy_specs import INT8, convolutions, write, write_spec

STEPS = """
layout = "NCW"
pad-value = -2.0 # what 0 becomes in each channel

[inputs.x.preprocess]
place = "model"
dtype = "{dtype}"
layout = "NWC"
swap-channels = true
mean = [120.0, 124.0, 126.0]
scale = [60.0, 62.0, 63.0]
"""
CLOSE = 1e-3  # of probabilities, where what the model sees is a few roundings of float32 apart


def waves(number: int, size: int) -> NDArray[np.float64]:
    """Return a sample from 28 to 228, with another wave in each channel."""
    waves: NDArray[np.float64] = 128 + 100 * np.sin(number + np.arange(size)[:, None] * [0.3, 0.5, 0.7])
    return waves


@pytest.mark.parametrize(("dtype", "more"), [("uint8", INT8), ("float16", "")])
def test_what_is_folded_agrees_with_the_original_and_takes_what_the_caller_has(
    dtype: str, more: str, tmp_path: Path
) -> None:
    write(tmp_path / "model", convolutions())
    (tmp_path / "data").mkdir()
    for number in range(3):  # none is padded, which would change what this model says
        np.save(tmp_path / "data" / f"{number}.npy", waves(number, 32).astype(dtype))
    spec = write_spec(tmp_path, device="CPU", minimum=0.99, more=more)
    shape = 'shape = ["batch", 3, "time"]\n'
    spec.write_text(spec.read_text("utf-8").replace(shape, shape + STEPS.format(dtype=dtype)))
    npuspec.apply(spec, tmp_path / "bundle", device="CPU")

    bundle = open_bundle(tmp_path / "bundle")
    (port,) = bundle.manifest.program.inputs
    assert isinstance(port, DataInput)
    assert (port.dtype, port.axes, port.pad_value, port.preprocess) == (dtype, ("time", 3), 0, None)
    pairs = json.loads(bundle.path("evidence/evidence.json").read_bytes())["agreement"]["pairs"]
    assert {(pair["of"], pair["against"]) for pair in pairs} > ({("quantized", "static")} if more else set())
    (pair,) = (pair for pair in pairs if (pair["of"], pair["against"]) == ("static", "original"))
    assert pair["max-abs-difference"] < 1e-4
    sample = waves(5, 17).astype(dtype)
    seen = (sample[:, ::-1].astype(np.float32) - [120, 124, 126]) / [60, 62, 63]
    padded = np.full((1, 3, 32), -2, np.float32)
    padded[0, :, :17] = seen.T
    wanted = CORE.compile_model(convolutions(), "CPU")(padded)["y"][0, :, :17]
    with npuspec.load(tmp_path / "bundle") as session:
        found = session.infer({"x": sample})["y"]
    largest = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=largest * (0.1 if more else 1e-5))


def session_of_lines(folder: Path, place: str) -> tuple[Session, Prepared]:
    """Return the picture model in its narrowest variant, in float32, and its plan."""
    folder.mkdir()
    spec = beside(folder, "ocr", "")
    text = spec.read_text("utf-8").replace('place = "native"', f'place = "{place}"')
    spec.write_text(text.replace("pad-value = 0.0", "pad-value = 0.00392156863"), "utf-8")
    _, prepared, faults = prepare(spec, Store(), device="CPU")
    assert prepared is not None, faults
    plan, variant = prepared.plan, prepared.plan.program.variants[0]
    shape = f"shape[{variant.name}]"
    stages = tuple(stage for stage in plan.stages if stage.name in ("read", shape))
    asked = replace(prepared, plan=plan.model_copy(update={"stages": stages}))
    runner = StageRunner(asked, Store(), Observer(), device="CPU", identity="")
    runner.run()
    compiled = compile_model(CORE, runner.results[shape] / MODEL, "CPU", REFERENCE)
    return Session(restricted(plan.program, variant), {variant.name: compiled}, device="CPU"), prepared


def test_real_lines_are_read_the_same(tmp_path: Path) -> None:
    native, prepared = session_of_lines(tmp_path / "native", "native")
    model, _ = session_of_lines(tmp_path / "model", "model")
    samples, data = prepared.plan.samples, prepared.data
    assert samples is not None
    assert data is not None
    lines = read_samples(data.root, samples.validation, prepared.plan.program, samples.reading)
    short = [line for line in lines if line.arrays["x"].shape[1] <= native.program.dims["width"].maximum][:8]
    assert len(short) == 8
    with native, model:
        for line in short:
            (wanted,), (found,) = (session.infer(line.arrays).values() for session in (native, model))
            np.testing.assert_allclose(found, wanted, atol=CLOSE, err_msg=line.name)
            assert (found.argmax(-1) == wanted.argmax(-1)).all()
