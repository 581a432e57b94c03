"""Names that are out of use, however a user writes them."""

import re
from typing import get_args, get_type_hints

import pytest

from npuspec.npu import Retired, property_table, retired
from npuspec.npu.tables import read_table

ROWS = read_table("retired.toml")["retired"]
WORDS = [word for row in ROWS for word in row.get("words", [])]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_written_as_it_is_looked_up_and_names_nothing_in_use(word: str) -> None:
    assert word == word.strip("-").lower().replace("_", "-")
    found = retired(word)
    assert found is not None
    assert word in found.words, "an earlier row has it too"
    assert word not in property_table()


def test_a_property_in_use_begins_like_no_retired_family() -> None:
    assert [key for key, row in property_table().items() if retired(key) or retired(row.name)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: (row.get("words") or row["prefixes"])[0])
def test_a_row_says_what_takes_the_name_s_place_and_why(row: dict[str, str]) -> None:
    assert row["kind"] in get_args(get_type_hints(Retired)["kind"])
    assert row["instead"]
    assert row["why"]
    assert not row["instead"].endswith(".")
    assert not row["why"].endswith(".")
    for key in re.findall(r"`([a-z-]+)(?: = .*)?`", row["instead"]):
        assert key in property_table() or key in {"openvino", "ovc"}, "what is named instead is there"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("POT", "tool"),
        ("mo", "tool"),
        ("mo_args", "tool"),
        ("AccuracyAwareQuantization", "option"),
        ("accuracy_aware_quantization", "option"),
        ("--layout", "option"),
        ("--data_type", "option"),
        ("openvino.runtime", "module"),
        ("NPU_BYPASS_UMD_CACHE", "property"),
        ("VPUX_COMPILATION_MODE", "property"),
        ("VPUX", "device"),
        ("MYRIAD", "device"),
        ("VPU", "device"),
        ("GNA", "device"),
        ("HDDL", "device"),
        ("KEY_PERF_COUNT", "property"),
        ("CONFIG_KEY(PERF_COUNT)", "property"),
        ("IE_NPU_CREATE_EXECUTOR", "property"),
        ("MLIR", "value"),
        ("ALLOW_AUTO_BATCHING", "property"),
    ],
)
def test_a_retired_name_is_found(written: str, kind: str) -> None:
    found = retired(written)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("word", ["", "-", "NPU", "turbo", "KEY_CACHE_PRECISION", "key", "model", "potato", "ie"])
def test_what_is_in_use_or_nonsense_is_not(word: str) -> None:
    assert retired(word) is None
