"""What is told of a property."""

import pytest

from npuspec.npu import explain_property, property_table

TURBO = """\
turbo

OpenVINO's name  NPU_TURBO
access           may be set in [properties]
type             boolean
default          false
scope            compile: given when a model is compiled
takes effect in  compilation and inference
since            OpenVINO 2024.3
platforms        all
devices          NPU
needs            compiler or driver

"""


@pytest.mark.parametrize("name", ["turbo", "NPU_TURBO", "npu_turbo", "NPU-Turbo"])
def test_a_property_is_found_by_either_of_its_names(name: str) -> None:
    text = explain_property(name)
    assert text is not None
    assert text.startswith(TURBO)
    assert "\ncontradictions:\n\n- turbo = true with run-inferences-sequentially = true: the Linux" in text


def test_no_property_is_none() -> None:
    assert explain_property("tubro") is None
    assert explain_property("") is None


@pytest.mark.parametrize("key", property_table())
def test_every_property_is_explained_in_lines_that_fit(key: str) -> None:
    text = explain_property(key)
    assert text is not None
    assert property_table()[key].name in text
    assert all(len(line) <= 120 and line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("inference-precision-hint", "values           NPU: f16, i8; CPU: f32, f16, bf16"),
        ("inference-precision-hint", "default          NPU: f16"),
        ("num-streams", "values           at least -1"),
        ("cache-dir", "default          empty"),
        ("cache-dir", 'access           set by npuspec itself; a spec states `[cache] kind = "directory"`'),
        ("max-tiles", "access           read-only: OpenVINO tells it, and nobody sets it"),
        ("max-tiles", "scope            core: asked of the device"),
        ("batch-mode", "access           private to OpenVINO: only [properties.unchecked] takes it"),
        ("enable-mmap", "access           may be set in [properties.core]"),
        ("enable-mmap", "devices          none: it is a property of the core"),
        ("enable-strides-for", "platforms        4000, 5010, 5020, 6010"),
        ("compiled-blob", "type             nothing that TOML can hold"),
        ("perf-count", "since            OpenVINO 2024.0 or earlier"),
    ],
)
def test_what_is_known_stands_in_a_line_of_its_own(key: str, line: str) -> None:
    assert line in str(explain_property(key)).splitlines()
