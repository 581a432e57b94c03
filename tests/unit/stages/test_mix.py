"""A mix keeps the most harmful blocks in floating point: the fewest with which the gates hold."""

from typing import Any

import numpy as np
import pytest
from runtime.toys import CORE

from npuspec.diagnostics import NpuspecError
from npuspec.stages.mix import _ladder
from npuspec.stages.switched import twins
from stages.conftest import Recipe, Stage, gates
from stages.mixing import Mixer, content, sqnr
from stages.quantized import ruined

LIMIT = 15  # dB: what three products lose together is less, what the ruinous one loses more
MATMULS = ["first", "last", "ruinous", "second"]


@pytest.fixture
def mixer(stage: Stage, recipe: Recipe) -> Mixer:
    return Mixer.of(stage, recipe, ruined())


def mix(mixer: Mixer, metric: str = "sqnr", **limits: float) -> dict[str, Any]:
    quantized = mixer.quantize()
    ranked = mixer.rank(quantized)
    made = mixer("mix", quantized, ranked, gates=gates(metric, "y0", **limits))
    found: dict[str, Any] = content(made, "mixed.json")
    return {**found, "folder": made, "ranked": content(ranked, "harm.json"), "inputs": (quantized, ranked)}


@pytest.mark.parametrize(
    ("most", "steps"),
    [
        (0, [0]),
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (4, [0, 1, 2, 3, 4]),
        (8, [0, 1, 2, 3, 5, 8]),
        (20, [0, 1, 2, 3, 5, 8, 13, 20]),
    ],
)
def test_the_steps_grow_until_everything_is_floating_point(most: int, steps: list[int]) -> None:
    assert [*_ladder(most)] == steps


def test_the_layer_that_ruins_the_outputs_is_kept_and_no_other(mixer: Mixer) -> None:
    found = mix(mixer, min=LIMIT)
    assert found["keep"] == ["ruinous"]
    assert found["quantized_operations"] == 3
    assert [(point["kept"], point["share"]) for point in found["curve"]] == [(0, 1), (1, 0.75)]
    model, original = (CORE.read_model(folder / "model.xml") for folder in (found["folder"], mixer.read))
    assert sorted(twin.name for twin in twins(model, original)) == ["first", "last", "second"]
    figure = next(iter(found["curve"][1]["figures"].values()))
    assert sqnr(mixer.outputs(found["folder"]), mixer.outputs(mixer.read)) == pytest.approx(figure, abs=1.5)


@pytest.mark.parametrize("limit", [0, LIMIT, 25, 35, 60])
def test_no_fewer_would_do(mixer: Mixer, limit: float) -> None:
    found = mix(mixer, min=limit)
    reached = {point["kept"]: next(iter(point["figures"].values())) for point in found["curve"]}
    kept = len(found["keep"])
    assert found["keep"] == sorted(name for block in found["ranked"][:kept] for name in block["operations"])
    assert reached[kept] >= limit
    assert kept == 0 or reached[kept - 1] < limit
    assert found["quantized_operations"] == len(MATMULS) - kept


def test_what_holds_at_once_keeps_nothing(mixer: Mixer) -> None:
    found = mix(mixer, min=0)
    assert (found["keep"], found["quantized_operations"]) == ([], 4)
    assert (found["folder"] / "model.bin").read_bytes() == (found["inputs"][0] / "model.bin").read_bytes()


def test_without_a_gate_on_what_is_quantized_everything_stays_quantized(mixer: Mixer) -> None:
    quantized = mixer.quantize()
    made = mixer("mix", quantized, mixer.rank(quantized), gates=[])
    assert content(made, "mixed.json")["keep"] == []


def test_limits_that_only_the_original_meets_keep_everything(mixer: Mixer) -> None:
    found = mix(mixer, "max-abs-difference", max=0)
    assert found["keep"] == MATMULS
    assert found["quantized_operations"] == 0
    assert sqnr(mixer.outputs(found["folder"]), mixer.outputs(mixer.read)) > 100


def test_limits_that_nothing_meets_are_a_fault_with_the_figures(mixer: Mixer) -> None:
    with pytest.raises(NpuspecError) as caught:
        mix(mixer, "cosine", min=1.5)
    assert caught.value.code == "no-mix"
    message = caught.value.diagnostics[0].message
    assert "cosine of quantized against static, y0: 1, at least 1.5 wanted" in message


def test_what_was_chosen_before_is_not_searched_for(mixer: Mixer) -> None:
    quantized = mixer.quantize()
    ranked = mixer.rank(quantized)
    held = gates("sqnr", "y0", min=LIMIT)
    made = mixer("mix", quantized, ranked, gates=held, chosen=["first", "last"], samples=None)
    assert content(made, "mixed.json") == {"curve": [], "keep": ["first", "last"], "quantized_operations": 2}


def test_what_was_chosen_by_hand_and_is_not_there_is_a_fault(mixer: Mixer) -> None:
    quantized = mixer.quantize()
    with pytest.raises(NpuspecError, match="`frist`") as caught:
        mixer("mix", quantized, mixer.rank(quantized), gates=[], chosen=["frist", "last"])
    assert caught.value.code == "unknown-operation"


def test_what_was_found_and_is_given_again_makes_the_same_model(mixer: Mixer) -> None:
    found = mix(mixer, min=LIMIT)
    again = mixer("mix", *found["inputs"], name="again", gates=[], chosen=found["keep"])
    for name in ("model.xml", "model.bin"):
        assert (again / name).read_bytes() == (found["folder"] / name).read_bytes()


def test_a_model_in_which_nothing_is_quantized_is_its_own_mix(mixer: Mixer) -> None:
    quantized = mixer.quantize(keep_types=["MatMul", "Multiply"])
    made = mixer("mix", quantized, mixer.rank(quantized), gates=gates("sqnr", "y0", min=LIMIT))
    assert content(made, "mixed.json")["keep"] == []


def test_a_mix_that_makes_nan_is_none(mixer: Mixer) -> None:
    quantized = mixer.poisoned()
    made = mixer("mix", quantized, mixer.rank(quantized), gates=gates("cosine", "y0", min=-1))
    assert content(made, "mixed.json")["keep"] == ["last"]
    assert all(np.isfinite(output).all() for output in mixer.outputs(made))
