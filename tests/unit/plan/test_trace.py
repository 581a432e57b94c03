"""Every value of a spec stands among the settings once, with where it is from."""

from typing import Any

from builders import BUCKETS, DATA, GATE, SMALL, spec_of
from npuspec.plan.passes.trace import COMMAND_LINE, gate_names, plan_gates, trace_settings

FULL = (
    SMALL
    + 'layout = "NT"\n'
    + DATA
    + '[quantization]\nmode = "int8"\nsamples = 9\nkeep = { names = ["b", "a"] }\n'
    + "[properties]\nturbo = true\n[properties.core]\nenable-mmap = false\n[properties.unchecked]\nNPU_NEW = 1\n"
    + GATE
)


def settings(text: str, device: str | None = None) -> dict[str, tuple[Any, str]]:
    found = trace_settings(spec_of(text), device)
    assert [s.path for s in found] == sorted({s.path for s in found})
    return {s.path: (s.value, s.origin) for s in found}


def test_what_is_written_and_what_is_left_out_are_told_apart() -> None:
    found = settings(FULL)
    assert found["model.source"] == ("model.onnx", "spec")
    assert found["target.device"] == ("NPU", "spec")
    assert found["target.fallback"] == (["CPU"], "spec")
    assert found["target.platforms"] == ([], "default")
    assert found["dims.time.size"] == (64, "spec")
    assert found["inputs.x.shape"] == (["batch", "time"], "spec")
    assert found["inputs.x.role"] == ("data", "default")
    assert found["inputs.x.pad-side"] == ("right", "default")
    assert found["quantization.samples"] == (9, "spec")
    assert found["quantization.fast-bias-correction"] == (True, "default")
    assert found["quantization.keep.names"] == (["b", "a"], "spec")
    assert found["quantization.keep.types"] == ([], "default")
    assert found["batching.size"] == (1, "default")
    assert found["load.queue"] == (1024, "default")


def test_a_default_that_is_written_is_the_spec_s() -> None:
    assert settings(SMALL + "[batching]\nsize = 1\n")["batching.size"] == (1, "spec")


def test_an_optional_value_that_is_not_written_is_none() -> None:
    found = settings(SMALL)
    for path in ("model.sha256", "dims.time.overlap", "inputs.x.layout", "load.warm", "data.source"):
        assert path not in found


def test_properties_are_listed_by_where_they_belong() -> None:
    found = {path: value for path, value in settings(FULL).items() if path.startswith("properties")}
    assert found == {
        "properties.turbo": (True, "spec"),
        "properties.core.enable-mmap": (False, "spec"),
        "properties.unchecked.NPU_NEW": (1, "spec"),
    }


def test_what_changes_nothing_of_what_is_done_is_left_out() -> None:
    found = settings(FULL)
    assert not [path for path in found if path.startswith(("allow", "npuspec", "gates."))]
    assert [path for path in found if path.startswith("gates[")] == [
        "gates[frame-agreement of static against original, y]"
    ]


def test_gates_go_by_what_they_measure_and_twins_are_told_apart() -> None:
    other = GATE.replace("frame-agreement", "cosine").replace("min = 0.5", "min = 0.1\nmax = 0.9")
    text = SMALL + DATA + GATE + other + GATE.replace("0.5", "0.6")
    name = "frame-agreement of static against original, y"
    cosine = name.replace("frame-agreement", "cosine")
    assert gate_names(plan_gates(spec_of(text))) == [
        name,
        cosine,
        f"{name} (again, 2)",
    ]
    found = settings(text)
    assert found[f"gates[{name}]"] == ("at least 0.5", "spec")
    assert found[f"gates[{name} (again, 2)]"] == ("at least 0.6", "spec")
    assert found[f"gates[{cosine}]"] == ("at least 0.1 and at most 0.9", "spec")


def test_a_device_of_the_command_line_takes_the_place_of_target_and_fallbacks() -> None:
    found = settings(FULL, "CPU")
    assert found["target.device"] == ("CPU", COMMAND_LINE)
    assert found["target.fallback"] == ([], COMMAND_LINE)
    assert {p: s for p, s in found.items() if "target" not in p} == {
        p: s for p, s in settings(FULL).items() if "target" not in p
    }


def test_a_name_that_toml_would_quote_is_quoted() -> None:
    text = SMALL.replace("inputs.x", 'inputs."x.y"').replace("[dims.time]", '[outputs."ä b"]\n[dims.time]')
    found = settings(text + '[outputs.plain]\nlength = { dim = "time", axis = 1 }\n')
    assert found['inputs."x.y".shape'][0] == ["batch", "time"]
    assert found["outputs.plain.length.axis"] == (1, "spec")


def test_tables_in_lists_are_plain_data() -> None:
    text = SMALL + DATA + '[quantization]\nmode = "int8"\n'
    text += 'keep = { subgraphs = [{ inputs = ["a"], outputs = ["b"] }] }\n'
    assert settings(text)["quantization.keep.subgraphs"][0] == [{"inputs": ["a"], "outputs": ["b"]}]
    assert settings(BUCKETS)["dims.time.sizes"] == ([16, 32], "spec")


def test_the_order_of_tables_in_the_text_says_nothing() -> None:
    head, tail = SMALL[: SMALL.index("[dims")], SMALL[SMALL.index("[dims") :]
    dims, inputs = tail[: tail.index("[inputs")], tail[tail.index("[inputs") :]
    assert settings(head + inputs + dims) == settings(SMALL)
