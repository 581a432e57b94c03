"""What ruins a model without an error ends in no bundle, unless a spec says that it is meant."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from builders import BUCKETS, DATA, plan_of
from conftest import npuspec
from helpers import version
from npuspec import SpecError, StageError
from npuspec.bundle import open_bundle
from npuspec.execute import Observer, apply
from npuspec.execute.evidence import Evidence, gather_evidence
from npuspec.stages import MIXED, QUANTIZATION
from npuspec.store import canonical_json
from toy_specs import INT8

WriteSpec = Callable[..., Path]
ALLOW = '\n[[allow]]\ncode = "{}"\nreason = "the tests look at it"\n'
FEW = ALLOW.format("small-calibration")
BUCKETED = ('strategy = "pad"\nsize = 32', 'strategy = "buckets"\nsizes = [16, 32]')
ANGLES = "pypi:rapidocr-onnxruntime==1.4.4/rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx"
ANGLES_SHA256 = "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"


class Listener(Observer):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.stages: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def started(self, stage: Any, _number: int, _count: int) -> None:
        self.stages.append(stage.name)


def attention(*, masked: bool = False) -> ov.Model:
    """Attention over the steps of x [1, 3, time], from which y [1, 3, time] comes; silent steps may be masked."""
    rng = np.random.default_rng(0)
    x = op.parameter([1, 3, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    query, key, value = (
        op.convolution(x, op.constant(rng.standard_normal((3, 3, 1)).astype(np.float32)), [1], [0], [0], [1])
        for _ in range(3)
    )
    scores = op.matmul(query, key, True, False)
    if masked:
        silent = op.equal(op.reduce_sum(op.abs(x), np.array([1]), True), np.float32(0))
        scores = op.add(scores, op.multiply(op.convert(silent, "f32"), np.finfo(np.float32).min), name="masked")
    chances = op.softmax(scores, -1)
    y = op.matmul(value, chances, False, True)
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x])


def test_a_trap_that_a_plan_shows_is_refused_before_any_stage(write_spec: WriteSpec, tmp_path: Path) -> None:
    spec, listener = write_spec(model=attention(), more=INT8 + FEW), Listener()
    with pytest.raises(SpecError, match="or allow it with a reason") as caught:
        apply(spec, tmp_path / "bundle", observer=listener)
    assert [fault.code for fault in caught.value.diagnostics] == ["missing-model-type"]
    assert caught.value.exit_code == 2
    assert listener.stages == []
    assert not (tmp_path / "bundle").exists()


def test_check_and_plan_only_warn_of_it(write_spec: WriteSpec) -> None:
    spec = write_spec(model=attention(), more=INT8 + FEW)
    for verb in ("check", "plan"):
        ran = npuspec(verb, spec)
        assert ran.code == 0
        assert "warning[missing-model-type]" in ran.err


def test_the_real_classifier_of_angles_is_not_calibrated_on_noise(tmp_path: Path) -> None:
    (tmp_path / "noise").mkdir()
    for number in range(4):
        np.save(tmp_path / f"noise/{number}.npy", np.random.default_rng(number).random((3, 48, 192), np.float32))
    text = (
        f'npuspec = 1\n\n[model]\nsource = "{ANGLES}"\nsha256 = "{ANGLES_SHA256}"\n\n'
        '[data]\nsource = "noise/*.npy"\ninput = "x"\n\n[target]\ndevice = "CPU"\n\n'
        '[inputs.x]\nshape = ["batch", 3, 48, 192]\n'
    )
    (tmp_path / "spec.toml").write_text(text + INT8 + FEW)
    ran = npuspec("apply", tmp_path / "spec.toml", "--output", tmp_path / "bundle")
    assert ran.code == 2
    assert "error[random-calibration]: 4 of 4 samples look like uniform noise" in ran.err
    assert ran.err.count("[random-calibration]") == 1
    assert "or allow it with a reason: [[allow]]" in ran.err
    assert not (tmp_path / "bundle").exists()


def test_a_range_that_nncf_ruins_is_found_when_it_is_applied_and_what_is_named_mends_it(
    write_spec: WriteSpec, tmp_path: Path
) -> None:
    allowed = INT8 + FEW + ALLOW.format("missing-model-type")
    spec = write_spec(model=attention(masked=True), more=allowed, minimum=0.01)
    with pytest.raises(StageError) as caught:
        apply(spec, tmp_path / "bundle")
    [fault] = caught.value.diagnostics
    assert fault.code == "ruined-range"
    assert fault.help.startswith('in [quantization.keep], names = ["masked"]; or allow it')
    spec.write_text(spec.read_text() + '\n[quantization.keep]\nnames = ["masked"]\n')
    assert apply(spec, tmp_path / "bundle").digest


def one_bucket(write_spec: WriteSpec, more: str = "") -> Path:
    """A spec of two variants, of which all samples fall into one."""
    spec = write_spec(more=INT8 + FEW + more)
    spec.write_text(spec.read_text().replace(*BUCKETED))
    for number in range(3):
        sample = np.sin(np.arange(3 * 24, dtype=np.float32) * (number + 1)).reshape(3, 24)
        np.save(spec.parent / f"data/{number}.npy", sample)
    return spec


def test_a_trap_that_a_stage_finds_leaves_the_old_bundle(write_spec: WriteSpec, tmp_path: Path) -> None:
    before = apply(write_spec(), tmp_path / "bundle").digest
    with pytest.raises(StageError) as caught:
        apply(one_bucket(write_spec), tmp_path / "bundle")
    assert [(f.code, f.help) for f in caught.value.diagnostics] == [
        ("one-bucket-calibration", "add samples of other lengths; or allow it with a reason: [[allow]]")
    ]
    assert caught.value.exit_code == 1
    assert version(tmp_path / "bundle") == before


def test_a_trap_of_a_stage_that_is_allowed_is_a_doubt_and_no_allowance_in_vain(
    write_spec: WriteSpec, tmp_path: Path
) -> None:
    spec = one_bucket(write_spec, ALLOW.format("one-bucket-calibration") + ALLOW.format("ruined-range"))
    for verb in ("check", "plan"):
        ran = npuspec(verb, spec)
        assert ran.code == 0
        assert "unused-allowance" not in ran.err
    listener = Listener()
    applied = apply(spec, tmp_path / "bundle", observer=listener)
    evidence = json.loads(open_bundle(applied.bundle).path("evidence/evidence.json").read_bytes())
    assert "fall into variant time32" in evidence["doubts"][0]
    assert evidence["doubts"][0] in listener.warnings
    assert "nothing here has to be allowed as `ruined-range`: take it out" in listener.warnings
    spec.write_text(spec.read_text().replace('"one-bucket-calibration"', '"random-calibration"'))
    with pytest.raises(StageError):  # of the bundle that is there
        apply(spec, tmp_path / "bundle")


def test_an_allowance_of_what_only_calibration_finds_is_in_vain_without_it(write_spec: WriteSpec) -> None:
    ran = npuspec("check", write_spec(more=ALLOW.format("ruined-range")))
    assert "warning[unused-allowance]: nothing here has to be allowed as `ruined-range`" in ran.err


RUINED = {"code": "ruined-range", "message": "it is ruined", "help": "keep it"}
PLAN = plan_of(BUCKETS + DATA + INT8, files=("a.npy", "b.npy", "c.npy"))


def gathered(tmp_path: Path, *allowed: str, traps: list[dict[str, str]], mixed: Any = None) -> Evidence:
    """What is said of the reports that stages left."""
    told = {"quantize": (QUANTIZATION, {"samples": 2, "samples_wanted": 2, "traps": traps}), "mix": (MIXED, mixed)}
    folders = {}
    for stage, (name, report) in told.items():
        folders[stage] = tmp_path / stage
        folders[stage].mkdir(exist_ok=True)
        if report is not None:
            (folders[stage] / name).write_bytes(canonical_json(report))
    return gather_evidence(PLAN, folders, "CPU", allowed)


def test_what_a_stage_reports_is_read_with_what_to_do(tmp_path: Path) -> None:
    [trap] = gathered(tmp_path, traps=[RUINED]).traps
    assert (trap.code, trap.message) == ("ruined-range", "it is ruined")
    assert trap.help == "keep it; or allow it with a reason: [[allow]]"


@pytest.mark.parametrize(("allowed", "doubts"), [((), 0), (("ruined-range",), 1)])
def test_only_what_is_allowed_is_a_doubt(tmp_path: Path, allowed: tuple[str, ...], doubts: int) -> None:
    found = gathered(tmp_path, *allowed, traps=[RUINED]).doubts
    assert found[:-1] == ("it is ruined",) * doubts
    assert found[-1].startswith("nothing was measured")


def test_a_mix_is_held_to_the_ranges_that_it_has_left_ruined(tmp_path: Path) -> None:
    told = [RUINED, {**RUINED, "code": "one-bucket-calibration"}]
    mixed = {"keep": [], "quantized_operations": 3, "curve": []}
    found = [trap.code for trap in gathered(tmp_path, traps=told, mixed=mixed).traps]
    assert found == ["one-bucket-calibration"]
    left = [trap.code for trap in gathered(tmp_path, traps=[RUINED], mixed={**mixed, "traps": [RUINED]}).traps]
    assert left == ["ruined-range"]
