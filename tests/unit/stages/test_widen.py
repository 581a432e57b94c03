"""Weights in FP16 behind a Convert are what they were in FP32 to an NPU's compiler, once they are widened."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from compilers import toys

from npuspec.compilers import find_compiler
from npuspec.stages.widen import widened, widened_file


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A model whose weights OpenVINO compressed."""
    path = tmp_path / "narrow" / "model.xml"
    ov.save_model(ov.Core().read_model(toys.write(toys.fine(), tmp_path)), path, compress_to_fp16=True)
    return path


def converts(model: ov.Model) -> int:
    return [node.get_type_name() for node in model.get_ops()].count("Convert")


def test_weights_are_read_as_they_were_and_answers_stay(narrow: Path) -> None:
    core = ov.Core()
    before, after = core.read_model(narrow), widened(core.read_model(narrow))
    assert converts(before) > 0
    assert converts(after) == 0
    sample = [np.ones([*port.shape], np.float32) for port in before.inputs]
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    answers = [[*core.compile_model(model, "CPU", precise)(sample).values()] for model in (before, after)]
    for one, other in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_has_none_stays_where_it_is(narrow: Path, tmp_path: Path) -> None:
    wide = widened_file(narrow, tmp_path)
    assert wide == tmp_path / "model.xml"
    (tmp_path / "again").mkdir()
    assert widened_file(wide, tmp_path / "again") == wide


def test_a_compiler_makes_the_same_of_both(narrow: Path, tmp_path: Path, npu_compiler: Path) -> None:
    compiler = find_compiler(str(npu_compiler))
    assert compiler is not None
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    wide = tmp_path / "model.xml"  # of which the narrow one was made
    made = [tmp_path / name for name in ("wide.blob", "widened.blob")]
    for model, blob in zip((wide, widened_file(narrow, scratch)), made, strict=True):
        compiler.compile(model, "4000", blob, {}, tmp_path / "trace")
    assert made[0].stat().st_size == made[1].stat().st_size
