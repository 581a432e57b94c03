"""The table of properties, held against what the installed OpenVINO says of itself."""

from typing import Any

import openvino as ov
import pytest

from npuspec.npu import DeviceProperty, property_table

MUTABLE = {"RW": ("spec", "npuspec"), "WO": ("npuspec",), "RO": ("read-only", "npuspec")}
"""What a spec may do with a property that OpenVINO calls so; MODEL_PTR is read-only and an argument."""
ELSEWHERE = {"LOADED_FROM_CACHE", "CACHING_PROPERTIES", "OPTIMAL_NUMBER_OF_INFER_REQUESTS", "SUPPORTED_PROPERTIES"}
"""Asked of a compiled model, or not listed by the CPU in its own list."""
CORE = ov.Core()
ROWS = {row.name: row for row in property_table().values()}


def supported(device: str) -> dict[str, str]:
    return dict(CORE.get_property(device, "SUPPORTED_PROPERTIES"))


def of(device: str, *access: str) -> dict[str, DeviceProperty]:
    return {name: row for name, row in ROWS.items() if device in row.devices and row.access in access}


def plain(value: Any) -> Any:
    """Return an enumerator as the word that a spec has for it."""
    if isinstance(value, (bool, int, str)):
        return value
    word = str(value).rpartition(".")[2]
    return {"NO": "LOG_NONE", "ERR": "LOG_ERROR"}.get(word, word)


def test_the_cpu_lists_what_the_table_says_it_knows_and_in_the_same_way() -> None:
    listed = supported("CPU")
    rows = of("CPU", "spec", "read-only", "npuspec")
    assert rows.keys() - listed.keys() - ELSEWHERE == {"CACHE_ENCRYPTION_CALLBACKS"}
    assert {
        n: (listed[n], r.access) for n, r in rows.items() if n in listed and r.access not in MUTABLE[listed[n]]
    } == {}


def test_the_cpu_knows_nothing_that_the_table_gives_to_the_npu_alone() -> None:
    assert {name for name in supported("CPU") if name in ROWS and "CPU" not in ROWS[name].devices} == set()


def test_the_table_has_all_that_the_npu_lists_and_in_the_same_way() -> None:
    listed = {name: how for name, how in supported("NPU").items() if not name.startswith("NPUW_")}
    assert listed.keys() - ROWS.keys() == set()
    assert {n: how for n, how in listed.items() if ROWS[n].access not in (*MUTABLE[how], "unchecked")} == {}
    assert {n for n in listed if "NPU" not in ROWS[n].devices} == set()


@pytest.mark.parametrize("name", of("CPU", "spec", "npuspec"))
def test_a_default_of_the_cpu_is_what_openvino_says(name: str) -> None:
    for stated in [value for device, value in ROWS[name].default.items() if device == "CPU"]:
        assert plain(CORE.get_property("CPU", name)) == stated


@pytest.mark.parametrize("name", sorted(supported("NPU").keys() & of("NPU", "spec").keys()))
def test_a_default_of_the_npu_s_plugin_is_what_openvino_says(name: str) -> None:
    for stated in [value for device, value in ROWS[name].default.items() if device == "NPU"]:
        assert plain(CORE.get_property("NPU", name)) == stated


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.access == "spec" and not row.devices])
def test_a_default_of_the_core_is_what_openvino_says_and_no_device_knows_the_property(name: str) -> None:
    assert CORE.get_property(name) == ROWS[name].default["core"]
    assert name not in supported("CPU").keys() | supported("NPU").keys()


@pytest.mark.parametrize("name", [name for name, row in of("CPU", "spec").items() if row.values])
def test_the_cpu_takes_each_value_that_the_table_lists_for_it_and_refuses_the_others(name: str) -> None:
    core, row = ov.Core(), ROWS[name]
    core.get_property("CPU", "NUM_STREAMS")  # a core that has no plugin yet takes anything
    for value in row.values["CPU"]:
        core.set_property("CPU", {name: value})
    for value in {*row.listed()} - {*row.values["CPU"]} | {"NONSENSE"}:
        with pytest.raises(RuntimeError):
            core.set_property("CPU", {name: value})


@pytest.mark.parametrize("name", [name for name, row in of("CPU", "spec").items() if row.minimum is not None])
def test_the_cpu_takes_the_minimum(name: str) -> None:
    core = ov.Core()
    core.get_property("CPU", "NUM_STREAMS")
    core.set_property("CPU", {name: ROWS[name].minimum})
