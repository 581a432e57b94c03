"""A gate names a variant that the dimensions make."""

import pytest

from builders import BUCKETS, DATA, GATE, SMALL, spec_of
from npuspec.plan.passes.gate import check_gates

FIXED = SMALL.replace('strategy = "pad"\nsize = 64\noverflow = "error"', 'strategy = "fixed"\nsize = 64')


@pytest.mark.parametrize(
    ("text", "variant"), [(SMALL, "time64"), (BUCKETS, "time16"), (BUCKETS, "time32"), (FIXED, "static")]
)
def test_a_variant_goes_by_its_sizes(text: str, variant: str) -> None:
    assert check_gates(spec_of(text + DATA + GATE + f'variant = "{variant}"\n')) == []


def test_a_variant_that_there_will_not_be_is_a_fault_with_the_nearest() -> None:
    [fault] = check_gates(spec_of(BUCKETS + DATA + GATE + GATE + 'variant = "time61"\n'))
    assert (fault.code, fault.labels[0].path) == ("unknown-variant", ("gates", 1, "variant"))
    assert fault.message == "there is no variant `time61`"
    assert fault.help == "did you mean `time16`?"


def test_gates_without_a_variant_ask_for_none() -> None:
    assert check_gates(spec_of(BUCKETS + DATA + GATE)) == []


def test_a_budget_names_a_variant_too() -> None:
    budget = '[[gates]]\nmetric = "size-mib"\nmax = 1\nvariant = "time{}"\n'
    [fault] = check_gates(spec_of(BUCKETS + budget.format(16) + budget.format(61)))
    assert (fault.code, fault.labels[0].path) == ("unknown-variant", ("gates", 1, "variant"))
