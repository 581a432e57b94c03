"""Which of an input's axes vary."""

from builders import SMALL, spec_of
from npuspec.spec.axes import varying_axes
from npuspec.spec.models import DataInput

IMAGE = SMALL.replace('["batch", "time"]', '["batch", 3, "time", "width"]').replace(
    "[inputs.x]", '[dims.width]\nstrategy = "pad"\nsize = 8\noverflow = "error"\n\n[inputs.x]'
)


def test_varying_axes_are_those_that_are_padded() -> None:
    spec = spec_of(IMAGE)
    data = spec.inputs["x"]
    assert isinstance(data, DataInput)
    assert varying_axes(spec, data) == [2, 3]


def test_a_fixed_dimension_and_a_size_do_not_vary() -> None:
    spec = spec_of(SMALL.replace('"pad"', '"fixed"').replace('overflow = "error"\n', ""))
    data = spec.inputs["x"]
    assert isinstance(data, DataInput)
    assert varying_axes(spec, data) == []
