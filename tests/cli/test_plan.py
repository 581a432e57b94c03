"""`npuspec plan`."""

import json
from pathlib import Path

import msgspec
import pytest

from builders import DATA, SMALL, plan_of, port, signature_of
from conftest import ASR_SPEC, Ran, npuspec
from npuspec.cli.show import show_plan
from npuspec.plan import Plan
from toy_specs import INT8, write_spec


@pytest.fixture(scope="session")
def text() -> Ran:
    return npuspec("plan", ASR_SPEC)


@pytest.fixture(scope="session")
def plan() -> Plan:
    ran = npuspec("plan", "--json", ASR_SPEC)
    assert ran.code == 0, ran.err
    return msgspec.json.decode(ran.out, type=Plan)


def test_the_text_has_the_digest_of_the_json(text: Ran, plan: Plan) -> None:
    assert text.code == 0, text.err
    assert f"digest {plan.digest}" in text.out


@pytest.mark.parametrize(
    "line",
    [
        "  waveform [batch=1, time] float32: padded on the right with 0, must be finite",
        "  waveform_lengths int64: length of waveform in time",
        "  time: 201 to 128000, longer or shorter is an error",
        "  log_probs float32: axis 1 cut to (time + 320) // 320",
        "  time128000: waveform [1, 128000], waveform_lengths [1]",
        "NPU, the target",
        "  compile NPU_TURBO = true  (spec)",
        "CPU, a fallback",
        "  left out: turbo, which CPU doesn't know",
        "  calibrated on 18 samples  (spec):",
    ],
)
def test_the_text_says_what_will_be_done(text: Ran, line: str) -> None:
    assert line in text.out.splitlines()


def test_every_stage_every_sample_and_every_gate_is_in_the_text(text: Ran, plan: Plan) -> None:
    lines = text.out.splitlines()
    assert plan.samples is not None
    for path in (*plan.samples.calibration, *plan.samples.validation):
        assert f"    {path}" in lines
    for stage in plan.stages:
        assert any(line.startswith(f"  {stage.digest[:12]}  {stage.name}") for line in lines)
    assert sum("at least" in line for line in lines) == len(plan.gates)


def test_the_json_is_the_plan_s_own_bytes_and_nothing_else() -> None:
    ran = npuspec("plan", "--json", ASR_SPEC)
    assert msgspec.json.decode(ran.out, type=Plan).encode().decode() == ran.out


def test_a_device_that_is_asked_for_replaces_target_and_fallbacks() -> None:
    data = json.loads(npuspec("plan", "--json", "--device", "CPU", ASR_SPEC).out)
    assert [d["device"] for d in data["deployments"]] == ["CPU"]
    settings = {s["path"]: (s["value"], s["origin"]) for s in data["settings"]}
    assert settings["target.device"] == ("CPU", "the command line")
    assert settings["target.fallback"] == ([], "the command line")
    assert not any("NPU" in stage["name"] for stage in data["stages"])


def test_the_stages_of_a_device_are_the_same_whether_it_is_asked_for_or_a_fallback(plan: Plan) -> None:
    asked = msgspec.json.decode(npuspec("plan", "--json", "--device", "CPU", ASR_SPEC).out, type=Plan)
    assert asked.stages == plan.stages_for("CPU")


def test_a_wrong_spec_has_no_plan(tmp_path: Path) -> None:
    spec = tmp_path / "s.toml"
    spec.write_text(ASR_SPEC.read_text().replace("sizes = [32000", "sizes = [0"))
    ran = npuspec("plan", "--json", spec)
    assert (ran.code, ran.out) == (2, "")
    assert "error[wrong-value]: `dims.time.sizes.0`" in ran.err


