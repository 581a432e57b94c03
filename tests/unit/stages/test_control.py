"""NNCF's accuracy control puts back what costs the most of the gates' accuracy."""

from pathlib import Path

import pytest

from stages.conftest import Recipe, gates
from stages.mixing import Mixer, content, sqnr
from stages.quantized import ruined


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Mixer:
    return Mixer.of(tmp_path_factory.mktemp("ruined"), recipe, ruined())


def control(mixer: Mixer, **changes: object) -> Path:
    told = mixer.recipe(mode="accuracy-control", subset_size=len(mixer.paths), **changes)
    return mixer("control", recipe=told, gates=gates("cosine", "y0", min=0.9))


def test_the_layer_that_ruins_the_outputs_is_put_back_and_what_the_spec_keeps_stays_kept(mixer: Mixer) -> None:
    made = control(mixer, max_drop=0.02, keep_names=["first"])
    assert sorted(p.name for p in made.iterdir()) == ["model.bin", "model.xml", "quantization.json", "timings.json"]
    left = mixer.operations(made)
    assert not {"first", "ruinous"} & {*left}
    found = content(made, "quantization.json")
    assert (found["kept"], found["quantized_operations"]) == (["first"], len(left))
    assert left
    assert (found["samples"], found["samples_wanted"]) == (5, 5)
    before, after = (sqnr(mixer.outputs(folder), mixer.outputs(mixer.read)) for folder in (mixer.quantized, made))
    assert after > 15 > 5 + before


def test_a_drop_that_is_allowed_puts_nothing_back(mixer: Mixer) -> None:
    assert mixer.operations(control(mixer, max_drop=1.0)) == ["first", "last", "ruinous", "second"]
