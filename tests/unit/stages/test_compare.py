"""The precisions side by side: sizes, agreement, the gates' figures, and latencies as ratios."""

from pathlib import Path
from typing import Any

import pytest

from stages.conftest import Recipe, gates
from stages.mixing import LENGTHS, Mixer, content
from stages.quantized import ruined


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Mixer:
    return Mixer.of(tmp_path_factory.mktemp("ruined"), recipe, ruined(), lengths=(*LENGTHS, 40))


def compare(mixer: Mixer, made: dict[str, Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the rows by precision, and the timings."""
    folder = mixer(
        "compare", *made.values(), which="validation", precisions=[*made], gates=gates("cosine", "y0", min=0.9)
    )
    return {row.pop("precision"): row for row in content(folder, "compared.json")}, content(folder, "timings.json")


def test_each_precision_is_held_against_the_original(mixer: Mixer) -> None:
    rows, timings = compare(mixer, {"int8": mixer.quantized, "mixed": mixer.mix(gates=[], chosen=["ruinous"])})
    assert [*rows] == ["original", "fp16", "int8", "mixed"]
    assert {name: row["quantized_operations"] for name, row in rows.items()} == {
        "original": 0, "fp16": 0, "int8": 4, "mixed": 3,
    }  # fmt: skip
    for name, folder in (("original", mixer.read), ("int8", mixer.quantized)):
        assert rows[name]["bytes"] == sum((folder / f"model.{part}").stat().st_size for part in ("xml", "bin"))
    figures = {name: row["agreement"]["y0"] for name, row in rows.items()}
    assert figures["original"]["max-abs-difference"] == 0
    assert figures["fp16"]["sqnr"] > 40 > figures["mixed"]["sqnr"] > figures["int8"]["sqnr"]
    subject = "cosine of quantized against static, y0"
    assert {name: row["gates"][subject] for name, row in rows.items()} == {
        name: pytest.approx(found["cosine"]) for name, found in figures.items()
    }
    assert timings["sample"] == "3.npy"  # the longest is left out, as no size holds it
    assert {*timings["latency"]} == {*rows}
    assert timings["latency"]["original"] == 1


def test_weights_alone_are_compared_too(mixer: Mixer) -> None:
    rows, _ = compare(mixer, {"weights": mixer("quantize", recipe=mixer.recipe(mode="weights"))})
    assert [*rows] == ["original", "fp16", "weights"]
    assert rows["weights"]["quantized_operations"] == 4
    assert rows["weights"]["agreement"]["y0"]["sqnr"] < rows["fp16"]["agreement"]["y0"]["sqnr"]


def test_a_precision_that_makes_nan_is_compared_with_the_others(mixer: Mixer) -> None:
    rows, _ = compare(mixer, {"int8": mixer.poisoned})
    assert rows["int8"]["agreement"]["y0"]["sqnr"] == -200
    assert rows["fp16"]["agreement"]["y0"]["sqnr"] > 20