def test_sizes_that_the_model_does_not_take_are_an_error_at_their_table(tmp_path: Path) -> None:
    spec = tmp_path / "s.toml"
    spec.write_text(ASR_SPEC.read_text().replace("sizes = [32000, 64000, 128000]", "sizes = [200]"))
    ran = npuspec("plan", spec)
    assert ran.code == 2
    assert "error[impossible-shape]" in ran.err
    assert "[dims.time]" in ran.err


def test_what_a_terminal_obeys_is_spelled_out() -> None:
    strange = "y\x1b[31m"
    plan = plan_of(SMALL, signature=signature_of(outputs=(port(strange, None, None, 8),)))
    assert plan.program.outputs[0].name == strange
    text = show_plan(plan, "s.toml")
    assert "  y\\x1b[31m float32: axis 1 cut to time" in text.splitlines()
    assert "\x1b" not in text


def test_an_unknown_device_is_a_wrong_call() -> None:
    ran = npuspec("plan", "--device", "GPU", ASR_SPEC)
    assert (ran.code, ran.out) == (2, "")
    assert "'GPU' is not one of 'NPU', 'CPU'" in ran.err


def test_nothing_that_the_spec_states_is_missing_from_the_text() -> None:
    recipe = '[quantization]\nmode = "int8"\noverflow-fix = "disable"\n[quantization.keep]\npatterns = ["/Re.*"]\n'
    spec = SMALL.replace('overflow = "error"', 'overflow = "truncate"') + 'layout = "NC"\n'
    lines = show_plan(plan_of(spec + DATA + recipe + '[load]\nkind = "sustained"\n'), "s.toml").splitlines()
    assert '  quantization.overflow-fix = "disable"  (spec)' in lines
    assert '  inputs.x.layout = "NC"  (spec)' in lines
    assert '  load.kind = "sustained"  (spec)' in lines
    assert "  kept in floating point: what matches `/Re.*`" in lines
    assert any(line.endswith("shorter is an error, longer is cut off at 64") for line in lines)


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("", "int8-asym  (default), a scale for each channel"),
        ('weights-mode = "int8-sym"\n', "int8-sym  (spec), a scale for each channel"),
        ('weights-mode = "int4-sym"\n', "int4-sym  (spec), a scale for as many as NNCF chooses"),
        ('weights-mode = "int4-asym"\ngroup-size = 64\n', "int4-asym  (spec), a scale for each 64"),
        ('weights-mode = "int4-asym"\ngroup-size = -1\n', "int4-asym  (spec), a scale for each channel"),
    ],
)
def test_weights_alone_are_told_with_what_shares_a_scale(keys: str, shown: str) -> None:
    text = show_plan(plan_of(SMALL + f'[quantization]\nmode = "weights"\n{keys}'), "s.toml")
    assert f"  weights {shown}" in text.splitlines()
    assert "  quantization.group-size = 64" not in text


def test_what_the_graph_makes_of_lengths_is_told() -> None:
    text = SMALL + "".join(f'[inputs.{m}]\nrole = "mask"\nof = "x"\nbuilt = "in-model"\n' for m in "mk")
    text += '[outputs.y]\nselect = { kind = "masked-mean", dim = "time" }\n'
    ports = (port("x", None, None), *(port(m, None, None, dtype="int64") for m in "mk"))
    lines = show_plan(plan_of(text, signature=signature_of(*ports)), "s.toml").splitlines()
    assert "  time_length int32: length of x in time, from which the model builds m and k" in lines
    assert "  y float32: masked mean over axis 1 of the model's" in lines
    assert not any("select" in line or "built" in line for line in lines if line.endswith("(spec)"))


