"""A mix: what harms is found by switching, and no more of it stays floating point than the gates need."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from runtime.toys import CORE, along, data, program

from npuspec.diagnostics import NpuspecError
from npuspec.stages import HARM, MIXED
from stages.conftest import Recipe, Stage
from toy_specs import write

WIDTH = 16
TOY = program(data(axes=("time", WIDTH)), sizes=({"time": 4}, {"time": 8}), outputs=(along(axis=1),))
GATE = {"metric": "sqnr", "output": "y", "of": "quantized", "against": "static"}


def layers() -> ov.Model:
    """Return three layers, the second of which has an input that 8 bits can't hold: one value in it is far from all."""
    rng = np.random.default_rng(0)
    x = op.parameter([-1, -1, WIDTH], np.float32, name="x")
    x.output(0).set_names({"x"})
    node: Any = x
    for name in ("first", "second", "third"):
        weights = rng.standard_normal((WIDTH, WIDTH)).astype(np.float32)
        if name == "second":
            outlier = np.zeros(WIDTH, np.float32)
            outlier[0] = 1e5
            weights[0] = 0
            node = op.add(node, op.constant(outlier))
        node = op.relu(op.matmul(node, op.constant(weights), False, False, name=name))
    node.output(0).set_names({"y"})
    return ov.Model([op.result(node)], [x], "layers")


@pytest.fixture
def run(stage: Stage, recipe: Recipe, tmp_path: Path) -> dict[str, Any]:
    """The model, quantized and ranked, and what the stages are told."""
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(1)
    for number, time in enumerate((2, 4, 5, 8)):
        np.save(tmp_path / "data" / f"{number}.npy", rng.standard_normal((time, WIDTH)).astype(np.float32))
    told = TOY.model_dump(mode="json")
    samples = {"input": "x", "sample_rate": None, "calibration": [f"{n}.npy" for n in range(4)], "digest": ""}
    fed = {"program": told, "original": told["inputs"], "samples": samples}
    read = write(tmp_path / "read", layers())
    quantized = stage("quantize", read, data=tmp_path / "data", recipe=recipe(), **fed)
    ranked = stage("rank", read, quantized, data=tmp_path / "data", outputs=["y"], selects=[], **fed)
    return {"folders": (read, quantized, ranked), "told": {"data": tmp_path / "data", "selects": [], **fed}}


def quantized_of(folder: Path) -> set[str]:
    """Return the layers whose input goes through a FakeQuantize."""
    return {
        operation.get_friendly_name()
        for operation in CORE.read_model(folder / "model.xml").get_ops()
        if operation.get_type_name() == "MatMul"
        and operation.input_value(0).get_node().get_type_name() == "FakeQuantize"
    }


def mixed(folder: Path) -> Any:
    return json.loads((folder / MIXED).read_bytes())


def test_the_most_harmful_is_ranked_first(run: dict[str, Any]) -> None:
    harm = json.loads((run["folders"][2] / HARM).read_bytes())
    assert [block["sqnr"] for block in harm] == sorted(block["sqnr"] for block in harm)
    assert "second" in harm[0]["operations"]
    assert harm[0]["sqnr"] < 10 < harm[1]["sqnr"]


def test_only_what_the_gate_needs_stays_floating_point(stage: Stage, run: dict[str, Any]) -> None:
    made = stage("mix", *run["folders"], gates=[{**GATE, "min": 10}], **run["told"])
    found = mixed(made)
    assert "second" in found["keep"]
    assert not {"first", "third"} & {*found["keep"]}
    assert quantized_of(made) == {"first", "third"}
    assert [point["kept"] for point in found["curve"]] == sorted(point["kept"] for point in found["curve"])
    assert found["curve"][0]["share"] == 1


def test_what_all_of_int8_reaches_keeps_nothing(stage: Stage, run: dict[str, Any]) -> None:
    made = stage("mix", *run["folders"], gates=[{**GATE, "min": -200}], **run["told"])
    assert mixed(made)["keep"] == []
    assert quantized_of(made) == {"first", "second", "third"}


def test_gates_that_the_original_itself_does_not_meet_are_refused(stage: Stage, run: dict[str, Any]) -> None:
    with pytest.raises(NpuspecError, match="not even in floating point") as caught:
        stage("mix", *run["folders"], gates=[{**GATE, "min": 250}], **run["told"])
    assert caught.value.code == "no-mix"


def test_what_was_chosen_before_is_not_searched_for(stage: Stage, run: dict[str, Any]) -> None:
    asked = {"gates": [{**GATE, "min": 10}], **run["told"]}
    made = stage("mix", *run["folders"], files={"chosen": ["third"]}, **asked)
    assert (mixed(made)["keep"], mixed(made)["curve"]) == (["third"], [])
    assert quantized_of(made) == {"first", "second"}
