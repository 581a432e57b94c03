"""The dimensions, and the shapes that are made of them."""

import pytest

from builders import BUCKETS, SMALL, faults_of, places
from npuspec.diagnostics import Path, Severity

LENGTH = '\n[inputs.n]\nrole = "length"\nof = "x"\n'
SELECT = '[outputs.y]\nselect = { kind = "last-valid", dim = "time" }\n'
WIDTH = 'dim = "width"\n'
IMAGE = SMALL.replace('["batch", "time"]', '["batch", "time", "width"]').replace(
    "[inputs.x]", '[dims.width]\nstrategy = "pad"\nsize = 8\noverflow = "error"\n\n[inputs.x]'
)
FIXED = SMALL.replace('"pad"', '"fixed"').replace('overflow = "error"\n', "")
CHUNK = SMALL.replace('overflow = "error"', 'overflow = "chunk"\noverlap = 8\nstitch = "average"')
CHUNKS = BUCKETS.replace('overflow = "error"', 'overflow = "chunk"\noverlap = 8\nstitch = "average"')
SECOND = '[inputs.z]\nshape = ["batch", "time"]\n'


def buckets(count: int) -> str:
    """Return a spec with so many sizes of one dimension and two of another."""
    sizes = ", ".join(str(8 * n) for n in range(1, count + 1))
    second = '[dims.width]\nstrategy = "buckets"\nsizes = [8, 16]\noverflow = "error"\n\n[inputs.x]'
    text = BUCKETS.replace("[16, 32]", f"[{sizes}]").replace('"time"]', '"time", "width"]')
    return text.replace("[inputs.x]", second)


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        SMALL + LENGTH,
        SMALL + LENGTH.replace("length", "mask"),
        SMALL + '[outputs.y]\nlength = { dim = "time", axis = 1 }\n',
        SMALL + LENGTH + 'dim = "time"\n',
        SMALL + SELECT,
        IMAGE,
        IMAGE + LENGTH + WIDTH,
        IMAGE + LENGTH.replace("length", "mask") + 'dim = "time"\n' + LENGTH.replace("inputs.n", "inputs.k") + WIDTH,
        FIXED,
        BUCKETS,
        CHUNK,
        CHUNKS,
        SMALL.replace('["batch", "time"]', '["batch", 3, "time", 3]'),
        SMALL.replace("time", "t" * 40),
        SMALL + SECOND,
        SMALL + 'pad-side = "left"\n' + SECOND + 'pad-side = "left"\n',
        FIXED + SECOND + 'pad-side = "left"\n',  # nothing is padded
        buckets(32),
        CHUNK.replace("overlap = 8", "overlap = 63"),
    ],
)
def test_dimensions_that_keep_every_rule_have_no_faults(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (SMALL.replace('["batch", "time"]', '["batch", "time", "tme"]'), "unknown-dim", ("inputs", "x", "shape", 2)),
        (SMALL + '[dims.batch]\nstrategy = "fixed"\nsize = 2\n', "batch-dim", ("dims", "batch")),
        (SMALL + '[dims.other]\nstrategy = "fixed"\nsize = 2\n', "unused-dim", ("dims", "other")),
        (SMALL.replace("time", '"größe"').replace('""größe""', '"größe"'), "wrong-value", ("dims", "größe")),
        (SMALL.replace("dims.time", 'dims."../up"').replace('"time"', '"../up"'), "wrong-value", ("dims", "../up")),
        (SMALL.replace("time", "t" * 41), "wrong-value", ("dims", "t" * 41)),
        (
            SMALL + '[outputs.y]\nlength = { dim = "tiem", axis = 1 }\n',
            "unknown-dim",
            ("outputs", "y", "length", "dim"),
        ),
        (SMALL.replace('["batch", "time"]', '["time", "batch"]'), "batch-axis", ("inputs", "x", "shape")),
        (SMALL.replace('["batch", "time"]', '["time"]'), "batch-axis", ("inputs", "x", "shape")),
        (SMALL.replace('["batch", "time"]', '["batch", "time", "time"]'), "repeated-dim", ("inputs", "x", "shape")),
        (SMALL + LENGTH.replace('"x"', '"y"'), "unknown-input", ("inputs", "n", "of")),
        (SMALL + LENGTH.replace('"x"', '"n"'), "unknown-input", ("inputs", "n", "of")),
        (SMALL + LENGTH + WIDTH, "unknown-dim", ("inputs", "n", "dim")),
        (IMAGE + LENGTH + 'dim = "heigth"\n', "unknown-dim", ("inputs", "n", "dim")),
        (SMALL + SELECT.replace("time", "tiem"), "unknown-dim", ("outputs", "y", "select", "dim")),
        (FIXED + SELECT, "unknown-dim", ("outputs", "y", "select", "dim")),
        (FIXED + LENGTH + 'dim = "time"\n', "unknown-dim", ("inputs", "n", "dim")),
        (IMAGE + LENGTH, "ambiguous-length", ("inputs", "n", "of")),
        (IMAGE + LENGTH.replace("length", "mask"), "ambiguous-length", ("inputs", "n", "of")),
        (SMALL + SECOND + 'pad-side = "left"\n', "mixed-sides", ("inputs", "z", "pad-side")),
        (SMALL + 'pad-side = "left"\n' + SECOND, "mixed-sides", ("inputs", "z", "shape")),
        (buckets(33), "too-many-variants", ("dims",)),
        (CHUNK.replace("overlap = 8\n", ""), "missing-key", ("dims", "time")),
        (CHUNK.replace('\nstitch = "average"', ""), "missing-key", ("dims", "time")),
        (CHUNKS.replace("overlap = 8\n", ""), "missing-key", ("dims", "time")),
        (CHUNK.replace("chunk", "error").replace("overlap = 8\n", ""), "idle-key", ("dims", "time", "stitch")),
        (SMALL + "pad-multiple = 10\n", "wrong-size", ("dims", "time", "size")),
        (BUCKETS.replace("32]", "36]") + "pad-multiple = 8\n", "wrong-size", ("dims", "time", "sizes", 1)),
        (
            CHUNK.replace("chunk", "truncate").replace('\nstitch = "average"', ""),
            "idle-key",
            ("dims", "time", "overlap"),
        ),
        (CHUNK.replace("overlap = 8", "overlap = 64"), "wrong-value", ("dims", "time", "overlap")),
        (CHUNKS.replace("overlap = 8", "overlap = 16"), "wrong-value", ("dims", "time", "overlap")),
    ],
)
def test_what_breaks_one_rule_is_one_error_at_its_place(text: str, code: str, path: Path) -> None:
    assert places(text) == [(code, path)]
    assert faults_of(text)[0].severity is Severity.ERROR


def test_chunks_without_both_keys_are_two_faults() -> None:
    text = SMALL.replace('overflow = "error"', 'overflow = "chunk"')
    assert [fault.message.split("`")[1] for fault in faults_of(text)] == ["overlap", "stitch"]


def test_a_length_must_follow_a_padded_dimension_not_a_fixed_one() -> None:
    assert places(FIXED + LENGTH) == [("ambiguous-length", ("inputs", "n", "of"))]
    stated = FIXED + '[outputs.y]\nlength = { dim = "time", axis = 1 }\n'
    assert places(stated) == [("unknown-dim", ("outputs", "y", "length", "dim"))]


def test_a_misspelt_dimension_is_named() -> None:
    fault = faults_of(SMALL.replace('["batch", "time"]', '["batch", "time", "tiem"]'))[0]
    assert fault.help == "did you mean `time`?"
    assert faults_of(SMALL.replace('["batch", "time"]', '["btach", "time"]'))[0].help == "did you mean `batch`?"