PICTURE = SMALL.replace('["batch", "time"]', '["batch", 3, 8, "time"]\nlayout = "NCHW"')
STEPS = '[inputs.x.preprocess]\ndtype = "uint8"\nlayout = "NHWC"\nmean = [1.0]\n'


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        (
            'place = "native"\nresize = "letterbox"\n',
            [
                "  x [batch=1, 3, 8, time] float32: padded on the right with 0",
                "    made of uint8 [8, time, 3]",
                "    of pictures of any size, which are scaled to fit into the model's",
                "    normalised: (value - [1]) / [1]",
                "  layout: original; no axis of the model is moved",
            ],
        ),
        (
            'place = "model"\n',
            [
                "  x [batch=1, 8, time, 3] uint8: padded on the right with 1",
                "    made into [3, 8, time] in the model, after it is padded",
                "    normalised: (value - [1]) / [1]",
                "  layout: original; the model itself moves the axes of `x`",
            ],
        ),
    ],
)
def test_what_becomes_of_a_sample_is_told_and_where(place: str, lines: list[str]) -> None:
    plan = plan_of(PICTURE + STEPS + place, signature=signature_of(port("x", None, 3, None, None)))
    assert {*lines} <= {*show_plan(plan, "s.toml").splitlines()}


def test_an_allowed_warning_is_not_shown_because_something_else_is_wrong(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, more=INT8 + '\n[[allow]]\ncode = "small-calibration"\nreason = "a toy"\n')
    (tmp_path / "model" / "model.xml").unlink()
    ran = npuspec("plan", spec)
    assert ran.code == 2
    assert "small-calibration" not in ran.err


def test_the_committed_lock_is_held_by_its_spec() -> None:
    ran = npuspec("plan", "--locked", ASR_SPEC)
    assert ran.code == 0, ran.err


def test_changes_since_the_lock_have_an_exit_code_of_their_own(tmp_path: Path) -> None:
    spec, lock = tmp_path / "asr.toml", tmp_path / "asr.lock"
    spec.write_bytes(ASR_SPEC.read_bytes())
    assert npuspec("plan", "--detailed-exitcode", spec).code == 5
    text = ASR_SPEC.with_suffix(".lock").read_text("utf-8")
    lock.write_text(text, "utf-8")
    assert npuspec("plan", "--detailed-exitcode", spec).code == 0
    lock.write_text(text.replace("[settings]", '[settings]\n"\\u001b[2J\\nok" = 1'), "utf-8")
    ran = npuspec("plan", "--detailed-exitcode", spec)
    assert ran.code == 5
    assert "\x1b" not in ran.err
    assert "\nok" not in ran.err


def test_a_plan_file_is_written_where_no_folder_is(tmp_path: Path) -> None:
    ran = npuspec("plan", ASR_SPEC, "--out", tmp_path / "build" / "asr.plan")
    assert ran.code == 0, ran.err
    assert (tmp_path / "build" / "asr.plan").is_file()


def test_few_samples_are_listed_and_of_many_files_what_fits() -> None:
    text = SMALL + DATA
    few = show_plan(plan_of(text, files=tuple(f"{n:02}.npy" for n in range(32))), "spec.toml")
    assert all(f"    {n:02}.npy\n" in few for n in range(32))
    many = show_plan(plan_of(text, files=tuple(f"{n:02}.npy" for n in range(40))), "spec.toml")
    assert "    31.npy\n    and 8 more files\n" in many
    assert "32.npy" not in many


def test_of_many_texts_each_file_says_how_many() -> None:
    text = SMALL + DATA + 'tokenizer = "tokenizer.json"\nfield = "talk"\n'
    texts = {"a.yml": [f"{n:03}" for n in range(50)] * 2, "b.yml": ["x"]}
    plan = plan_of(text, files=("a.yml", "b.yml"), tokenizer="tokenizer.json", texts=texts)
    shown = show_plan(plan, "spec.toml")
    assert "on 51 samples, none of which calibrates:\n" in shown
    assert "    a.yml: 50 texts, number 1, 2, 3, 4, …\n    b.yml: 1 text, number 1\n" in shown
    assert "left out as repeated: 50\n" in shown
    assert "  made tokens of by tokenizer.json\n  sha256 " in shown
    assert plan.samples is not None
    assert len(plan.samples.validation) == 51
