"""Evidence says what it leaves open, and comes back equal."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import BUCKETS, DATA, GATE, plan_of
from npuspec.execute.evidence import Evidence, gather_evidence, gather_harm, tell_precisions
from npuspec.execute.observer import Observer
from npuspec.plan import Plan
from npuspec.store import canonical_json

PLAN = plan_of(BUCKETS + DATA, files=("a.npy", "b.npy"))
SHORT, LONG = (variant.name for variant in PLAN.program.variants)


def results(tmp_path: Path, stages: dict[str, Any]) -> dict[str, Path]:
    """Folders as stages leave them."""
    names = {"compare": "compared.json", "mix": "mixed.json", "rank": "harm.json"}
    names |= {"compile[CPU": "compilation.json", "compile[4000": "estimate.json"}
    folders = {}
    for number, (stage, report) in enumerate(stages.items()):
        folders[stage] = tmp_path / str(number)
        folders[stage].mkdir()
        kind = stage.partition(",")[0]
        name = "agreement.json" if stage.startswith("verify") else names.get(kind, "quantization.json")
        (folders[stage] / name).write_bytes(canonical_json(report))
    return folders


@pytest.mark.parametrize(("samples", "doubts"), [(1, 1), (6, 0)])
def test_what_was_calibrated_on_too_little_is_a_doubt(tmp_path: Path, samples: int, doubts: int) -> None:
    reports: dict[str, Any] = {"quantize": {"samples": samples, "samples_wanted": 6}}
    reports["verify[CPU]"] = {"pairs": [], "findings": [], "samples_of_variant": {SHORT: 1, LONG: 2}}
    evidence = gather_evidence(PLAN, results(tmp_path, reports), "CPU")
    assert [f"{samples} of the 6" in doubt for doubt in evidence.doubts] == [True] * doubts


def test_that_nothing_is_quantized_is_a_doubt(tmp_path: Path) -> None:
    folders = results(tmp_path, {"quantize": {"samples": 6, "samples_wanted": 6, "quantized_operations": 0}})
    assert any(doubt.startswith("nothing is quantized") for doubt in gather_evidence(PLAN, folders, "CPU").doubts)


QUANTIZED = {"samples": 6, "samples_wanted": 6, "quantized_operations": 9}


def quantized(mode: str) -> Plan:
    gate = GATE.replace('of = "static"', 'of = "quantized"')
    told = f'\n[quantization]\nmode = "{mode}"\nsamples = 1\n'
    return plan_of(BUCKETS + DATA + told + gate, files=("a.npy", "b.npy"))


@pytest.mark.parametrize(
    ("mode", "made", "count", "kept"),
    [
        ("int8", {}, 9, None),
        ("mixed", {"mix": {"keep": ["a", "b"], "curve": [], "quantized_operations": 7}}, 7, ("a", "b")),
        ("accuracy-control", {"control": {**QUANTIZED, "quantized_operations": 5}}, 5, None),
    ],
)
def test_what_ships_is_what_is_counted(
    mode: str, made: dict[str, Any], count: int, kept: tuple[str, ...] | None, tmp_path: Path
) -> None:
    evidence = gather_evidence(quantized(mode), results(tmp_path, {"quantize": QUANTIZED, **made}), "CPU")
    assert evidence.quantization is not None
    assert (evidence.quantization["quantized_operations"], evidence.kept) == (count, kept)


def test_weights_alone_are_calibrated_on_nothing_and_that_is_no_doubt(tmp_path: Path) -> None:
    plan = plan_of(BUCKETS + DATA + '\n[quantization]\nmode = "weights"\n', files=("a.npy", "b.npy"))
    evidence = gather_evidence(plan, results(tmp_path, {"quantize": {"quantized_operations": 9}}), "CPU")
    assert evidence.quantization == {"mode": "weights", "quantized_operations": 9, "mixed": None, "compared": None}
    assert not [doubt for doubt in evidence.doubts if "calibrated on" in doubt]


@pytest.mark.parametrize(("mode", "doubts"), [("int4-sym", 1), ("int8-sym", 0)])
def test_weights_that_are_larger_than_was_asked_for_are_a_doubt(tmp_path: Path, mode: str, doubts: int) -> None:
    told = f'\n[quantization]\nmode = "weights"\nweights-mode = "{mode}"\n'
    reports: dict[str, Any] = {"quantize": {"quantized_operations": 9, "weights": {"int4": 6, "int8": 3}}}
    evidence = gather_evidence(
        plan_of(BUCKETS + DATA + told, files=("a.npy", "b.npy")), results(tmp_path, reports), "CPU"
    )
    assert [doubt.startswith("3 of 9 weights are INT8, though") for doubt in evidence.doubts[:-1]] == [True] * doubts


def test_the_harm_that_blocks_do_is_known_only_where_it_was_measured(tmp_path: Path) -> None:
    harm = [{"operations": ["a"], "types": ["MatMul"], "sqnr": 3.0}]
    assert gather_harm(results(tmp_path, {"rank": harm})) == harm
    assert gather_harm({}) == []


def test_a_variant_that_no_sample_reached_is_a_doubt(tmp_path: Path) -> None:
    verified = {"verify[CPU]": {"pairs": [], "findings": [], "samples_of_variant": {LONG: 2}}}
    evidence = gather_evidence(PLAN, results(tmp_path, verified), "CPU")
    assert evidence.doubts == (f"variant {SHORT} was measured on no sample: none has its length",)


@pytest.mark.parametrize("device", ["NPU", "CPU"])
def test_a_bundle_that_nothing_was_measured_of_is_a_doubt(device: str) -> None:
    evidence = gather_evidence(PLAN, {}, device)
    assert evidence.agreement is None
    assert [doubt.startswith("nothing was measured") for doubt in evidence.doubts] == [True]


def test_evidence_comes_back_equal_from_its_json(tmp_path: Path) -> None:
    verified: dict[str, Any] = {"verify[CPU]": {"pairs": [], "findings": [], "samples_of_variant": {}}}
    evidence = gather_evidence(PLAN, results(tmp_path, verified), "CPU")
    assert Evidence.of_json(json.loads(canonical_json(evidence.as_json()))) == evidence


def test_every_finding_is_a_doubt_with_what_to_try(tmp_path: Path) -> None:
    found = {"code": "padding-leaks", "output": "y", "variant": LONG, "message": "it leaks", "help": "a mask"}
    verified = {"pairs": [], "findings": [{**found, "figures": {}}], "samples_of_variant": {SHORT: 1, LONG: 1}}
    evidence = gather_evidence(PLAN, results(tmp_path, {"verify[CPU]": verified}), "CPU")
    assert evidence.doubts == ("it leaks; a mask",)
    assert [finding["code"] for finding in evidence.findings] == ["padding-leaks"]


class Listener(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def padded(**shares: tuple[float, float]) -> dict[str, Any]:
    """A pair with each variant's figure of what is padded to it, and of the same samples in their own."""
    figures = [{n: {"frame-agreement": s[i], "cosine": s[i] / 2} for n, s in shares.items()} for i in (0, 1)]
    row = {"of": "static", "against": "original", "output": "y", "frame-agreement": 0.9, "cosine": 0.4, "variants": {}}
    return {"pairs": [{**row, "padded": figures[0], "natural": figures[1]}], "findings": [], "samples_of_variant": {}}


