"""Samples lie as the lengths do, and none is longer than may be."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from runtime.toys import data, program

from npuspec import InputError
from npuspec.bench.drawn import MOST, choose_dim, make_samples
from npuspec.bundle.program import Program

TOY = program(data(), sizes=({"time": 8}, {"time": 100}), minimum=2)
FLAT = program(data(axes=(4,)), sizes=({},))
PLANE = program(data(axes=("high", "wide")), sizes=({"high": 4, "wide": 10},))


def overflowing(how: str) -> Program:
    dims = {"time": structs.replace(TOY.dims["time"], overflow=how)}
    return structs.replace(TOY, dims=dims)


def lengths(counts: dict[int, int], toy: Program = TOY, dim: str = "time") -> list[tuple[tuple[int, ...], int]]:
    def make(sizes: Any) -> dict[str, Any]:
        return {"x": np.zeros([*sizes.values()], np.float32)}

    return [(sample["x"].shape, seen) for sample, seen in make_samples(toy, Counter(counts), dim, make)]


def test_few_lengths_are_all_taken() -> None:
    assert sorted(lengths({3: 2, 50: 1})) == [((3,), 3), ((3,), 3), ((50,), 50)]


def test_many_are_drawn_in_their_proportions_and_rise() -> None:
    counts = {5: 3_000_000, 80: 1_000_000}
    found = lengths(counts)
    assert Counter(shape for shape, _ in found) == {(5,): MOST * 3 // 4, (80,): MOST // 4}
    assert found == sorted(found)


def test_other_dimensions_are_full() -> None:
    assert lengths({3: 1}, PLANE, "high") == [((3, 10), 30)]


@pytest.mark.parametrize(
    ("length", "code"), [(101, "sample-too-long"), (1, "sample-too-short"), (0, "sample-too-short")]
)
def test_what_the_bundle_does_not_take_is_refused(length: int, code: str) -> None:
    with pytest.raises(InputError) as caught:
        lengths({50: 3, length: 1})
    assert caught.value.code == code


def test_what_is_cut_counts_as_what_is_seen() -> None:
    assert sorted(lengths({50: 1, 150: 1}, overflowing("truncate"))) == [((50,), 50), ((150,), 100)]
    assert sorted(lengths({50: 1, 150: 1}, overflowing("chunk"))) == [((50,), 50), ((150,), 150)]


def test_what_takes_too_much_memory_is_refused_before_it_is_made() -> None:
    wide = program(data(axes=("time", 2**30)), sizes=({"time": 8},))
    for toy, length in ((overflowing("truncate"), 2**31 - 1), (wide, 8)):
        with pytest.raises(InputError, match="takes more memory") as caught:
            lengths({length: 1}, toy)
        assert caught.value.code == "wrong-argument"


def test_so_many_are_drawn_as_memory_holds() -> None:
    large = program(data(axes=("time", 2**20)), sizes=({"time": 16},))

    assert len(make_samples(large, Counter({16: 1000}), "time", lambda _sizes: {})) == 4


def test_the_only_dimension_need_not_be_named() -> None:
    assert choose_dim(TOY, None) == choose_dim(TOY, "time") == "time"
    assert choose_dim(PLANE, "wide") == "wide"


@pytest.mark.parametrize(
    ("toy", "dim", "message"),
    [
        (FLAT, None, "no dimension that varies"),
        (PLANE, None, "there are several"),
        (PLANE, "time", "there is no `time`"),
        (TOY, "tiem", "there is no `tiem`"),
    ],
)
def test_a_dimension_that_is_not_clear_is_refused(toy: Program, dim: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        choose_dim(toy, dim)
    assert caught.value.code == "wrong-argument"
