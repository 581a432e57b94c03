"""A report has what a bundle's own files say, and what running it shows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from compilers.test_command import command
from msgspec import structs
from runtime.toys import along, bundle, data, program

from builders import SMALL, plan_of
from conftest import npuspec
from npuspec.bundle import open_bundle
from npuspec.bundle.writer import publish, records, staging
from npuspec.compilers import find_compiler
from npuspec.diagnostics import BundleError, InputError
from npuspec.execute.evidence import Evidence
from npuspec.plan import Plan
from npuspec.report import Asked, Missing, Report, bundles_in, gather, gather_all
from npuspec.report.measured import latencies_of
from npuspec.report.model import Difference, Fusion, Layers, Timeline
from report import toys
from toy_specs import INT8, write_spec

ALLOW = '\n[[allow]]\ncode = "random-calibration"\nreason = "the toy\'s samples are random"\n'


def told(plan: Plan, name: str) -> str:
    return f"{name} {plan.digest}"


def of(path: Path, asked: Asked | None = None) -> Report:
    return gather(path, asked or Asked(told), lambda _: None, lambda _done, _total: None)


Change = Callable[..., Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that is quantized."""
    folder = tmp_path_factory.mktemp("report")
    ran = npuspec("apply", write_spec(folder, more=INT8 + ALLOW), "-o", folder / "bundle")
    assert ran.code == 0, ran.err
    return folder / "bundle"


@pytest.fixture
def changed(made: Path, tmp_path: Path) -> Change:
    """Return what publishes the bundle with other content of one of its files, beside the version before."""

    def change(name: str, content: bytes) -> Path:
        shutil.copytree(made, tmp_path / "bundle")
        with staging(tmp_path / "bundle") as scratch:
            shutil.copytree(open_bundle(made).root, scratch, dirs_exist_ok=True)
            (scratch / "manifest.json").unlink()
            (scratch / name).write_bytes(content)
            manifest = structs.replace(open_bundle(made).manifest, files=records(scratch))
            publish(tmp_path / "bundle", scratch, manifest)
        return tmp_path / "bundle"

    return change


def test_it_says_what_was_asked_done_and_measured(made: Path) -> None:
    report = of(made)
    assert (report.name, report.made_for, report.variants, report.batch) == ("bundle", "CPU", ("time32",), 1)
    assert report.version == open_bundle(made).root.name
    assert report.words.startswith("bundle ")
    assert ("quantization.mode", "int8") in [(setting.path, setting.value) for setting in report.settings]
    assert all(setting.origin != "default" for setting in report.settings)
    assert {stage.name for stage in report.stages} >= {"read", "quantize", "compile[CPU, time32]", "verify[CPU]"}
    assert "rank" not in {stage.name for stage in report.stages}  # run only where a gate fails
    assert [gate.min for gate in report.gates] == [0.5]
    assert {(row.of, row.where) for row in report.agreements} >= {("static", "all samples"), ("static", "time32")}
    assert {(row.precision, row.where, row.measured) for row in report.latencies} == {
        ("original", "CPU", True),
        ("int8", "CPU", True),
    }
    assert [choice.title for choice in report.choices] == ["Precisions, measured"]
    assert dict(report.files)["models/time32.xml"] > 0
    assert report.passed == 1
    assert isinstance(report.layers, Missing)


def test_the_version_before_is_what_it_is_compared_with(made: Path, changed: Change) -> None:
    assert isinstance(of(made).difference, Missing)
    plan = open_bundle(made).path("plan.json").read_text()
    assert plan.count('"value": "error"') == 1
    later = changed("plan.json", plan.replace('"value": "error"', '"value": "truncate"').encode())
    found = of(later).difference
    assert isinstance(found, Difference)
    assert found.base == f"version {open_bundle(made).root.name[:12]}, the one before"
    assert [change.what for change in found.diff.changes] == ["dims.time.overflow"]
    against = of(later, Asked(told, against=("main", plan_of(SMALL)))).difference
    assert isinstance(against, Difference)
    assert against.base == "main"
    assert len(against.diff.changes) > 1


