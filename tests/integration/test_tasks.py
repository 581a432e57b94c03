"""A gate on a task from the spec to the lock: labels and a vocabulary beside it, and what other labels change."""

import json
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from conftest import npuspec
from npuspec.bundle import open_bundle
from toy_specs import write_spec

GATED = """
[outputs.y]
decode = { kind = "ctc", vocabulary = "letters.txt" }

[[gates]]
metric = "character-error-rate"
output = "y"
of = "static"
max = 0.25
"""


def steps() -> ov.Model:
    """Return a model whose output is its input as steps, x [1, 3, time] to y [1, time, 3]."""
    x = op.parameter([1, 3, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    y = op.transpose(x, [0, 2, 1])
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x], "steps")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec of three samples that say ab, ba and a, of which the labels know the last one otherwise."""
    written = write_spec(tmp_path, model=steps(), more=GATED)
    for number, places in enumerate(([1, 1, 2], [0, 2, 0, 1], [1])):
        np.save(tmp_path / f"data/{number}.npy", np.eye(3, dtype=np.float32)[places].T)
    written.write_text(written.read_text().replace('input = "x"', 'input = "x"\nlabels = "labels.txt"'))
    (tmp_path / "labels.txt").write_text("ab\nba\nb\n")
    (tmp_path / "letters.txt").write_text("\na\nb\n")
    return written


def test_a_task_is_measured_locked_and_measured_anew_with_other_labels(spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    made = npuspec("apply", spec, "-o", bundle)
    assert made.code == 0, made.err
    sentence = "character-error-rate of static, y: 0.{0} (original 0.{0}), at most 0.25 wanted ({1}"
    assert sentence.format(2000, "passed, margin +0.0500)") in made.out
    [row] = json.loads(open_bundle(bundle).path("evidence/evidence.json").read_bytes())["agreement"]["tasks"]
    assert row["misread"] == {"2.npy": {"label": "b", "original": "a", "read": "a"}}
    lock = spec.with_suffix(".lock").read_text()
    assert '[vocabularies.y]\nsource = "letters.txt"' in lock
    assert "figure = 0.2\noriginal = 0.2\npassed = true" in lock
    assert npuspec("apply", spec, "-o", bundle, "--locked").code == 0

    (tmp_path / "labels.txt").write_text("aa\nba\nb\n")
    drifted = npuspec("apply", spec, "-o", bundle, "--locked")
    assert drifted.code == 3
    assert "data.labels-sha256" in drifted.err
    failed = npuspec("apply", spec, "-o", bundle)
    assert failed.code == 1
    assert "read: unchanged" in failed.err
    assert "verify[CPU]: unchanged" not in failed.err
    assert sentence.format(4000, f"FAILED, margin -0.1500)\n  --> {spec}:") in failed.err
    assert "the original doesn't reach it either" in failed.err
    assert open_bundle(bundle).manifest.plan in lock


def test_check_and_plan_say_what_is_wrong_with_the_files_beside_the_spec(spec: Path, tmp_path: Path) -> None:
    assert npuspec("check", spec).code == 0
    (tmp_path / "letters.txt").write_text("\na\n")
    (tmp_path / "labels.txt").write_text("ab\n")
    for verb in ("check", "plan"):
        found = npuspec(verb, spec)
        assert found.code == 2
        assert "[wrong-decode]: output `y` can't be read: its last axis has 3 places, and the vocabulary 2" in found.err
    assert "[bad-labels]: `labels.txt` has 1 lines, and there are 3 samples" in npuspec("check", spec).err
