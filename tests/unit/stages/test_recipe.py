"""Each option of the recipe reaches NNCF: what is made of a small model is another with it."""

from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino as ov
import pytest
from msgspec import convert
from nncf.quantization import advanced_parameters as advanced
from nncf.quantization.range_estimator import AggregatorType
from openvino import opset13 as op
from runtime.toys import CORE, data, program

from npuspec.plan.model import Recipe as RecipeModel
from npuspec.spec.models import Quantization
from npuspec.stages.calibration import Fitting
from npuspec.stages.placed import Checked
from npuspec.stages.quantize import Job, _compress, _quantize
from npuspec.stages.recipe import advanced_parameters
from stages.conftest import CONV, Recipe
from toy_specs import convolutions

WIDTH = 16
LINEAR = program(data(axes=("time", WIDTH)), sizes=({"time": 8},), minimum=1)


def linear() -> ov.Model:
    """Two layers, the first of which has inputs of very different sizes."""
    rng = np.random.default_rng(0)
    x = op.parameter([1, 8, WIDTH], np.float32, name="x")
    x.output(0).set_names({"x"})
    node: Any = x
    for name in ("first", "second"):
        weights = op.constant(rng.standard_normal((WIDTH, WIDTH)).astype(np.float32), name=f"{name} weights")
        node = op.relu(op.matmul(op.add(node, np.float32(0.1)), weights, False, False, name=name))
    node.output(0).set_names({"y"})
    return ov.Model([op.result(node)], [x], "linear")


def biased() -> ov.Model:
    """Two convolutions, each with a bias."""
    rng = np.random.default_rng(0)
    x = op.parameter([1, 3, 32], np.float32, name="x")
    x.output(0).set_names({"x"})
    node: Any = x
    for out, into in ((8, 3), (2, 8)):
        weights = op.constant(rng.standard_normal((out, into, 3)).astype(np.float32))
        bias = op.constant(rng.standard_normal((1, out, 1)).astype(np.float32))
        node = op.relu(op.add(op.convolution(node, weights, [1], [1], [1], [1]), bias))
    node.output(0).set_names({"y"})
    return ov.Model([op.result(node)], [x], "biased")


MODELS: dict[str, Any] = {
    "convolutions": (lambda: convolutions(32), CONV, (3, 32)),
    "linear": (linear, LINEAR, (8, WIDTH)),
    "biased": (biased, CONV, (3, 32)),
}


def samples(*shape: int, count: int = 8) -> list[dict[str, Any]]:
    """Samples one of which has a value far from all others."""
    rng = np.random.default_rng(1)
    made = [{"x": rng.standard_normal(shape).astype(np.float32)} for _ in range(count)]
    made[0]["x"].flat[0] = 50
    for sample in made:
        sample["x"][..., 0] *= 20  # a channel with outliers
    return made


def quantized(recipe: dict[str, Any], *, of: str = "convolutions", types: tuple[str, ...] = ()) -> ov.Model:
    model, toy, shape = MODELS[of]
    told = convert({**recipe, "keep_types": sorted(types)}, RecipeModel)
    job = Job(model(), CORE, told, toy, toy.inputs)
    fitting = Fitting([Checked("", sample, {"time": toy.dims["time"].maximum}) for sample in samples(*shape)], [], [])
    return _quantize(job, fitting, lambda _done, _total: None)


def compressed(recipe: dict[str, Any], *, types: tuple[str, ...] = ()) -> ov.Model:
    read = convert({**recipe, "mode": "weights", "keep_types": types}, RecipeModel)
    return _compress(Job(linear(), CORE, read, LINEAR, LINEAR.inputs))


def constants(model: ov.Model) -> list[Any]:
    return [node.data.copy() for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]


def same(one: ov.Model, two: ov.Model) -> bool:
    left, right = constants(one), constants(two)
    return len(left) == len(right) and all(
        a.shape == b.shape and (a == b).all() for a, b in zip(left, right, strict=True)
    )


def kinds(model: ov.Model) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


def weights_of(model: ov.Model) -> list[Any]:
    """Return the quantized weights of each convolution, in order."""
    found = []
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Convolution":
            below = node.input_value(1).get_node()
            while below.get_type_name() != "Constant":
                below = below.input_value(0).get_node()
            found.append(below.data.astype(np.int64))
    return found


def test_the_same_recipe_gives_the_same_model(recipe: Recipe) -> None:
    assert same(quantized(recipe()), quantized(recipe()))


@pytest.mark.parametrize(
    ("fix", "halved"),
    [("enable", (True, True, True)), ("first-layer", (True, False, False)), ("disable", (False, False, False))],
)
def test_the_overflow_fix_leaves_one_bit_of_the_weights_free(
    recipe: Recipe, fix: str, halved: tuple[bool, ...]
) -> None:
    weights = weights_of(quantized(recipe(overflow_fix=fix)))
    assert [abs(w).max() <= 64 for w in weights] == [*halved]
    assert all(abs(w).max() > 32 for w in weights)


