"""Pictures, preprocessed in the model and before it, and resized: from apply to a session, and on lines of text."""

import json
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray
from PIL import Image
from runtime.toys import CORE

import npuspec
from npuspec.bundle import open_bundle
from npuspec.bundle.program import DataInput
from npuspec.execute.observer import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import prepare
from npuspec.runtime import Engine, Session
from npuspec.runtime.device import compile_model
from npuspec.stages import MODEL
from npuspec.stages.placed import restricted
from npuspec.stages.reference import REFERENCE
from npuspec.stages.samples import read_samples
from npuspec.store import Store
from real_specs import beside
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


def session_of_lines(folder: Path, **keys: str) -> tuple[Session, list[NDArray[np.uint8]]]:
    """Return the picture model in its narrowest variant, in float32, and eight real lines that it holds.

    Args:
        folder: where the spec is written.
        keys: of `preprocess`, other values.

    """
    folder.mkdir()
    spec = beside(folder, "ocr", "")
    given = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    text = spec.read_text("utf-8").replace('place = "native"\n', given)
    spec.write_text(text.replace("pad-value = 0.0", "pad-value = 0.00392156863"), "utf-8")
    _, prepared, faults = prepare(spec, Store(), device="CPU")
    assert prepared is not None, faults
    plan, variant = prepared.plan, prepared.plan.program.variants[0]
    shape = f"shape[{variant.name}]"
    stages = tuple(stage for stage in plan.stages if stage.name in ("read", shape))
    asked = replace(prepared, plan=structs.replace(plan, stages=stages))
    runner = StageRunner(asked, Store(), Observer(), device="CPU", identity="")
    runner.run()
    compiled = compile_model(CORE, runner.results[shape] / MODEL, "CPU", REFERENCE)
    program = restricted(plan.program, variant)
    assert plan.samples is not None
    assert prepared.data is not None
    samples = read_samples(prepared.data.root, plan.samples.validation, program, plan.samples.reading)
    lines = [sample.arrays["x"] for sample in samples]
    short = [line for line in lines if line.shape[1] <= program.dims["width"].maximum]
    return Session(Engine(program, {variant.name: compiled}, device="CPU")), short[:8]


def read(session: Session, line: NDArray[np.uint8]) -> NDArray[np.float32]:
    (found,) = session.infer({"x": line}).values()
    return found


def spelled(probabilities: NDArray[np.float32]) -> list[int]:
    """Return the characters of a line, by their numbers: runs of one as one, without blanks."""
    return [int(number) for number, _ in groupby(probabilities.argmax(-1)) if number]


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, list[NDArray[np.uint8]]]:
    return session_of_lines(tmp_path_factory.mktemp("native") / "specs", place="native")


def test_real_lines_are_read_the_same_in_the_model(
    native: tuple[Session, list[NDArray[np.uint8]]], tmp_path: Path
) -> None:
    before, lines = native
    inside, same = session_of_lines(tmp_path / "specs", place="model")
    assert len(lines) == len(same) == 8
    for line, twin in zip(lines, same, strict=True):
        assert (line == twin).all()
        wanted, found = read(before, line), read(inside, line)
        np.testing.assert_allclose(found, wanted, atol=CLOSE)
        assert (found.argmax(-1) == wanted.argmax(-1)).all()


def test_real_lines_of_another_height_are_read_as_they_were(
    native: tuple[Session, list[NDArray[np.uint8]]], tmp_path: Path
) -> None:
    before, lines = native
    resizing, same = session_of_lines(tmp_path / "specs", place="native", resize="letterbox")
    alike = 0
    for line, twin in zip(lines, same, strict=True):
        larger = np.asarray(Image.fromarray(line).resize((2 * line.shape[1], 96), Image.Resampling.BICUBIC))
        wanted, found = read(before, line), read(resizing, larger)
        assert found.shape == wanted.shape
        alike += spelled(found) == spelled(wanted)
        assert (read(resizing, twin) == wanted).all()
    assert alike >= 7, alike