def test_a_version_before_of_another_format_is_no_fault_of_this_one(made: Path, changed: Change) -> None:
    plan = open_bundle(made).path("plan.json").read_bytes()
    other = changed("plan.json", b"{}")
    with staging(other) as scratch:
        shutil.copytree(open_bundle(made).root, scratch, dirs_exist_ok=True)
        (scratch / "manifest.json").unlink()
        (scratch / "plan.json").write_bytes(plan + b"\n")
        publish(other, scratch, structs.replace(open_bundle(made).manifest, files=records(scratch)))
    found = of(other).difference
    assert isinstance(found, Missing)
    assert "the one before, can't be read" in found.why


def test_running_it_shows_how_long_each_operation_takes(made: Path) -> None:
    layers = of(made, Asked(told, run=True)).layers
    assert isinstance(layers, Layers)
    assert "Convolution" in {layer.type for layer in layers.layers}
    assert layers.ms == pytest.approx(sum(layer.ms for layer in layers.layers))
    assert [layer.ms for layer in layers.layers] == sorted((layer.ms for layer in layers.layers), reverse=True)


def test_running_it_shows_what_was_fused(made: Path) -> None:
    [fusion] = of(made, Asked(told, run=True)).fusion
    assert isinstance(fusion, Fusion)
    assert (fusion.device, fusion.variant, fusion.estimated) == ("CPU", "time32", False)
    assert fusion.us > 0
    assert sum(chains.count for chains in fusion.chains) > 0
    assert {chains.verdict for chains in fusion.chains} <= {"fused", "not fused", "not judged"}
    assert all(bool(chains.advice) == (chains.verdict == "not fused") for chains in fusion.chains)


def test_a_compiler_s_schedule_shows_what_an_npu_would_do(made: Path, npu_compiler: Path) -> None:
    report = of(made, Asked(told, platform="4000", compiler=find_compiler(str(npu_compiler))))
    assert isinstance(report.timeline, Timeline)
    assert report.timeline.variant == "time32"
    before, fusion = report.fusion
    assert before == Missing("the model was not run for this report")
    assert isinstance(fusion, Fusion)
    assert (fusion.device, fusion.estimated) == ("NPU 4000", True)


def test_a_compiler_that_fails_leaves_the_rest_of_the_report(made: Path, tmp_path: Path) -> None:
    broken = find_compiler(command(tmp_path, compile_="exit 1"))
    report = of(made, Asked(told, platform="4000", compiler=broken))
    assert isinstance(report.timeline, Missing)
    assert isinstance(report.fusion[1], Missing)


BUDGETS = """
[[gates]]
metric = "latency-ms"
max = 60000

[[gates]]
metric = "start-ms"
max = 60000

[[gates]]
metric = "size-mib"
max = 100
"""


def test_a_compiler_with_a_long_name_leaves_its_budget_readable(made: Path, changed: Change) -> None:
    evidence = json.loads(open_bundle(made).path("evidence/evidence.json").read_bytes())
    evidence["gates"] = [toys.budget(platform="4000", compiler="f" * 64).as_json()]
    [gate] = of(changed("evidence/evidence.json", json.dumps(evidence).encode())).gates
    assert gate.subject == "latency-ms for NPU 4000, estimated by the compiler, HSwish counted as nothing"


def test_budgets_have_their_figures_and_what_was_timed(tmp_path: Path) -> None:
    ran = npuspec("apply", write_spec(tmp_path, more=BUDGETS), "-o", tmp_path / "bundle")
    assert ran.code == 0, ran.err
    report = of(tmp_path / "bundle")
    _, latency, size, start = report.gates
    assert latency.subject == "latency-ms, measured on CPU in its worst variant, time32"
    assert size.subject == "size-mib"
    one, whole = report.served
    assert (one.device, one.variant, one.figures["latency-ms"]) == ("CPU", "time32", latency.value)
    assert (whole.variant, whole.figures) == ("all, loaded", {"start-ms": start.value})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evidence/evidence.json", b"[]"),
        ("evidence/evidence.json", b'{"gates": [{}], "doubts": [], "quantization": null, "agreement": null}'),
        ("evidence/timings.json", b'{"stages": {"verify[CPU]": {}}}'),
        ("evidence/timings.json", b"[" * 100_000),
        ("plan.json", b"{}"),
    ],
)
def test_what_this_version_does_not_read_is_said(changed: Change, name: str, content: bytes) -> None:
    with pytest.raises(BundleError, match="no report can be made") as caught:
        of(changed(name, content))
    assert caught.value.code == "bundle-format"


