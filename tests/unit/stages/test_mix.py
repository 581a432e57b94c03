"""A mix keeps the most harmful blocks in floating point: the fewest with which the gates hold."""

from typing import Any

import numpy as np
import openvino as ov
import pytest

from npuspec.diagnostics import NpuspecError
from npuspec.stages.mix import _ladder
from stages.conftest import Recipe, gates
from stages.mixing import Mixer, content, sqnr
from stages.quantized import ruined

LIMIT = 15  # dB: what three products lose together is less, what the ruinous one loses more
MATMULS = ["first", "last", "ruinous", "second"]


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Mixer:
    return Mixer.of(tmp_path_factory.mktemp("ruined"), recipe, ruined())


def mix(mixer: Mixer, metric: str = "sqnr", **limits: float) -> dict[str, Any]:
    made = mixer.mix(gates=gates(metric, "y0", **limits))
    found: dict[str, Any] = content(made, "mixed.json")
    return {**found, "folder": made}


@pytest.mark.parametrize(
    ("most", "steps"),
    [(0, [0]), (1, [0, 1]), (2, [0, 1, 2]), (4, [0, 1, 2, 4]), (5, [0, 1, 2, 4, 5]), (20, [0, 1, 2, 4, 8, 16, 20])],
)
def test_the_steps_grow_until_everything_is_floating_point(most: int, steps: list[int]) -> None:
    assert [*_ladder(most)] == steps


def test_the_layer_that_ruins_the_outputs_is_kept_and_no_other(mixer: Mixer) -> None:
    found = mix(mixer, min=LIMIT)
    assert found["keep"] == ["ruinous"]
    assert found["quantized_operations"] == 3
    assert [(point["kept"], point["share"]) for point in found["curve"]] == [(0, 1), (1, 0.75)]
    assert mixer.operations(found["folder"]) == ["first", "last", "second"]
    figure = next(iter(found["curve"][1]["figures"].values()))
    assert sqnr(mixer.outputs(found["folder"]), mixer.outputs(mixer.read)) == pytest.approx(figure, abs=1.5)
    again = mixer.mix(gates=[], chosen=found["keep"])
    for name in ("model.xml", "model.bin"):
        assert (again / name).read_bytes() == (found["folder"] / name).read_bytes()


@pytest.mark.parametrize("limit", [25, 60])
def test_no_fewer_would_do(mixer: Mixer, limit: float) -> None:
    found = mix(mixer, min=limit)
    reached = {point["kept"]: next(iter(point["figures"].values())) for point in found["curve"]}
    kept = len(found["keep"])
    ranked = content(mixer.ranked, "harm.json")
    assert found["keep"] == sorted(name for block in ranked[:kept] for name in block["operations"])
    assert kept - 1 in reached
    assert reached[kept] >= limit
    assert found["quantized_operations"] == len(MATMULS) - kept


@pytest.mark.parametrize("held", [gates("sqnr", "y0", min=0), []], ids=["a gate", "none"])
def test_what_all_of_int8_reaches_keeps_nothing(mixer: Mixer, held: list[dict[str, Any]]) -> None:
    made = mixer.mix(gates=held)
    found = content(made, "mixed.json")
    assert (found["keep"], found["quantized_operations"]) == ([], 4)
    assert (made / "model.bin").read_bytes() == (mixer.quantized / "model.bin").read_bytes()


def test_limits_that_only_the_original_meets_keep_everything(mixer: Mixer) -> None:
    found = mix(mixer, min=65)
    assert found["keep"] == MATMULS
    assert found["quantized_operations"] == 0
    assert sqnr(mixer.outputs(found["folder"]), mixer.outputs(mixer.read)) > 60  # of FP16


def test_gates_that_the_original_itself_does_not_meet_are_refused(mixer: Mixer) -> None:
    with pytest.raises(NpuspecError, match="not even in floating point") as caught:
        mix(mixer, "cosine", min=1.5)
    assert caught.value.code == "no-mix"
    message = caught.value.diagnostics[0].message
    assert "cosine of quantized against static, y0: 1, at least 1.5 wanted" in message


def test_what_was_chosen_before_is_not_searched_for(mixer: Mixer) -> None:
    made = mixer.mix(gates=gates("sqnr", "y0", min=LIMIT), chosen=["first", "last"], samples=None)
    found = content(made, "mixed.json")
    assert (found["keep"], found["curve"], found["quantized_operations"]) == (["first", "last"], [], 2)
    assert mixer.operations(made) == ["ruinous", "second"]


def test_a_choice_by_hand_of_what_is_not_there_is_refused(mixer: Mixer) -> None:
    with pytest.raises(NpuspecError) as caught:
        mixer.mix(gates=[], chosen=["frist", "last", "x"])
    one, other = caught.value.diagnostics
    assert (one.code, other.code) == ("unknown-operation", "unknown-operation")
    assert one.message == "[mixed] in the lock keeps `frist`, and no quantized operation has that name"
    assert one.help == "take [mixed] out of the lock, and what to keep is searched for anew; did you mean `first`?"
    assert "`x`" in other.message


def test_a_model_in_which_nothing_is_quantized_is_its_own_mix(mixer: Mixer) -> None:
    quantized = mixer.quantize(keep_types=["MatMul", "Multiply"])
    made = mixer("mix", quantized, mixer("rank", quantized), gates=gates("sqnr", "y0", min=LIMIT))
    assert content(made, "mixed.json")["keep"] == []


def test_a_mix_that_makes_nan_is_none(mixer: Mixer) -> None:
    ranked = mixer("rank", mixer.poisoned)
    made = mixer("mix", mixer.poisoned, ranked, gates=gates("cosine", "y0", min=-1))
    assert content(made, "mixed.json")["keep"] == ["last"]
    assert all(np.isfinite(output).all() for output in mixer.outputs(made))


def test_what_a_mix_keeps_is_fp16(mixer: Mixer) -> None:
    made = mixer.mix(gates=[], chosen=["first", "ruinous"])
    model = ov.Core().read_model(made / "model.xml")
    products = [op for op in model.get_ops() if op.get_type_name() == "MatMul"]
    kinds = {op.get_friendly_name().removesuffix("/floating"): _weights(op) for op in products}
    assert {name: kinds[name] for name in ("first", "ruinous")} == {"first": "f16", "ruinous": "f16"}
    assert {kinds[name] for name in ("second", "last")} <= {"i8", "u8"}


def _weights(operation: Any) -> str:
    """Return the type that an operation's weights are stored in."""
    node = operation.input_value(1).get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    kind: str = node.get_element_type().get_type_name()
    return kind
