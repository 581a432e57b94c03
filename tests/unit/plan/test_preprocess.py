"""What is done to a sample before it is padded, in terms of the model's axes."""

import pytest

from builders import SMALL, plan_of, port, signature_of, spec_of
from npuspec.bundle.program import Preprocess
from npuspec.plan.passes.preprocess import plan_preprocess
from npuspec.spec import models

IMAGE = SMALL.replace('["batch", "time"]', '["batch", 3, "time", 8]')


def planned(*lines: str, layout: str) -> Preprocess | None:
    text = IMAGE + f'layout = "{layout}"\n[inputs.x.preprocess]\n' + "".join(f"{line}\n" for line in lines)
    table = spec_of(text).inputs["x"]
    assert isinstance(table, models.DataInput)
    return plan_preprocess(table, port("x", None, 3, None, 8))


@pytest.mark.parametrize(
    ("layout", "given", "order", "channels"),
    [
        ("NCHW", "NHWC", (2, 0, 1), 0),
        ("NCHW", "NWHC", (2, 1, 0), 0),
        ("NHWC", "NCHW", (1, 2, 0), 2),
        ("NCHW", None, (0, 1, 2), 0),
        ("NC?W", None, (0, 1, 2), 0),
        ("NC??", None, (0, 1, 2), 0),
        ("N???", None, (0, 1, 2), None),
    ],
)
def test_the_model_s_axes_are_the_caller_s_in_another_order_or_as_they_are(
    layout: str, given: str | None, order: tuple[int, ...], channels: int | None
) -> None:
    found = planned("mean = [0.5]", *([f'layout = "{given}"'] if given else []), layout=layout)
    assert found is not None
    assert (found.order, found.channels) == (order, channels)


@pytest.mark.parametrize(
    ("layout", "batch", "planned"),
    [
        ("", 1, {}),
        ("NC?W", 1, {"x": "NC?W"}),
        ("", 2, {"x": "N???"}),
        ("NC?W", 2, {"x": "NC?W"}),
        ("??HW", 2, {"x": "N?HW"}),
    ],
)
def test_a_batch_is_named_in_every_layout(layout: str, batch: int, planned: dict[str, str]) -> None:
    text = IMAGE + (f'layout = "{layout}"\n' if layout else "") + f"[batching]\nsize = {batch}\n"
    plan = plan_of(text, signature=signature_of(port("x", None, 3, None, 8)))
    assert [stage.parameters["layouts"] for stage in plan.stages if stage.verb == "shape"] == [planned]


def test_lengths_that_are_added_have_the_batch_too() -> None:
    text = SMALL + "[batching]\nsize = 2\n" + '[outputs.y]\nselect = { kind = "last-valid", dim = "time" }\n'
    (shape,) = (stage for stage in plan_of(text).stages if stage.verb == "shape")
    assert shape.parameters["layouts"] == {"x": "N?", "time_length": "N?"}
