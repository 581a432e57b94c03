"""Where samples run: in the smallest variant that holds them, and beside others of other sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuspec.diagnostics import NpuspecError
from npuspec.stages.placed import batches, place, restricted
from npuspec.stages.samples import Sample
from stages.bucketed import buckets


def sample(name: str, length: int) -> Sample:
    return Sample(name, {"x": np.zeros((length, 2), np.float32)})


@pytest.mark.parametrize(("length", "variant"), [(1, "time4"), (4, "time4"), (5, "time8"), (8, "time8")])
def test_a_sample_belongs_to_the_smallest_variant_that_holds_it(length: int, variant: str) -> None:
    toy = buckets(4, 8)
    placed = place(toy, sample("a", length))
    assert (placed.variant, placed.overflows, placed.sizes) == (variant, False, {"time": length})
    assert [placed.fits(v) for v in toy.variants] == [length <= 4, True]


def test_a_sample_that_does_not_fit_is_a_fault_with_its_name() -> None:
    with pytest.raises(NpuspecError, match=r"`long\.npy`: the sample is 9 long") as caught:
        place(buckets(4, 8), sample("long.npy", 9))
    assert caught.value.code == "sample-too-long"


def test_a_restricted_program_puts_everything_into_its_one_variant() -> None:
    toy = buckets(4, 8)
    for variant in toy.variants:
        program = restricted(toy, variant)
        assert place(program, sample("a", 2)).variant == variant.name
        assert program.dims["time"].maximum == variant.sizes["time"]


@settings(deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(1, 16), min_size=1, max_size=40))
def test_every_sample_is_in_one_batch_beside_as_many_others_as_there_are(batch: int, lengths: list[int]) -> None:
    toy = buckets(4, 8, 16, batch=batch)
    placed = [place(toy, sample(str(number), length)) for number, length in enumerate(lengths)]
    dealt = list(batches(toy, placed))
    assert sorted(s.name for one in dealt for s in one.rows) == sorted(s.name for s in placed)
    for one in dealt:
        variant = next(v for v in toy.variants if v.name == one.rows[0].variant)
        together = [*one.rows, *one.filling]
        assert len(together) == len(one.inputs()) == batch
        assert {s.variant for s in one.rows} == {variant.name}
        assert all(s.fits(variant) for s in together)
        possible = sum(s.fits(variant) for s in placed)
        assert len({s.name for s in together}) == min(batch, possible)


def test_neighbours_have_other_lengths_where_there_are_others() -> None:
    toy = buckets(8, batch=2)
    placed = [place(toy, sample(str(number), length)) for number, length in enumerate([3, 3, 3, 7, 7, 7])]
    assert [[s.sizes["time"] for s in one.rows] for one in batches(toy, placed)] == [[3, 7]] * 3


def test_with_a_batch_of_one_samples_of_a_variant_come_as_they_were_given() -> None:
    toy = buckets(4, 8)
    placed = [place(toy, sample(str(number), length)) for number, length in enumerate([7, 2, 5, 1])]
    assert [one.rows[0].name for one in batches(toy, placed)] == ["0", "2", "1", "3"]
