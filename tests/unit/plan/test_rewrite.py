"""What is made of lengths inside the model, and the program of the model as it ships."""

import pytest
from msgspec import convert

from builders import SMALL, lengths_of, plan_of, port, signature_of, spec_of
from npuspec.bundle.program import Extent, LengthInput, MaskInput, Program
from npuspec.plan.model import BuiltMask, Rewrite, Selection
from npuspec.plan.passes.bind import build_program
from npuspec.plan.passes.rewrite import plan_rewrite, rewritten

X = port("x", None, None)
M = port("m", None, None, dtype="int64")
N = port("n", None, dtype="int64")
MASK = '[inputs.m]\nrole = "mask"\nof = "x"\nbuilt = "in-model"\n'
LENGTH = '[inputs.n]\nrole = "length"\nof = "x"\n'
TIME = Extent(dim="time", axis=1)
ADDED = LengthInput(name="time_length", dtype="int32", of="x", dim="time")
IMAGE = SMALL.replace('["batch", "time"]', '["batch", "time", "width"]').replace(
    "[inputs.x]", '[dims.width]\nstrategy = "pad"\nsize = 8\noverflow = "error"\n\n[inputs.x]'
)


def select(kind: str, dim: str = "time", axis: int = 1, output: str = "y") -> str:
    return f'[outputs.{output}]\nselect = {{ kind = "{kind}", dim = "{dim}", axis = {axis} }}\n'


def lowered(text: str, *ports: object, outputs: tuple[object, ...] = ()) -> tuple[Rewrite, Program]:
    spec = spec_of(text)
    signature = signature_of(*ports, **({"outputs": outputs} if outputs else {}))  # type: ignore[arg-type]
    program = build_program(spec, signature, lengths_of(spec, signature))
    rewrite = plan_rewrite(spec, program)
    return rewrite, rewritten(program, rewrite)


def test_nothing_that_is_asked_for_changes_nothing() -> None:
    spec = spec_of(SMALL + MASK.replace("in-model", "outside"))
    program = build_program(spec, signature_of(X, M), lengths_of(spec))
    rewrite = plan_rewrite(spec, program)
    assert rewrite == Rewrite(lengths=(), masks=(), selects=())
    assert rewritten(program, rewrite) == program


def test_a_length_takes_the_place_of_the_masks_of_its_dimension() -> None:
    rewrite, program = lowered(SMALL + MASK + MASK.replace("inputs.m", "inputs.k"), M, X, port("k", None, None))
    assert rewrite.lengths == (ADDED,)
    assert rewrite.masks == tuple(BuiltMask(name=n, length="time_length", side="right") for n in ("m", "k"))
    assert [i.name for i in program.inputs] == ["x", "time_length"]
    assert program.variants[0].shapes == {"x": (1, 64), "time_length": (1, 1)}


def test_a_length_that_the_model_takes_anyway_is_used() -> None:
    rewrite, program = lowered(SMALL + LENGTH + MASK + select("last-valid"), X, M, N)
    assert (rewrite.lengths, rewrite.masks[0].length, rewrite.selects[0].length) == ((), "n", "n")
    assert program.variants[0].shapes == {"x": (1, 64), "n": (1,)}


def test_a_mask_from_outside_stays_beside_a_selection() -> None:
    rewrite, program = lowered(SMALL + MASK.replace("in-model", "outside") + select("masked-mean"), X, M)
    assert rewrite.selects == (
        Selection(output="y", kind="masked-mean", extent=TIME, length="time_length", side="right"),
    )
    assert [(i.name, i.role) for i in program.inputs] == [("x", "data"), ("m", "mask"), ("time_length", "length")]


@pytest.mark.parametrize("port_of", ["input", "output"])
def test_a_name_that_a_port_has_is_left_to_it(port_of: str) -> None:
    named = port("time_length", None, None)
    text = SMALL + MASK + ('[inputs.time_length]\nshape = ["batch", "time"]\n' if port_of == "input" else "")
    inputs = (X, M, named) if port_of == "input" else (X, M)
    rewrite, _ = lowered(text, *inputs, outputs=(named,) if port_of == "output" else ())
    assert [length.name for length in rewrite.lengths] == ["time_length_2"]


def test_padding_on_the_left_is_known_to_masks_and_selections() -> None:
    rewrite, _ = lowered(SMALL + 'pad-side = "left"\n' + MASK + select("masked-mean"), X, M)
    assert (rewrite.masks[0].side, rewrite.selects[0].side) == ("left", "left")


@pytest.mark.parametrize(
    ("dim", "axis", "kind", "left"),
    [
        ("time", 1, "masked-mean", (Extent(dim="width", axis=1),)),
        ("time", 1, "last-valid", (Extent(dim="width", axis=1),)),
        ("width", 2, "masked-mean", (Extent(dim="time", axis=1),)),
        ("width", 2, "zero-invalid", (Extent(dim="time", axis=1), Extent(dim="width", axis=2))),
    ],
)
def test_an_axis_that_is_selected_on_is_gone_and_those_behind_it_move(
    dim: str, axis: int, kind: str, left: tuple[Extent, ...]
) -> None:
    _, program = lowered(IMAGE + select(kind, dim, axis), port("x", None, None, None))
    assert program.outputs[0].extents == left


def test_each_dimension_has_a_length_of_its_own() -> None:
    masks = MASK + 'dim = "width"\n' + MASK.replace("inputs.m", "inputs.k") + 'dim = "time"\n'
    rewrite, _ = lowered(IMAGE + masks, port("x", None, None, None), M, port("k", None, None))
    assert [(length.name, length.dim) for length in rewrite.lengths] == [
        ("time_length", "time"),
        ("width_length", "width"),
    ]
    assert [(mask.name, mask.length) for mask in rewrite.masks] == [("m", "width_length"), ("k", "time_length")]


def test_a_plan_keeps_what_the_original_takes() -> None:
    plan = plan_of(SMALL + MASK + select("masked-mean"), signature=signature_of(X, M))
    assert [i.name for i in plan.original] == ["x", "m"]
    assert isinstance(plan.original[1], MaskInput)
    shape = next(stage for stage in plan.stages if stage.verb == "shape")
    assert shape.parameters["variant"]["shapes"] == {"x": [1, 64], "m": [1, 64]}
    assert convert(shape.parameters["rewrite"], Rewrite) == plan.rewrite
    assert [port["name"] for port in shape.parameters["original"]] == ["x", "m"]


def test_a_stage_is_told_of_no_rewriting_where_there_is_none() -> None:
    shape = next(stage for stage in plan_of(SMALL).stages if stage.verb == "shape")
    assert shape.parameters.keys() == {"variant", "layouts"}
