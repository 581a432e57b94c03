"""What `apply` proves of a model of several variants and a batch: gates, doubts, and the reasons of what fails."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import tomli
from openvino import opset13 as op

from npuspec.bundle import open_bundle
from npuspec.diagnostics import GateError
from npuspec.execute import GateResult, Observer, apply
from toy_specs import write_spec

GATE = '\n[[gates]]\nmetric = "{}"\noutput = "y"\nof = "{}"\nagainst = "{}"\n{}\n'
BATCH = "\n[batching]\nsize = 2\n"


class Listener(Observer):
    """Writes down what is said of measurements."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.gates: list[GateResult] = []
        self.notes: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def measured(self, gate: GateResult) -> None:
        self.gates.append(gate)

    def note(self, text: str) -> None:
        self.notes.append(text)


def made_of(build: Callable[[Any], Any]) -> ov.Model:
    """Return a model of x [batch, 3, time] that keeps the length."""
    x = op.parameter([-1, 3, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    y = build(x)
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x], "toy")


def several(folder: Path, model: ov.Model, more: str) -> Path:
    """Write a spec with buckets of 16 and 32, for samples of 12, 20 and 32."""
    spec = write_spec(folder, model=model, minimum=0.01, more=more)
    text = spec.read_text().replace('"pad"\nsize = 32', '"buckets"\nsizes = [16, 32]')
    spec.write_text(text)
    return spec


def evidence(bundle: Path) -> Any:
    return json.loads(open_bundle(bundle).path("evidence/evidence.json").read_bytes())


def test_a_model_that_is_right_passes_every_gate_exactly_and_leaves_no_doubt(tmp_path: Path) -> None:
    more = BATCH
    for of, against in (("static", "original"), ("batched", "original"), ("batched", "static")):
        more += GATE.format("max-abs-difference", of, against, "max = 0")
        more += GATE.format("top-1-agreement", of, against, 'variant = "time16"\nmin = 1')
        more += GATE.format("sqnr", of, against, 'variant = "time32"\nmin = 200')
    listener = Listener()
    spec = several(tmp_path, made_of(op.relu), more)
    applied = apply(spec, tmp_path / "bundle", observer=listener)
    assert len(applied.gates) == 10
    assert all(gate.passed for gate in listener.gates)
    assert {gate.variant for gate in applied.gates} == {None, "time16", "time32"}
    assert listener.notes == []
    assert evidence(tmp_path / "bundle")["doubts"] == []
    again = apply(spec, tmp_path / "bundle")
    assert again.unchanged
    assert again.gates == applied.gates


def test_a_model_that_sees_the_padding_is_told_what_buckets_win_back(tmp_path: Path) -> None:
    def centred(x: Any) -> Any:
        return op.subtract(x, op.reduce_mean(x, 2, keep_dims=True))

    listener = Listener()
    spec = several(tmp_path, made_of(centred), GATE.format("sqnr", "static", "original", "min = -9"))
    apply(spec, tmp_path / "bundle", observer=listener)
    [doubt] = [text for text in listener.warnings if "padding" in text]
    assert "the valid part of output `y` changes" in doubt
    assert "try sizes closer to the samples'" in doubt
    assert [note.partition(",")[0] for note in listener.notes] == ["y: all padded to time32"] * len(listener.notes)
    [note] = [text for text in listener.notes if "sqnr" in text]
    figures = evidence(tmp_path / "bundle")["agreement"]["pairs"][0]
    padded, natural = figures["padded"]["time32"]["sqnr"], figures["natural"]["time32"]["sqnr"]
    assert padded < natural
    assert note.endswith(f"is {padded:.3g}; each in its own variant, {natural:.3g}")
    lock = tomli.loads((tmp_path / "spec.lock").read_text("utf-8"))
    name = "static against original, y"
    assert list(lock["agreement"]) == [name, f"{name} in variant time16", f"{name} in variant time32"]
    assert lock["doubts"] == evidence(tmp_path / "bundle")["doubts"]


def test_a_batch_that_mixes_samples_fails_its_gate_with_the_reason(tmp_path: Path) -> None:
    def normalised(x: Any) -> Any:
        return op.subtract(x, op.reduce_mean(x, 0, keep_dims=True))

    more = BATCH + GATE.format("max-abs-difference", "batched", "static", "max = 1e-3")
    with pytest.raises(GateError) as caught:
        apply(several(tmp_path, made_of(normalised), more), tmp_path / "bundle")
    [fault] = caught.value.diagnostics
    assert fault.message.startswith("max-abs-difference of batched against static, y")
    assert "changes by up to" in fault.help
    assert fault.help.endswith("[batching] size = 1")
    assert [label.path for label in fault.labels] == [("gates", 1)]
    assert not (tmp_path / "bundle").exists()


def test_a_gate_on_a_variant_that_no_sample_falls_into_says_so(tmp_path: Path) -> None:
    spec = several(
        tmp_path, made_of(op.relu), GATE.format("cosine", "static", "original", 'variant = "time40"\nmin = 0.9')
    )
    spec.write_text(spec.read_text().replace("[16, 32]", "[16, 32, 40]"))
    with pytest.raises(GateError, match="no validation sample falls into this variant") as caught:
        apply(spec, tmp_path / "bundle")
    assert [label.path for label in caught.value.diagnostics[0].labels] == [("gates", 1)]