@pytest.mark.parametrize(
    ("gate", "metric", "digits"), [("", "frame-agreement", ("0.86", "0.93")), (GATE, "cosine", ("0.43", "0.465"))]
)
def test_what_padding_costs_is_a_line_for_each_variant_where_it_costs(
    gate: str, metric: str, digits: tuple[str, str], tmp_path: Path
) -> None:
    plan = plan_of(BUCKETS + DATA + gate.replace("frame-agreement", "cosine"), files=("a.npy",))
    verified = padded(**{SHORT: (0.97, 0.97), LONG: (0.86, 0.93)})
    listener = Listener()
    gather_evidence(plan, results(tmp_path, {"verify[CPU]": verified}), "CPU").tell(listener)
    [note] = listener.notes
    assert note == (
        f"y: all padded to {LONG}, {metric} of static against original is {digits[0]}; "
        f"each in its own variant, {digits[1]}"
    )


@pytest.mark.parametrize(
    ("sizes", "latencies", "sentences"),
    [
        ((100, 50, 25), (1.0, 0.9, 0.5), []),
        ((100, 50, 60), (1.0, 0.9, 0.5), ["int8 is no smaller than fp16: 1.20 times its size"]),
        ((100, 50, 25), (1.0, 2.0, 1.5), ["int8 is slower than original on this CPU: 1.50 times its latency"]),
        ((100, 50, 25), (1.0, 1.0, 1.04), []),
    ],
)
def test_what_costs_more_than_it_saves_is_said(
    sizes: tuple[int, ...], latencies: tuple[float, ...], sentences: list[str], tmp_path: Path
) -> None:
    names = ("original", "fp16", "int8")
    compared = [{"precision": name, "bytes": size} for name, size in zip(names, sizes, strict=True)]
    made = results(tmp_path, {"quantize": QUANTIZED, "compare": compared})
    timed = {"quantize": {"peak_mib": 7}, "compare": {"latency": dict(zip(names, latencies, strict=True))}}
    listener = Listener()
    tell_precisions(gather_evidence(quantized("int8"), made, "CPU"), {"stages": timed}, listener)
    assert listener.warnings == sentences


