"""What is selected of valid steps."""

import numpy as np
import pytest

from npuspec.stages.select import select

STEPS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize(
    ("kind", "axis", "wanted"),
    [
        ("last-valid", 0, [8, 9, 10, 11]),
        ("last-valid", 1, [3, 7, 11]),
        ("masked-mean", 0, [4, 5, 6, 7]),
        ("masked-mean", 1, [1.5, 5.5, 9.5]),
        ("zero-invalid", 0, STEPS.tolist()),
    ],
)
def test_a_selection_of_valid_steps(kind: str, axis: int, wanted: list[float]) -> None:
    found = select(STEPS, kind, axis)
    assert (found.tolist(), found.dtype) == (wanted, STEPS.dtype)


@pytest.mark.parametrize("kind", ["last-valid", "masked-mean"])
def test_of_no_steps_there_are_zeros(kind: str) -> None:
    assert select(STEPS[:, :0], kind, 1).tolist() == [0, 0, 0]


def test_a_mean_of_half_floats_is_summed_in_more() -> None:
    assert select(np.full(4096, 60000, np.float16), "masked-mean", 0) == np.float16(60000)
