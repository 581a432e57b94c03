"""A spec is tuned whole: on this machine's CPU, and for an NPU that a command compiles for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomli

from npuspec.diagnostics import NpuspecError, SpecError
from npuspec.execute import Observer
from npuspec.plan.lock import lock_path
from npuspec.tune import tuner
from npuspec.tune.model import Report, Row
from npuspec.tune.tuner import open_space, tune, write
from toy_specs import convolutions, write_spec

PLATFORM = "4000"
SCRIPT = """#!/bin/sh
if [ $1 = version ]; then
  echo '{{"protocol": 1, "compiler": "toy {name}", "platforms": ["3720", "4000"]}}'
  exit
fi
echo "$*" >> {calls}
if {refuses}; then
  echo '{{"protocol": 1, "ok": false, "platform": "4000", "step": "compile", "error": "no such layer", "details": []}}'
  exit 1
fi
echo blob > $4
echo '{{"protocol": 1, "ok": true, "compile_seconds": 0.5, "estimated_latency_us": {latency},
  "batch_mode": "COMPILER", "uncosted_operations": []}}' | tr -d '\\n'
"""


@dataclass(frozen=True)
class Toy:
    """A command that stands for a compiler, and where it writes what it was asked."""

    command: str
    calls: Path

    @property
    def count(self) -> int:
        """How often it compiled."""
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def compiler(tmp_path: Path) -> Callable[..., Toy]:
    """Make such a command, another one for each test; `latency` and `refuses` are the shell's."""

    def make(latency: str = "100", refuses: str = "false") -> Toy:
        script, calls = tmp_path / "compiler", tmp_path / "calls"
        script.write_text(SCRIPT.format(name=tmp_path.name, calls=calls, latency=latency, refuses=refuses))
        script.chmod(0o755)
        return Toy(str(script), calls)

    return make


@pytest.fixture
def npu_spec(tmp_path: Path) -> Path:
    """A spec for an NPU, of a model that lies beside it, with a comment to be kept."""
    (tmp_path / "toy").mkdir()
    batches = "\n[batching]\nsize = 1 # one line at a time\ncandidates = [1, 4, 16]\n"
    allowed = '\n[[allow]]\ncode = "hidden-fallback"\nreason = "it is a test"\n'
    more = batches + allowed
    return write_spec(tmp_path / "toy", device="NPU", fallback='["CPU"]', more=more, model=convolutions(batch=-1))


def rows(report: Report) -> dict[str, Row]:
    return {row.name: row for row in report.rows}


def for_npu(spec: Path, command: str, **more: Any) -> Report:
    return tune(spec, platform=PLATFORM, compiler=command, **more).report