AHEAD = plan_of(
    BUCKETS.replace("[target]", '[target]\nplatforms = ["4000"]') + DATA + "[batching]\nsize = 4\n",
    files=("a.npy", "b.npy"),
)


@pytest.mark.parametrize(
    ("mode", "doubts"),
    [
        ("PLUGIN", []),
        ("COMPILER", ["the batch is compiled as one, which the NPU's plugin was to split"]),
        (None, []),
    ],
)
def test_a_batch_that_the_compiler_takes_otherwise_than_planned_is_a_doubt(
    mode: str | None, doubts: list[str], tmp_path: Path
) -> None:
    assert AHEAD.batch_mode == "PLUGIN"
    folders = results(tmp_path, {f"compile[4000, {SHORT}]": {"platform": "4000", "batch": 4, "batch_mode": mode}})
    evidence = gather_evidence(AHEAD, folders, "CPU")
    assert [doubt for doubt in evidence.doubts if "4000" in doubt] == [
        f"variant {SHORT} for NPU 4000: {doubt}" for doubt in doubts
    ]
    assert [(row["batch"], row["batch_mode"]) for row in evidence.estimates] == [(4, mode)]


def test_what_ran_is_evidence(tmp_path: Path) -> None:
    made = {"device": "CPU", "executed": ["CPU"], "exported": False}
    evidence = gather_evidence(PLAN, results(tmp_path, {f"compile[CPU, {SHORT}]": made}), "CPU")
    assert evidence.executed == {SHORT: ["CPU"]}
    assert Evidence.of_json(evidence.as_json()) == evidence


def test_an_estimate_of_a_mix_names_what_it_leaves_out_and_one_that_is_missing_says_why() -> None:
    listener, point = Listener(), {"share": 0.5, "figures": {"sqnr": 9.0}}
    rows: list[dict[str, Any]] = [
        {"latency_us": 7.4, "uncosted_operations": [], "fault": None},
        {"latency_us": 7.4, "uncosted_operations": ["Convert"], "fault": None},
        {"latency_us": None, "uncosted_operations": [], "fault": "compile-failed"},
    ]
    curve = [{**point, "estimated": row} for row in rows] + [point]
    told = {"mixed": {"curve": curve}, "compared": None}
    tell_precisions(Evidence((), (), told, None), {"stages": {"quantize": {"peak_mib": 1}}}, listener)
    assert [note.partition("sqnr: 9")[2] for note in listener.notes[2:]] == [
        "; estimated 7 us",
        "; estimated 7 us, Convert counted as nothing",
        "; not estimated: compile-failed",
        "",
    ]


def test_what_a_mix_was_chosen_by_is_said() -> None:
    def told(gain: dict[str, Any] | None) -> str:
        listener = Listener()
        mixed: dict[str, Any] = {"curve": [], "gain": gain}
        evidence = Evidence((), (), {"mixed": mixed, "compared": None}, None)
        tell_precisions(evidence, {"stages": {"quantize": {"peak_mib": 1}}}, listener)
        return str(listener.notes[1])

    assert told(None).startswith("mixed by harm alone: [target] names no platforms")
    assert "no estimate for NPU 4000" in told({"platform": "4000", "floating": [], "tried": []})
    tried = [
        {"quantized": count, "latency_us": us, "uncosted_operations": uncosted}
        for count, us, uncosted in ((0, 20.0, []), (1, 12.0, ["Softmax"]), (2, 15.0, []), (3, 30.0, []))
    ]
    assert told({"platform": "4000", "floating": ["a"], "tried": tried}) == (
        "of the mixes of 3 blocks that were tried for NPU 4000, whatever the gates, the fastest is estimated 15 us; "
        "FP16 20 us, INT8 30 us"
    )
