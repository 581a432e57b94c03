"""NNCF's accuracy control puts back what costs the most of the gates' accuracy."""

from pathlib import Path

import pytest
from runtime.toys import CORE

from npuspec.stages.switched import twins
from stages.conftest import Recipe, Stage, gates
from stages.mixing import Mixer, content, sqnr
from stages.quantized import ruined


@pytest.fixture
def mixer(stage: Stage, recipe: Recipe) -> Mixer:
    return Mixer.of(stage, recipe, ruined())


def control(mixer: Mixer, metric: str = "cosine", **changes: object) -> Path:
    told = mixer.recipe(mode="accuracy-control", subset_size=len(mixer.paths), **changes)
    return mixer("control", recipe=told, gates=gates(metric, "y0", min=0.9))


def quantized_of(mixer: Mixer, made: Path) -> list[str]:
    model, original = (CORE.read_model(folder / "model.xml") for folder in (made, mixer.read))
    return sorted(twin.name for twin in twins(model, original))


def test_the_layer_that_ruins_the_outputs_is_put_back(mixer: Mixer) -> None:
    made = control(mixer, max_drop=0.02)
    assert sorted(p.name for p in made.iterdir()) == ["model.bin", "model.xml", "quantization.json", "timings.json"]
    assert "ruinous" not in quantized_of(mixer, made)
    found = content(made, "quantization.json")
    assert found["quantized_operations"] == len(quantized_of(mixer, made)) > 0
    assert (found["samples"], found["samples_wanted"]) == (5, 5)
    before, after = (sqnr(mixer.outputs(folder), mixer.outputs(mixer.read)) for folder in (mixer.quantize(), made))
    assert after > 15 > 5 + before


def test_a_drop_that_is_allowed_puts_nothing_back(mixer: Mixer) -> None:
    assert quantized_of(mixer, control(mixer, max_drop=1.0)) == ["first", "last", "ruinous", "second"]


def test_what_is_kept_by_the_spec_stays_kept(mixer: Mixer) -> None:
    made = control(mixer, max_drop=0.02, keep_names=["first"])
    assert content(made, "quantization.json")["kept"] == ["first"]
    assert not {"first", "ruinous"} & {*quantized_of(mixer, made)}
