"""Which candidates a spec has, and what a candidate's text says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli

from builders import BUCKETS, DATA, GATE, SMALL
from npuspec.spec import parse, validate
from npuspec.tune.space import Known, Space, dropped, space_of

KNOWN = Known(device="CPU", platform="4000", samples=30, attention=False, front_end=None, lengths={})
LENGTHS = 'lengths = "lengths.txt"\n'


def space(text: str, known: Known = KNOWN, objective: str = "latency", **only: Any) -> Space:
    document, _ = parse(text, name="spec.toml", folder=Path())
    spec, faults = validate(document)
    assert spec is not None, faults
    return space_of(text, spec, known, objective, **only)


def test_the_plain_candidate_is_the_spec_in_fp16_at_batch_1() -> None:
    found = space(SMALL)
    assert found.plain == {"precision": "none", "batch": 1, "tiles": 4}
    assert found.text_of(found.plain) == SMALL
    assert found.shown(found.plain) == "FP16, batch 1"
    text = SMALL + DATA + '\n[batching]\nsize = 8\n\n[quantization]\nmode = "int8"\n'
    assert tomli.loads(space(text).text_of(found.plain)) == tomli.loads(SMALL + DATA + "\n[batching]\nsize = 1\n")


def test_what_has_no_samples_is_not_quantized() -> None:
    assert space(SMALL).knobs["precision"] == ("none",)
    assert space(SMALL + DATA).knobs["precision"] == ("none", "int8", "mixed")


def test_all_candidates_are_the_product_of_the_knobs() -> None:
    found = space(SMALL + DATA)
    points = [*found.points]
    assert len(points) == found.size == 3 * 5 * 2
    assert len({found.text_of(point) for point in points}) == found.size


def test_a_batch_is_left_to_the_compiler_of_an_npu() -> None:
    values = tomli.loads(space(SMALL).text_of({"precision": "none", "batch": 4, "tiles": 4}))
    assert values["batching"] == {"size": 4}
    assert values["properties"] == {"unchecked": {"NPU_BATCH_MODE": "COMPILER"}, "tiles": 4}
    on_cpu = space(SMALL, replace(KNOWN, platform=None))
    assert "properties" not in tomli.loads(on_cpu.text_of({"precision": "none", "batch": 4}))


def test_for_throughput_all_candidates_are_estimated_on_as_many_tiles() -> None:
    found = space(SMALL, objective="throughput")
    assert "tiles" not in found.knobs
    assert found.left_out["tiles"].startswith("an estimate is of one inference at a time")


def test_what_only_a_running_device_shows_is_tried_on_one() -> None:
    assert {"hint", "streams", "requests", "turbo"} <= space(SMALL, objective="throughput").left_out.keys()
    found = space(SMALL, replace(KNOWN, platform=None), "throughput")
    assert found.knobs["streams"] == (-1, 1, 2)
    assert found.left_out.keys() == {"tiles", "layout", "buckets", "turbo"}
    values = tomli.loads(found.text_of({**found.plain, "streams": 2, "hint": "THROUGHPUT", "requests": 4}))
    assert values["properties"] == {"performance-hint": "THROUGHPUT", "num-streams": 2}
    assert values["load"] == {"requests": 4}


def test_requests_are_taken_back_to_what_the_device_finds_best() -> None:
    found = space(SMALL + "\n[load]\nrequests = 3\n", replace(KNOWN, platform=None), "throughput")
    assert found.knobs["requests"] == (3, None, 1, 2, 4, 8)
    assert "requests" not in tomli.loads(found.text_of({**found.plain, "requests": None})).get("load", {})


def test_sizes_are_left_out_and_the_gates_on_them_are_of_what_gets_their_samples() -> None:
    text = BUCKETS.replace("overflow", f"{LENGTHS}overflow") + DATA + GATE + 'variant = "time16"\n'
    found = space(text)
    assert found.knobs["buckets"] == (("time", (16, 32)), ("time", (32,)))
    values = tomli.loads(found.text_of({**found.plain, "buckets": ("time", (32,))}))
    assert values["dims"]["time"]["sizes"] == [32]
    assert [gate["variant"] for gate in values["gates"]] == ["time32"]
    assert "buckets" in space(BUCKETS).left_out


def test_the_sizes_that_waste_the_least_are_tried_too() -> None:
    text = BUCKETS.replace("overflow", f"{LENGTHS}overflow")
    found = space(text, replace(KNOWN, lengths={7: 90, 12: 10, 40: 1}))
    sizes = [sizes for _, sizes in found.knobs["buckets"]]
    assert sizes == [(16, 32), (32,), (7, 32), (7, 12, 32)]
    assert len({found.text_of({**found.plain, "buckets": value}) for value in found.knobs["buckets"]}) == 4
    values = tomli.loads(found.text_of({**found.plain, "buckets": ("time", (7, 12, 32))}))
    assert values["dims"]["time"]["sizes"] == [7, 12, 32]


def test_a_gate_on_a_size_is_held_of_all_that_get_its_samples() -> None:
    gates = GATE + 'variant = "time16"\n' + GATE.replace("0.5", "0.9") + 'variant = "time32"\n'
    found = space(BUCKETS.replace("overflow", f"{LENGTHS}overflow") + DATA + gates)
    values = tomli.loads(found.text_of({**found.plain, "buckets": ("time", (7, 20, 32))}))
    held = {(gate["variant"], gate["min"]) for gate in values["gates"]}
    assert held == {("time7", 0.5), ("time20", 0.5), ("time20", 0.9), ("time32", 0.9)}
    assert len(values["gates"]) == 4


def test_a_gate_that_is_not_carried_over_is_named() -> None:
    against = GATE.replace('"static"', '"quantized"').replace('"original"', '"static"')
    text = SMALL + DATA + GATE + against + '\n[quantization]\nmode = "int8"\n'
    found = space(text)
    [gone] = dropped(text, found.text_of(found.plain))
    assert gone.startswith("metric = frame-agreement output = y of = quantized against = static")
    assert dropped(text, text) == ()


def test_what_ships_is_held_to_the_gates_of_what_shipped() -> None:
    found = space(SMALL + DATA + GATE)
    gates = tomli.loads(found.text_of({"precision": "int8", "batch": 1, "tiles": 4}))["gates"]
    assert [(gate["of"], gate["min"]) for gate in gates] == [("static", 0.5), ("quantized", 0.5)]
    gates = tomli.loads(found.text_of({"precision": "int8", "batch": 2, "tiles": 4}))["gates"]
    assert gates[-1]["of"] == "batched"


def test_a_gate_of_a_model_that_is_gone_is_of_what_it_was_made_of() -> None:
    batched = GATE.replace('"static"', '"batched"').replace('"original"', '"static"')
    text = SMALL + DATA + "\n[batching]\nsize = 8\n" + batched
    found = space(text)
    assert "gates" not in tomli.loads(found.text_of(found.plain))
    kept = tomli.loads(found.text_of({**found.plain, "batch": 2}))["gates"]
    assert [(gate["of"], gate["against"]) for gate in kept] == [("batched", "static")]


def test_attention_and_a_spectrum_are_quantized_as_they_have_to_be() -> None:
    known = replace(KNOWN, attention=True, front_end={"inputs": ["x"], "outputs": ["/Log"]})
    values = tomli.loads(space(SMALL + DATA, known).text_of({"precision": "int8"}))["quantization"]
    assert values == {
        "mode": "int8",
        "model-type": "transformer",
        "preset": "mixed",
        "samples": 20,
        "keep": {"subgraphs": [{"inputs": ["x"], "outputs": ["/Log"]}]},
    }


@pytest.mark.parametrize("only", [("precision",), ("batch", "tiles")])
def test_what_is_not_asked_for_stays_as_it_is(only: tuple[str, ...]) -> None:
    found = space(SMALL + DATA, only=only)
    assert found.knobs.keys() == {*only}
    assert all(found.left_out[knob] == "it wasn't asked for" for knob in {"precision", "batch", "tiles"} - {*only})


def test_what_is_tried_alone_changes_nothing_else() -> None:
    more = '\n[batching]\nsize = 8\n\n[quantization]\nmode = "int8" # as measured\n\n[properties]\ntiles = 2\n'
    found = space(SMALL + DATA + GATE + more, only=("layout",))
    assert (found.plain, found.shown({}), found.text_of({})) == ({}, "as it is", found.text)
    found = space(SMALL + DATA + GATE + more, only=("tiles",))
    before, after = tomli.loads(found.text), tomli.loads(found.text_of({"tiles": 4}))
    assert after == before | {"properties": {"tiles": 4}}


def test_a_mix_is_of_the_platform_that_is_estimated_for() -> None:
    found = space(SMALL + DATA)
    assert tomli.loads(found.text_of({**found.plain, "precision": "mixed"}))["target"]["platforms"] == ["4000"]
    assert "platforms" not in tomli.loads(found.text_of({**found.plain, "precision": "int8"})).get("target", {})


def test_what_allows_a_split_batch_goes_with_it() -> None:
    allow = '\n[[allow]]\ncode = "split-batch"\nreason = "measured"\n'
    found = space(SMALL + "\n[batching]\nsize = 8\n" + allow)
    for batch in (1, 4):
        allowed = tomli.loads(found.text_of({**found.plain, "batch": batch}))["allow"]
        assert [entry["code"] for entry in allowed] == ["hidden-fallback"]


def test_on_an_npu_that_runs_a_batch_is_left_whole_too() -> None:
    found = space(SMALL, replace(KNOWN, device="NPU", platform=None))
    values = tomli.loads(found.text_of({**found.plain, "batch": 4}))
    assert values["properties"]["unchecked"] == {"NPU_BATCH_MODE": "COMPILER"}


def test_a_gate_on_one_variant_hides_no_other() -> None:
    of_one = GATE.replace('"static"', '"batched"') + 'variant = "time32"\n'
    text = SMALL + DATA + GATE + of_one + "\n[batching]\nsize = 2\n"
    gates = tomli.loads(space(text).text_of({"precision": "int8", "batch": 2, "tiles": 4}))["gates"]
    assert [gate.get("variant") for gate in gates if gate["of"] == "batched"] == ["time32", None]
