"""What has one safe mend carries it; what could be meant otherwise, or is there already, doesn't."""

import pytest

from builders import DATA, GATE, SMALL, faults_of
from npuspec.diagnostics.model import Edit


def edits(text: str) -> list[Edit]:
    return [edit for fault in faults_of(text) for edit in fault.edits]


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        (SMALL.replace("[target]", "[traget]"), Edit(("traget",), "key", "target")),
        (SMALL.replace("size =", "siez ="), Edit(("dims", "time", "siez"), "key", "size")),
        (SMALL + "pad_value = 1.0\n", Edit(("inputs", "x", "pad_value"), "key", "pad-value")),
        (SMALL + 'pad-vlaue = 1.0\npad-side = "left"\n', Edit(("inputs", "x", "pad-vlaue"), "key", "pad-value")),
        (SMALL.replace("strategy =", "stategy ="), Edit(("dims", "time", "stategy"), "key", "strategy")),
        (SMALL + DATA + GATE.replace("metric", "metirc"), Edit(("gates", 0, "metirc"), "key", "metric")),
        (SMALL.replace('"NPU"', '"npu"'), Edit(("target", "device"), "value", '"NPU"')),
        (SMALL.replace('["CPU"]', '["cpu"]'), Edit(("target", "fallback", 0), "value", '"CPU"')),
        (SMALL.replace('"pad"', '"PAD"'), Edit(("dims", "time", "strategy"), "value", '"pad"')),
        (SMALL.replace("size = 64", 'size = "64"'), Edit(("dims", "time", "size"), "value", "64")),
        (SMALL + 'finite = "true"\n', Edit(("inputs", "x", "finite"), "value", "true")),
        (SMALL.replace("npuspec = 1", 'npuspec = "1"'), Edit(("npuspec",), "value", "1")),
    ],
)
def test_one_safe_mend_is_carried(text: str, edit: Edit) -> None:
    assert edits(text) == [edit]


@pytest.mark.parametrize(
    "text",
    [
        SMALL + "completely-else = 1\n",
        SMALL.replace("size = 64", "size = 64\nsiez = 32"),  # which of them?
        SMALL.replace("size = 64", "siez = 64\nszie = 32"),
        SMALL.replace("[target]", "[traget]\n[tragets]"),
        SMALL.replace('"NPU"', '"GPU"'),
        SMALL.replace('"NPU"', "1"),
        SMALL.replace("size = 64", 'size = "064"'),
        SMALL.replace("size = 64", 'size = "6.4"'),
        SMALL.replace("size = 64", 'size = "-64"'),
        SMALL.replace("size = 64", 'size = "sixty"'),
        SMALL.replace("size = 64", "size = 64.0"),
        SMALL + 'finite = "yes"\n',
        SMALL + "finite = 1\n",
        SMALL.replace('"model.onnx"', "1"),
    ],
)
def test_what_is_open_carries_none(text: str) -> None:
    assert faults_of(text)
    assert edits(text) == []


def mended(text: str, edit: Edit, old: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, edit.text or "")


@pytest.mark.parametrize(
    ("text", "old"),
    [
        (SMALL.replace("[target]", "[traget]"), "traget"),
        (SMALL.replace('"pad"', '"PAD"'), '"PAD"'),
        (SMALL.replace("size = 64", 'size = "64"'), '"64"'),
        (SMALL.replace("strategy =", "stategy ="), "stategy"),
    ],
)
def test_what_is_mended_is_right(text: str, old: str) -> None:
    [edit] = edits(text)
    assert faults_of(mended(text, edit, old)) == []


def test_in_a_table_of_very_many_keys_none_is_mended() -> None:
    many = "".join(f"a{number} = 1\n" for number in range(100))
    assert edits(SMALL + "pad_value = 1.0\n") != []
    assert edits(SMALL + "pad_value = 1.0\n" + many) == []
