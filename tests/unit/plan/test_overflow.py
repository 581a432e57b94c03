"""What a plan says of samples longer than the largest size."""

import pytest
from msgspec import structs

from builders import SMALL, lengths_of, port, program_of, signature_of, spec_of
from npuspec.bundle.program import Extent, Output
from npuspec.plan.passes.overflow import check_chunks, multiples, plan_dims

CHUNK = SMALL.replace('overflow = "error"', 'overflow = "chunk"\noverlap = 8\nstitch = "average"')
POOLED = (port("y", None, None, 8), port("pooled", None, 8, dtype="int64"))


def test_an_error_and_truncation_have_nothing_of_chunks() -> None:
    for overflow in ("error", "truncate"):
        dim = program_of(spec_of(SMALL.replace('overflow = "error"', f'overflow = "{overflow}"'))).dims["time"]
        assert (dim.overflow, dim.overlap, dim.stitch, dim.step) == (overflow, 0, "concatenate", 1)


def test_chunks_begin_where_a_step_of_every_output_does() -> None:
    spec = spec_of(CHUNK + "pad-multiple = 8\n")
    outputs = [
        Output(name="a", dtype="float32", extents=(Extent(dim="time", axis=1, divisor=6),)),
        Output(name="b", dtype="float32", extents=(Extent(dim="time", axis=1, scale=2, divisor=10),)),
        Output(name="c", dtype="float32", extents=()),
    ]
    found = structs.replace(lengths_of(spec).dims["time"], multiple=8)
    dim = plan_dims(spec, {"time": found}, outputs)["time"]
    assert (dim.overflow, dim.overlap, dim.stitch, dim.step) == ("chunk", 8, "average", 120)


def test_outputs_that_cannot_become_one_are_a_fault() -> None:
    spec = spec_of(CHUNK)
    program = program_of(spec, signature_of(outputs=POOLED))
    assert check_chunks(program) == []
    program = structs.replace(program, outputs=(Output(name="pooled", dtype="int64", extents=()),))
    [fault] = check_chunks(program)
    assert (fault.code, fault.labels[0].path) == ("unstitchable", ("dims", "time", "overflow"))
    assert "output `pooled` has no axis that follows from `time`" in fault.message


@pytest.mark.parametrize(("lines", "multiple"), [("", 1), ("pad-multiple = 32\n", 32)])
def test_a_dimension_has_the_multiple_of_the_inputs_that_have_it(lines: str, multiple: int) -> None:
    assert multiples(spec_of(SMALL + lines)) == {"time": multiple}


def test_two_inputs_of_one_dimension_have_one_multiple() -> None:
    text = (
        SMALL.replace("size = 64", "size = 48")
        + 'pad-multiple = 6\n[inputs.z]\nshape = ["batch", "time"]\npad-multiple = 8\n'
    )
    assert multiples(spec_of(text)) == {"time": 24}
