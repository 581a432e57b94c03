"""Each quantized block alone: the one that ruins the outputs comes first."""

from pathlib import Path

import numpy as np
import pytest

from stages.conftest import Recipe
from stages.mixing import Mixer, content, sqnr
from stages.quantized import CASES, namesakes, ruined


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Mixer:
    return Mixer.of(tmp_path_factory.mktemp("ruined"), recipe, ruined())


def test_the_layer_that_ruins_the_outputs_comes_first(mixer: Mixer) -> None:
    harm = content(mixer.ranked, "harm.json")
    assert harm[0]["operations"] == ["ruinous"]
    assert sorted(name for block in harm for name in block["operations"]) == ["first", "last", "ruinous", "second"]
    assert all(block["types"] == ["MatMul"] for block in harm)
    figures = [block["sqnr"] for block in harm]
    assert figures == sorted(figures)
    assert figures[0] < 15 < figures[1]


def test_what_a_block_costs_is_what_the_outputs_lose_by_it_alone(mixer: Mixer) -> None:
    original = mixer.outputs(mixer.read)
    harm = content(mixer.ranked, "harm.json")
    for block in (harm[0], harm[-1]):
        others = [name for other in harm if other is not block for name in other["operations"]]
        mixed = mixer.mix(gates=[], chosen=others)
        assert sqnr(mixer.outputs(mixed), original) == pytest.approx(block["sqnr"], abs=2.5)  # of fewer samples


def test_nothing_quantized_is_no_harm(mixer: Mixer) -> None:
    quantized = mixer.quantize(keep_types=["MatMul", "Multiply"])
    assert content(mixer("rank", quantized), "harm.json") == []


def test_a_model_that_keeps_state_is_ranked(tmp_path: Path, recipe: Recipe) -> None:
    mixer = Mixer.of(tmp_path, recipe, CASES["stateful"](), 4, lengths=(4, 4, 4))
    harm = content(mixer.ranked, "harm.json")
    assert sorted(name for block in harm for name in block["operations"]) == ["first", "joined", "second"]
    assert all(np.isfinite(block["sqnr"]) for block in harm)


def test_a_block_that_makes_nan_is_the_most_harmful(mixer: Mixer) -> None:
    harm = content(mixer("rank", mixer.poisoned), "harm.json")
    assert (harm[0]["operations"], harm[0]["sqnr"]) == (["last"], -200)
    assert harm[1]["sqnr"] > -200


def test_operations_of_one_name_are_ranked_and_put_back_each_for_itself(tmp_path: Path, recipe: Recipe) -> None:
    mixer = Mixer.of(tmp_path, recipe, namesakes())
    names = ["same", "same/2", "same/3"]
    assert sorted(name for block in content(mixer.ranked, "harm.json") for name in block["operations"]) == names
    assert mixer.operations(mixer.mix(gates=[], chosen=["same/2"])) == ["same", "same/3"]
    whole = mixer.mix(gates=[], chosen=names)
    assert sqnr(mixer.outputs(whole), mixer.outputs(mixer.read)) > 60  # of FP16