def test_what_no_page_could_hold_is_refused(changed: Change) -> None:
    with pytest.raises(BundleError, match=r"`evidence/timings\.json` has more than 16 MiB"):
        of(changed("evidence/timings.json", b" " * (2**24 + 1)))


def test_variants_stand_in_the_order_of_their_sizes(tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    padded, buckets = 'strategy = "pad"\nsize = 32\n', 'strategy = "buckets"\nsizes = [32, 100]\n'
    assert padded in spec.read_text()
    spec.write_text(spec.read_text().replace(padded, buckets))
    np.save(tmp_path / "data" / "long.npy", np.ones((3, 90), np.float32))
    assert npuspec("apply", spec, "-o", tmp_path / "bundle").code == 0
    rows = of(tmp_path / "bundle").agreements
    assert [row.where for row in rows if row.where.startswith("time")] == ["time32", "time100"]


def test_a_figure_that_is_no_number_is_said(made: Path, changed: Change) -> None:
    evidence = json.loads(open_bundle(made).path("evidence/evidence.json").read_bytes())
    evidence["gates"][0]["value"] = "<script>"
    with pytest.raises(BundleError, match="can't be read"):
        of(changed("evidence/evidence.json", json.dumps(evidence).encode()))


def row(**changes: object) -> dict[str, object]:
    told = {"platform": "4000", "variant": "time32", "precision": "int8", "batch": 2, "batch_mode": None}
    return {**told, "latency_us": 100.0, "uncosted_operations": [], "ships": True, **changes}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("doubts", [1]),
        ("estimates", [row(latency_us=10**400)]),
        ("estimates", [row(precision=8)]),
    ],
)
def test_what_is_no_text_or_no_number_is_said(made: Path, changed: Change, key: str, value: object) -> None:
    evidence = json.loads(open_bundle(made).path("evidence/evidence.json").read_bytes())
    with pytest.raises(BundleError, match="can't be read"):
        of(changed("evidence/evidence.json", json.dumps(evidence | {key: value}).encode()))


@pytest.mark.parametrize(("told", "batch"), [("PLUGIN", 1), ("COMPILER", 4), (None, 1)])
def test_an_estimate_is_of_one_sample_where_the_plugin_splits_the_batch(told: str | None, batch: int) -> None:
    layout = '\n[batching]\nsize = 4\n[[allow]]\ncode = "split-batch"\nreason = "a test"\n'
    plan = plan_of(SMALL + layout)
    assert plan.batch_mode == "PLUGIN"
    [variant] = plan.program.variants
    found = row(variant=variant.name, batch=4, batch_mode=told)
    [latency] = latencies_of(plan, Evidence((), (), None, None, (found,)), {})
    assert latency.batch == batch


def test_what_was_tuned_is_of_the_same_model(made: Path) -> None:
    with pytest.raises(InputError, match="another model"):
        of(made, Asked(told, tuned=toys.tuned()))


def test_one_that_is_broken_leaves_the_reports_of_others(made: Path, tmp_path: Path) -> None:
    bundle(tmp_path / "broken", program(data(), outputs=(along(),)))
    found, broken = gather_all([made, tmp_path / "broken"], Asked(told), print, print)
    assert [report.name for report in found] == ["bundle"]
    assert broken["broken"].code == "broken-bundle"
    with pytest.raises(BundleError, match="no file"):
        gather_all([tmp_path / "broken"], Asked(told), print, print)


def test_a_bundle_without_evidence_is_broken(tmp_path: Path) -> None:
    bundle(tmp_path / "bundle", program(data(), outputs=(along(),)))
    with pytest.raises(BundleError, match=r"it has no file `plan\.json`"):
        of(tmp_path / "bundle")


def test_a_folder_stands_for_the_bundles_in_it(made: Path, tmp_path: Path) -> None:
    assert bundles_in(made) == [made]
    for name in ("b", "a"):
        bundle(tmp_path / name, program(data(), outputs=(along(),)))
    (tmp_path / "c").mkdir()
    assert bundles_in(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(BundleError, match="no bundle in"):
        bundles_in(tmp_path / "c")
    assert bundles_in(tmp_path / "missing") == [tmp_path / "missing"]  # opening it says what there isn't
