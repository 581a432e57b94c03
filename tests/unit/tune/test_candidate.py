"""What a candidate's figures are figures of."""

from typing import Any

import pytest
from msgspec import structs

from builders import BUCKETS, plan_of
from npuspec.plan.model import Waste
from npuspec.tune.candidate import shares


def waste(*samples: int) -> Waste:
    return Waste(
        dim="time", digest="", lengths=sum(samples), longer=0, samples=samples, padding=0.0, padding_of_one=0.0
    )


@pytest.mark.parametrize(
    ("found", "weights"),
    [
        ((), {"time32": 1.0}),
        ((waste(30, 10),), {"time16": 0.75, "time32": 0.25}),
        ((waste(0, 10),), {"time32": 1.0}),
        ((waste(0, 0),), {"time32": 1.0}),
    ],
)
def test_real_lengths_weigh_the_sizes(found: Any, weights: dict[str, float]) -> None:
    assert shares(structs.replace(plan_of(BUCKETS), waste=found)) == weights