def test_the_two_ways_of_correcting_biases_are_told_apart(recipe: Recipe) -> None:
    quick, slow = (quantized(recipe(fast_bias_correction=fast), of="biased") for fast in (True, False))
    assert not same(quick, slow)


@pytest.mark.parametrize("name", ["minmax", "mean-minmax", "median-minmax", "mean-no-outliers-minmax", "histogram"])
def test_the_range_of_activations_is_estimated_as_the_recipe_says(recipe: Recipe, name: str) -> None:
    found = advanced_parameters(convert(recipe(activations_range=name), RecipeModel)).activations_range_estimator_params
    aggregators = {
        "minmax": (AggregatorType.MIN, AggregatorType.MAX),
        "mean-minmax": (AggregatorType.MEAN, AggregatorType.MEAN),
        "median-minmax": (AggregatorType.MEDIAN, AggregatorType.MEDIAN),
        "mean-no-outliers-minmax": (AggregatorType.MEAN_NO_OUTLIERS, AggregatorType.MEAN_NO_OUTLIERS),
        "histogram": (AggregatorType.HISTOGRAM, AggregatorType.HISTOGRAM),
    }
    assert (found.min.aggregator_type, found.max.aggregator_type) == aggregators[name]


def input_range(model: ov.Model) -> float:
    """Return the greatest value of the model's input that is told from greater ones."""
    first = next(node for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize")
    return float(first.input_value(2).get_node().data.max())


def test_the_estimated_range_is_another_with_another_estimator(recipe: Recipe) -> None:
    names = ("minmax", "mean-minmax", "median-minmax")
    ranges = {name: input_range(quantized(recipe(activations_range=name))) for name in names}
    assert ranges["minmax"] > ranges["mean-minmax"] > ranges["median-minmax"]


def test_smooth_quantization_moves_outliers_in_a_transformer(recipe: Recipe) -> None:
    def made(alpha: float | None) -> ov.Model:
        return quantized(recipe(model_type="transformer", smooth_quant_alpha=alpha), of="linear")

    off, half, most = made(-1), made(0.5), made(0.95)
    assert not same(off, half)
    assert not same(half, most)
    assert same(made(None), made(0.95))  # NNCF's own choice


def test_smooth_quantization_is_nothing_elsewhere_which_is_why_the_language_refuses_it(recipe: Recipe) -> None:
    assert same(
        quantized(recipe(smooth_quant_alpha=0.5), of="linear"), quantized(recipe(smooth_quant_alpha=-1), of="linear")
    )


def test_types_that_are_kept_stay_floating_point(recipe: Recipe) -> None:
    whole, kept = quantized(recipe()), quantized(recipe(), types=("Convolution",))
    assert "FakeQuantize" in kinds(whole)
    assert "FakeQuantize" not in kinds(kept)
    sample = {"x": samples(3, 32)[1]["x"][None]}
    wanted = CORE.compile_model(convolutions(32), "CPU")(sample)["y"]
    found = CORE.compile_model(kept, "CPU")(sample)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def scales(model: ov.Model) -> int:
    """Return how many scales there are: one a channel, or one a group."""
    shapes = [node.get_output_shape(0) for node in model.get_ops() if node.get_friendly_name().endswith("scale")]
    return sum(int(np.prod(shape)) for shape in shapes)


@pytest.mark.parametrize(("group", "groups"), [(-1, 1), (WIDTH, 1), (8, 2)])
def test_a_group_of_weights_has_a_scale_of_its_own(recipe: Recipe, group: int, groups: int) -> None:
    assert scales(compressed(recipe(weights_mode="int4-sym", group_size=group))) == WIDTH * (
        groups + 1
    )  # the last is INT8


def test_weights_that_are_kept_stay_as_they_are(recipe: Recipe) -> None:
    assert scales(compressed(recipe(), types=("MatMul",))) == 0


def test_every_value_of_the_language_is_one_of_nncf_s(recipe: Recipe, tmp_path: Path) -> None:
    del tmp_path
    for fix in ("enable", "first-layer", "disable"):
        found = advanced_parameters(convert(recipe(overflow_fix=fix), RecipeModel)).overflow_fix
        assert found is advanced.OverflowFix[fix.replace("-layer", "_layer").upper()]
    for preset in ("performance", "mixed"):
        assert getattr(nncf.QuantizationPreset, preset.upper())


def test_what_the_recipe_leaves_open_is_nncf_s_own_choice(recipe: Recipe) -> None:
    own, ours = advanced.AdvancedQuantizationParameters(), advanced_parameters(convert(recipe(), RecipeModel))
    assert ours.smooth_quant_alphas == own.smooth_quant_alphas
    assert ours.activations_range_estimator_params == own.activations_range_estimator_params


def test_the_language_s_defaults_are_the_recipe_that_the_tests_are_of(recipe: Recipe) -> None:
    written = Quantization().model_dump()
    assert {key: written[key] for key in ("preset", "fast_bias_correction", "overflow_fix")} == {
        key: recipe()[key] for key in ("preset", "fast_bias_correction", "overflow_fix")
    }
