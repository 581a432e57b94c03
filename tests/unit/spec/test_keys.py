"""Which keys are known at a place, whatever kind of table stands there."""

import pytest

from npuspec.spec.keys import known_keys
from npuspec.spec.models import (
    AgreementGate,
    BucketsDim,
    BudgetGate,
    DataInput,
    FixedDim,
    MaskInput,
    PadDim,
    Spec,
    Table,
    TaskGate,
)
from npuspec.spec.models.measures import Keep, Subgraph
from npuspec.spec.models.shapes import Length, Preprocess, Select

Place = tuple[int | str, ...]


@pytest.mark.parametrize(
    ("place", "table"),
    [
        ((), Spec),
        (("dims", "time", "pad"), PadDim),
        (("dims", "pad", "fixed"), FixedDim),
        (("dims", "size", "buckets"), BucketsDim),
        (("inputs", "x", "data"), DataInput),
        (("inputs", "data", "mask"), MaskInput),
        (("inputs", "x", "data", "preprocess"), Preprocess),
        (("outputs", "y", "length"), Length),
        (("outputs", "length", "select"), Select),
        (("quantization", "keep"), Keep),
        (("quantization", "keep", "subgraphs", 3), Subgraph),
        (("gates", 0, "agreement"), AgreementGate),
        (("gates", 12, "task"), TaskGate),
        (("gates", 0, "budget"), BudgetGate),
    ],
)
def test_the_keys_are_those_of_the_table(place: Place, table: type[Table]) -> None:
    keys = [info.alias or name for name, info in table.model_fields.items()]
    assert known_keys((*place, "unknown")) == keys


def test_what_is_no_table_has_no_keys() -> None:
    assert known_keys(("model", "source", "x")) == []
    assert known_keys(("model", "sha256", "x")) == []
