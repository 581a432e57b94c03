"""Each quantized block alone: the one that ruins the outputs comes first."""

from pathlib import Path

import numpy as np
import pytest

from npuspec.stages.rank import Switched
from npuspec.stages.request import Request
from stages.conftest import Recipe, Stage, fed
from stages.mixing import Mixer, content, sqnr
from stages.quantized import CASES, ruined


@pytest.fixture
def mixer(stage: Stage, recipe: Recipe) -> Mixer:
    return Mixer.of(stage, recipe, ruined())


def test_the_layer_that_ruins_the_outputs_comes_first(mixer: Mixer) -> None:
    harm = content(mixer.rank(mixer.quantize()), "harm.json")
    assert harm[0]["operations"] == ["ruinous"]
    assert sorted(name for block in harm for name in block["operations"]) == ["first", "last", "ruinous", "second"]
    assert all(block["types"] == ["MatMul"] for block in harm)
    figures = [block["sqnr"] for block in harm]
    assert figures == sorted(figures)
    assert figures[0] < 20 < figures[1]


def test_what_a_block_costs_is_what_the_outputs_lose_by_it_alone(mixer: Mixer) -> None:
    quantized = mixer.quantize()
    ranked = mixer.rank(quantized)
    original = mixer.outputs(mixer.read)
    harm = content(ranked, "harm.json")
    for number, block in enumerate(harm):
        others = [name for other in harm if other is not block for name in other["operations"]]
        mixed = mixer("mix", quantized, ranked, name=f"mix {number}", gates=[], chosen=others)
        assert sqnr(mixer.outputs(mixed), original) == pytest.approx(block["sqnr"], abs=1.5)


def test_samples_are_padded_as_for_their_variants(mixer: Mixer, tmp_path: Path) -> None:
    quantized = mixer.quantize()
    parameters = fed(mixer.program)
    told = {"parameters": parameters, "inputs": [mixer.read, quantized], "output": tmp_path, "model": tmp_path}
    switched = Switched.load(Request.of({**told, "data": None}))
    assert [block.operations for block in switched.blocks] == [("first",), ("second",), ("ruinous",), ("last",)]


def test_progress_is_told_block_by_block(mixer: Mixer) -> None:
    from npuspec.stages import rank  # noqa: PLC0415

    quantized = mixer.quantize()
    seen: list[tuple[int, int]] = []
    (mixer.stage.root / "output").mkdir()
    arguments = {
        "parameters": {**fed(mixer.program), "outputs": ["y0"], "samples": {"input": "x", "sample_rate": None,
                       "calibration": mixer.paths, "digest": ""}},
        "inputs": [str(mixer.read), str(quantized)],
        "output": str(mixer.stage.root / "output"),
        "model": "",
        "data": str(mixer.stage.root / "data"),
    }  # fmt: skip
    rank.run(arguments, lambda done, total: seen.append((done, total)))
    assert seen == [(number, 4) for number in range(1, 5)]


def test_nothing_quantized_is_no_harm(mixer: Mixer) -> None:
    quantized = mixer.quantize(keep_types=["MatMul", "Multiply"])
    assert content(mixer.rank(quantized), "harm.json") == []


def test_a_model_that_keeps_state_is_ranked(stage: Stage, recipe: Recipe) -> None:
    mixer = Mixer.of(stage, recipe, CASES["stateful"](), 4, lengths=(4, 4, 4))
    harm = content(mixer.rank(mixer.quantize()), "harm.json")
    assert sorted(name for block in harm for name in block["operations"]) == ["first", "joined", "second"]
    assert all(np.isfinite(block["sqnr"]) for block in harm)


def test_a_block_that_makes_nan_is_the_most_harmful(mixer: Mixer) -> None:
    harm = content(mixer.rank(mixer.poisoned()), "harm.json")
    assert (harm[0]["operations"], harm[0]["sqnr"]) == (["last"], -200)
    assert harm[1]["sqnr"] > -200
