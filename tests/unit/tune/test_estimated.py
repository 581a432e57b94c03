"""What a spec's text becomes where an NPU is estimated that it doesn't name."""

import pytest
import tomli

from builders import SMALL
from npuspec.tune.estimated import alike, for_platform, of_platform

BUDGETS = """
[[gates]]
metric = "latency-ms"
max = 5

[[gates]]
metric = "latency-ms"
variant = "time32"
platform = "4000"
max = 1

[[gates]]
metric = "latency-p95-ms"
max = 5
"""


def test_a_platform_is_one_of_the_spec_s() -> None:
    text = for_platform(SMALL, "4000")
    assert tomli.loads(text)["target"]["platforms"] == ["4000"]
    assert for_platform(text, "4000") == text
    apart = text + BUDGETS + '\n[quantization]\nmode = "mixed"\n' + BUDGETS
    assert for_platform(apart, "4000") == apart
    assert tomli.loads(for_platform(text, "3720"))["target"]["platforms"] == ["3720", "4000"]


def test_budgets_are_held_of_the_platform_where_its_compiler_shows_what_they_ask() -> None:
    gates = tomli.loads(of_platform(SMALL + BUDGETS, "4000"))["gates"]
    assert [gate.get("platform") for gate in gates] == ["4000", "4000", None]
    again = '\n[[gates]]\nmetric = "latency-ms"\nplatform = "4000"\nmax = 1\n'
    gates = tomli.loads(of_platform(SMALL + BUDGETS + again, "4000"))["gates"]
    assert [gate.get("platform") for gate in gates] == [None, "4000", None, "4000"]


@pytest.mark.parametrize(("platform", "tiles"), [("4000", {"tiles": 4}), ("9999", {})])
def test_all_are_on_as_many_tiles(platform: str, tiles: dict[str, int]) -> None:
    for more in ("", "\n[properties]\ntiles = 2\n", '\n[properties]\nperformance-hint = "LATENCY"\n'):
        properties = tomli.loads(alike(SMALL + more, platform))["properties"]
        assert properties == {"performance-hint": "THROUGHPUT"} | tiles
