"""The language: its keys and its defaults, which stand in the models and nowhere else."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from builders import SMALL, faults_of, spec_of
from npuspec.spec import Spec, models


def tables() -> list[type[models.Table]]:
    return [model for model in vars(models).values() if isinstance(model, type) and issubclass(model, models.Table)]


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__)
def test_keys_are_kebab_case(table: type[models.Table]) -> None:
    for name, field in table.model_fields.items():
        assert field.alias == name.replace("_", "-")


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__)
def test_tables_are_strict_closed_and_frozen(table: type[models.Table]) -> None:
    config = table.model_config
    assert (config.get("extra"), config.get("strict"), config.get("frozen")) == ("forbid", True, True)


def test_an_underscore_is_not_a_hyphen() -> None:
    assert [fault.code for fault in faults_of(SMALL + "pad_value = 1.0\n")] == ["unknown-key"]
    assert spec_of(SMALL + "pad-value = 1.0\n").inputs["x"].model_dump()["pad_value"] == 1.0


def test_what_the_shortest_spec_leaves_out_has_these_values() -> None:
    defaults: dict[str, Any] = spec_of(SMALL).model_dump()
    assert defaults == {
        "npuspec": 1,
        "model": {"source": "model.onnx", "sha256": None},
        "data": None,
        "target": {"device": "NPU", "platforms": (), "fallback": ("CPU",)},
        "properties": {"core": {}, "unchecked": {}},
        "dims": {
            "time": {
                "strategy": "pad",
                "size": 64,
                "overflow": "error",
                "overlap": None,
                "stitch": None,
                "lengths": None,
            }
        },
        "inputs": {
            "x": {
                "role": "data",
                "shape": ("batch", "time"),
                "layout": None,
                "pad_value": 0.0,
                "pad_side": "right",
                "pad_multiple": 1,
                "finite": False,
                "preprocess": None,
            }
        },
        "outputs": {},
        "batching": {"size": 1, "candidates": ()},
        "quantization": {
            "mode": "none",
            "preset": "performance",
            "model_type": None,
            "samples": 300,
            "fast_bias_correction": True,
            "smooth_quant_alpha": None,
            "overflow_fix": "first-layer",
            "activations_range": None,
            "weights_mode": "int8-asym",
            "group_size": None,
            "max_drop": 0.01,
            "drop_type": "absolute",
            "keep": {"names": (), "types": (), "patterns": (), "subgraphs": ()},
        },
        "gates": (),
        "cache": {"kind": "blob"},
        "load": {"kind": "occasional", "warm": None, "requests": None, "queue": 1024, "batch_wait_ms": 2.0},
        "allow": ({"code": "hidden-fallback", "reason": "the tests look at the device"},),
    }


def test_no_fallback_is_implied() -> None:
    assert spec_of(SMALL.replace('fallback = ["CPU"]\n', "")).target.fallback == ()


def test_what_happens_to_a_longer_sample_is_never_implied() -> None:
    for dim in (models.PadDim, models.BucketsDim):
        assert dim.model_fields["overflow"].is_required()


def test_a_length_is_that_of_the_input_unless_a_rule_is_stated() -> None:
    text = SMALL + '[outputs.y]\nlength = { dim = "time", axis = 1 }\n'
    length = spec_of(text).outputs["y"].length
    assert length is not None
    assert (length.scale, length.offset, length.divisor) == (1, 0, 1)


def test_a_spec_can_not_be_changed_once_it_is_checked() -> None:
    spec = spec_of(SMALL)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(spec, "batching", models.Batching(size=2))  # noqa: B010  mypy knows that it is frozen


def test_the_devices_are_those_that_npuspec_knows() -> None:
    assert get_args(models.Device) == ("NPU", "CPU")
    assert Spec.model_fields["npuspec"].is_required()