def test_a_batch_that_costs_no_more_is_best_for_throughput(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    toy = compiler()
    report = for_npu(npu_spec, toy.command, objective="throughput", only=("batch",))
    best = report.rows[report.chosen]
    assert (best.name, best.sample_us, best.latency_us) == ("batch 16", 100 / 16, 100)
    assert best.evidence == "estimated for NPU 4000 on 4 tiles, its only size"
    assert rows(report)["batch 4"].lost == "4.00 times the time for a sample"
    assert (report.points, report.compiles, toy.count) == (3, 3, 4)
    assert "-size = 1 # one line at a time\n+size = 16 # one line at a time\n" in report.patch
    assert all(row.cpu_us and row.agreement for row in report.rows)


def test_what_was_found_out_is_not_found_out_again(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    toy = compiler()

    class Stops(Observer):
        def announce(self, text: str) -> None:
            if text.startswith("candidate 3"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for_npu(npu_spec, toy.command, objective="throughput", only=("batch",), observer=Stops())
    assert toy.count == 2
    first = for_npu(npu_spec, toy.command, objective="throughput", only=("batch",))
    assert (first.made, toy.count) == (2, 4)
    again = for_npu(npu_spec, toy.command, objective="throughput", only=("batch",))
    assert (again.rows, again.made, toy.count) == (first.rows, 0, 4)


def test_a_candidate_that_does_not_compile_is_a_row(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    toy = compiler(refuses='grep -q "<dim>4</dim>" $2')
    report = for_npu(npu_spec, toy.command, objective="throughput", only=("batch",))
    row = rows(report)["batch 4"]
    assert row.failed
    assert "no such layer" in row.lost
    assert row.latency_us is None
    assert report.rows[report.chosen].name == "batch 16"


def test_nothing_is_compiled_of_what_fails_a_gate(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    npu_spec.write_text(npu_spec.read_text().replace("min = 0.5", "min = 1.0").replace("frame-agreement", "cosine"))
    toy = compiler()
    report = for_npu(npu_spec, toy.command, only=("precision", "tiles"))
    failed = [row for row in report.rows if row.name.startswith("INT8")]
    assert [row.name for row in failed] == ["INT8"]
    assert failed[0].lost.startswith("gate not met: cosine of quantized against original, y: ")
    assert failed[0].size_bytes is None
    (int8,) = [verdict for verdict in report.advice if verdict.advice == "int8"]
    assert (int8.verdict, int8.before, int8.after, int8.why) == ("harms", 100, 100, failed[0].lost)


def test_a_budget_that_is_not_met_loses(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    budget = f'\n[[gates]]\nmetric = "latency-ms"\nplatform = "{PLATFORM}"\nmax = 0.15\n'
    text = npu_spec.read_text().replace('"NPU"\n', f'"NPU"\nplatforms = ["{PLATFORM}"]\n')
    npu_spec.write_text(text + budget)
    toy = compiler(latency="'$(grep -q \"<dim>16</dim>\" $2 && echo 200 || echo 100)'")
    report = for_npu(npu_spec, toy.command, objective="throughput", only=("batch",))
    assert rows(report)["batch 16"].lost.startswith("gate not met: latency-ms for NPU 4000, estimated by toy ")
    assert report.rows[report.chosen].name == "batch 4"


def test_the_best_is_written_with_its_lock_and_comments_stay(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    toy = compiler()
    tuned = tune(npu_spec, platform=PLATFORM, compiler=toy.command, objective="throughput", only=("batch",))
    assert write(npu_spec, tuned) == lock_path(npu_spec)
    text = npu_spec.read_text()
    assert "size = 16 # one line at a time\n" in text
    values, lock = tomli.loads(text), tomli.loads(lock_path(npu_spec).read_text())
    assert values["properties"]["unchecked"] == {"NPU_BATCH_MODE": "COMPILER"}
    assert lock["settings"]["batching.size"] == 16
    again = tune(npu_spec, platform=PLATFORM, compiler=toy.command, objective="throughput", only=("batch",))
    assert again.report.patch == ""


def test_what_can_not_be_applied_is_not_written(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    tuned = tune(npu_spec, platform=PLATFORM, compiler=compiler().command, objective="throughput", only=("batch",))
    before = npu_spec.read_text()
    (npu_spec.parent / "model" / "model.bin").write_bytes(b"another")
    with pytest.raises(NpuspecError):
        write(npu_spec, tuned)
    assert npu_spec.read_text() == before
    assert not lock_path(npu_spec).exists()


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_can_not_be_written_leaves_every_byte(npu_spec: Path, compiler: Callable[..., Toy], ends: str) -> None:
    before = b"\xef\xbb\xbf" + npu_spec.read_text().replace("\n", ends).encode()
    npu_spec.write_bytes(before)
    tuned = tune(npu_spec, platform=PLATFORM, compiler=compiler().command, objective="throughput", only=("batch",))
    model = (npu_spec.parent / "model" / "model.bin").read_bytes()
    (npu_spec.parent / "model" / "model.bin").write_bytes(b"another")
    with pytest.raises(NpuspecError):
        write(npu_spec, tuned)
    assert npu_spec.read_bytes() == before
    (npu_spec.parent / "model" / "model.bin").write_bytes(model)
    write(npu_spec, tuned)
    after = npu_spec.read_bytes()
    assert after.startswith(b"\xef\xbb\xbf")
    assert after.count(ends.encode()) == after.count(b"\n")
    assert "\r" not in tuned.report.patch
    assert {path.name for path in npu_spec.parent.iterdir()} == {"data", "model", "spec.lock", "spec.toml"}


def test_where_the_spec_can_not_be_written_the_lock_is_not_either(
    npu_spec: Path, compiler: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = compiler()
    tuned = tune(npu_spec, platform=PLATFORM, compiler=toy.command, objective="throughput", only=("batch",))

    def refuse(path: Path, _text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(tuner, "write_text", refuse)
        with pytest.raises(PermissionError):
            write(npu_spec, tuned)
    assert not lock_path(npu_spec).exists()
    lock_path(npu_spec).write_text("another tool's\n")
    before = npu_spec.read_bytes()
    with pytest.raises(SpecError, match=r"`.*spec\.lock` is where the spec's lock belongs"):
        write(npu_spec, tuned)
    assert npu_spec.read_bytes() == before
    assert lock_path(npu_spec).read_text() == "another tool's\n"


def test_a_spec_that_was_changed_meanwhile_is_left_as_it_is(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    tuned = tune(npu_spec, platform=PLATFORM, compiler=compiler().command, objective="throughput", only=("batch",))
    npu_spec.write_text(changed := npu_spec.read_text() + "# a remark\n")
    with pytest.raises(SpecError) as caught:
        write(npu_spec, tuned)
    assert caught.value.code == "spec-changed"
    assert npu_spec.read_text() == changed
    assert not lock_path(npu_spec).exists()


def test_for_throughput_what_is_written_is_compared_on_as_many_tiles(
    npu_spec: Path, compiler: Callable[..., Toy]
) -> None:
    whole = '\n[properties.unchecked]\nNPU_BATCH_MODE = "COMPILER"\n'
    npu_spec.write_text(npu_spec.read_text().replace("size = 1 #", "size = 16 #") + whole)
    report = for_npu(npu_spec, compiler().command, objective="throughput", only=("batch",))
    best = report.rows[report.chosen]
    assert (best.name, report.patch) == ("batch 16 (as written)", "")
    assert {row.evidence for row in report.rows} == {"estimated for NPU 4000 on 4 tiles, its only size"}


def test_a_budget_without_a_platform_is_held_of_the_one_that_is_tuned_for(
    npu_spec: Path, compiler: Callable[..., Toy]
) -> None:
    budgets = '\n[[gates]]\nmetric = "latency-ms"\nmax = 0.01\n\n[[gates]]\nmetric = "latency-p95-ms"\nmax = 0.01\n'
    npu_spec.write_text(npu_spec.read_text() + budgets)
    report = for_npu(npu_spec, compiler().command, only=("tiles",))
    best = report.rows[report.chosen]
    assert best.lost.startswith("gate not met: latency-ms for NPU 4000")
    assert any(gate.startswith("latency-p95-ms") and "isn't held" in gate for gate in best.gates)
    assert any(gate.startswith("frame-agreement") for gate in best.gates)


def test_a_budget_of_one_variant_hides_no_other(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    of_one = f'\n[[gates]]\nmetric = "latency-ms"\nplatform = "{PLATFORM}"\nvariant = "time32"\nmax = 100\n'
    text = npu_spec.read_text().replace('"NPU"\n', f'"NPU"\nplatforms = ["{PLATFORM}"]\n')
    npu_spec.write_text(text + of_one + '\n[[gates]]\nmetric = "latency-ms"\nmax = 0.01\n')
    report = for_npu(npu_spec, compiler().command, only=("tiles",))
    assert report.rows[report.chosen].lost.startswith("gate not met: latency-ms for NPU 4000")


def test_for_latency_batches_are_judged_on_as_many_tiles_too(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    report = for_npu(npu_spec, compiler().command, only=("batch",))
    judged = [verdict for verdict in report.advice if verdict.advice == "batch"]
    assert [verdict.evidence for verdict in judged] == ["estimated for NPU 4000 on 4 tiles, its only size"] * 3


MIXED = """
[quantization]
mode = "mixed"
samples = 2

[[gates]]
metric = "frame-agreement"
output = "y"
of = "quantized"
against = "original"
min = 0.1

[[allow]]
code = "small-calibration"
reason = "a test"
"""


def test_a_mix_that_no_platform_guides_is_estimated_as_apply_makes_it(
    npu_spec: Path, compiler: Callable[..., Toy]
) -> None:
    npu_spec.write_text(npu_spec.read_text() + MIXED)
    toy = compiler()
    report = for_npu(npu_spec, toy.command, only=("tiles",))
    assert [row.failed for row in report.rows] == [False, False], report.rows
    assert (report.compiles, toy.count) == (2, 2)  # none to find a mix
    report = for_npu(npu_spec, toy.command, only=("precision",))
    assert [row.name for row in report.rows] == ["FP16", "INT8", "mixed", "as written"]
    assert not [row for row in report.rows if row.failed]
    assert toy.count > 4
    again = for_npu(npu_spec, toy.command, only=("precision",))  # in whichever order
    assert again.rows == report.rows
    npu_spec.write_text(npu_spec.read_text().replace('"NPU"\n', '"NPU"\nplatforms = ["3720"]\n'))
    report = for_npu(npu_spec, toy.command, only=("tiles",))  # whose mix 3720 guides
    assert [row.failed for row in report.rows] == [False, False], report.rows


def test_whether_a_platform_guides_a_mix_is_the_text_s_affair(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    npu_spec.write_text(npu_spec.read_text() + MIXED)
    observed = {"compiler": compiler().command, "observer": Observer()}
    bench, space = open_space(npu_spec, objective="latency", platform=PLATFORM, **observed)  # type: ignore[arg-type]
    mixed = space.text_of({**space.plain, "precision": "mixed"})
    written, guided = bench.prepare(space.text), bench.prepare(mixed)
    assert written.plan.digest == guided.plan.digest
    assert (written.own is None, guided.own is None) == (False, True)


def test_what_fails_a_budget_harms_whatever_it_gains(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    budget = '\n[[gates]]\nmetric = "latency-ms"\nmax = 0.15\n'
    npu_spec.write_text(npu_spec.read_text() + budget)
    toy = compiler(latency="'$(grep -q \"<dim>4</dim>\" $2 && echo 200 || echo 100)'")
    report = for_npu(npu_spec, toy.command, objective="throughput", only=("batch",))
    (batch,) = [verdict for verdict in report.advice if verdict.advice == "batch"]
    assert (batch.verdict, batch.before, batch.after) == ("harms", 100, 50)
    assert batch.why.startswith("gate not met: latency-ms")


def test_without_samples_the_cpu_is_measured_too(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    text = npu_spec.read_text()
    start, end = text.index("[data]"), text.index("[target]")
    npu_spec.write_text(
        (text[:start] + text[end:]).partition("[[gates]]")[0] + text.partition("[batching]")[2].join(["[batching]", ""])
    )
    report = for_npu(npu_spec, compiler().command, only=("tiles",))
    assert all(row.cpu_us for row in report.rows)
    assert report.rows[0].gates == ("no gate is held: the spec has no samples beyond those that calibrate",)


def test_on_a_device_all_is_measured(toy_spec: Path) -> None:
    report = tune(toy_spec, objective="throughput", only=("hint",)).report
    assert (report.device, report.platform, report.compiler) == ("CPU", None, None)
    plain = report.rows[0]
    assert plain.evidence.startswith("measured on CPU, its only size")
    assert plain.latency_us is not None
    assert plain.p95_us is not None
    assert plain.p95_us >= plain.latency_us > 0
    assert plain.size_bytes
    assert "hint THROUGHPUT" in rows(report)
    judged = {verdict.advice: verdict for verdict in report.advice}
    assert judged.keys() == {"caches", "hint"}
    assert all(verdict.before and verdict.after for verdict in judged.values())


def test_a_spec_that_is_wrong_is_told_as_check_does(toy_spec: Path) -> None:
    toy_spec.write_text(toy_spec.read_text().replace("size = 32", 'size = "32"'))
    with pytest.raises(SpecError) as caught:
        tune(toy_spec)
    assert [(fault.code, fault.labels[0].path) for fault in caught.value.diagnostics] == [
        ("wrong-type", ("dims", "time", "size"))
    ]


def test_where_nothing_can_tell_of_the_target_that_is_said(npu_spec: Path) -> None:
    with pytest.raises(SpecError) as caught:
        tune(npu_spec)
    assert caught.value.code == "wrong-argument"


def test_a_compiler_that_does_not_know_the_platform_is_refused(npu_spec: Path, compiler: Callable[..., Toy]) -> None:
    with pytest.raises(SpecError) as caught:
        tune(npu_spec, platform="9999", compiler=compiler().command)
    assert caught.value.code == "unknown-platform"


def test_a_spec_that_holds_no_gate_in_any_form_is_left_as_it_is(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, minimum=1.0)
    spec.write_text(spec.read_text().replace("frame-agreement", "sqnr").replace("min = 1.0", "min = 1e9"))
    report = tune(spec, only=("layout",)).report
    assert report.rows[report.chosen].failed
    assert report.patch == ""
