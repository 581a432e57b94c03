"""All rules together."""

import pytest

from builders import DATA, GATE, SMALL, faults_of
from npuspec.spec.rules import RULES, batching, budgets, data, dims, inputs, precision, properties, target, tasks

LENGTH = '\n[inputs.n]\nrole = "length"\nof = "x"\n'
QUANTIZED = '\n[quantization]\nmode = "int8"\n'
IMAGE = SMALL.replace('["batch", "time"]', '["batch", "time", "width"]').replace(
    "[inputs.x]", '[dims.width]\nstrategy = "pad"\nsize = 8\noverflow = "error"\n\n[inputs.x]'
)


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        SMALL + LENGTH,
        SMALL + DATA + GATE.replace('"static"', '"quantized"') + QUANTIZED,
        SMALL + '[outputs.y]\nlength = { dim = "time", axis = 1 }\n',
        IMAGE,
    ],
)
def test_a_spec_that_keeps_every_rule_has_no_faults(text: str) -> None:
    assert faults_of(text) == []


def test_every_rule_is_listed_once() -> None:
    assert len(set(RULES)) == len(RULES)
    written = {
        rule
        for module in (batching, budgets, data, dims, inputs, precision, properties, target, tasks)
        for rule in vars(module).values()
        if getattr(rule, "__module__", "") == module.__name__ and not rule.__name__.startswith("_")
    }
    assert written - {batching.open_choices} == set(RULES)
