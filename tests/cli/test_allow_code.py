"""Code of a spec's own: known to every verb, and run only where it is allowed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import npuspec as package
from conftest import Ran, npuspec
from npuspec.bundle import open_bundle
from npuspec.store import digest_bytes
from toy_specs import write_spec

SAMPLES = """from pathlib import Path
import numpy as np
import sizes
(Path(__file__).parent / "was-run").touch()
def some():
    walk = np.random.default_rng(0)
    for size in sizes.SIZES:
        yield {"x": np.cumsum(walk.standard_normal((3, size)), axis=1).astype(np.float32)}
"""
SIZES = "SIZES = (32, 20, 12, 9)\n"
METRIC = """raise SystemExit("nothing but `apply` runs a metric")
def mean(outputs, names, labels): return 1.0
"""
GATE = """
[[gates]]
metric = "function"
function = "metrics:mean"
of = "static"
min = 0.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spec whose samples are what a function gives."""
    spec = write_spec(tmp_path)
    spec.write_text(spec.read_text().replace('source = "data/*.npy"\ninput = "x"', 'function = "samples:some"'))
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "samples.py").write_text(SAMPLES)
    (tmp_path / "sizes.py").write_text(SIZES)
    return tmp_path


def ran(folder: Path, *arguments: str) -> Ran:
    return npuspec(*arguments, cwd=folder)


def plan_of(folder: Path) -> Any:
    found = ran(folder, "plan", "spec.toml", "--allow-code", "--json")
    assert found.code == 0, found.err
    return json.loads(found.out)


def test_code_does_not_run_unless_it_is_allowed(folder: Path) -> None:
    digests = [digest_bytes(text.encode())[:12] for text in (SAMPLES, SIZES)]
    for verb in ("plan", "apply"):
        found = ran(folder, verb, "spec.toml")
        assert found.code == 2
        assert "error[code-not-allowed]: `samples:some` is code beside the spec, and would be run: " in found.err
        assert f"samples.py (SHA-256 {digests[0]}…), sizes.py (SHA-256 {digests[1]}…)" in found.err
        assert "spec.toml:7:12" in found.err
        assert "`--allow-code`" in found.err
    assert ran(folder, "diff", "spec.toml", "spec.toml").code == 2
    with pytest.raises(package.SpecError, match=r"code-not-allowed"):
        package.apply(folder / "spec.toml", folder / "build")
    checked = ran(folder, "check", "spec.toml")
    assert (checked.code, checked.out) == (0, "spec.toml: ok\n")
    assert "note[code-not-run]" in checked.err
    assert not (folder / "was-run").exists()


def test_samples_of_a_function_are_split_calibrate_and_are_measured(folder: Path) -> None:
    applied = ran(folder, "apply", "spec.toml", "--allow-code")
    assert applied.code == 0, applied.err
    assert "running samples:some ..." in applied.err
    bundle = open_bundle(folder / "build" / "spec")
    evidence = json.loads(bundle.path("evidence/evidence.json").read_bytes())
    assert [*evidence["agreement"]["pairs"][0]["samples"]] == [f"00000{number}.npz" for number in (1, 2, 3, 4)]
    again = ran(folder, "apply", "spec.toml", "--allow-code", "--locked")
    assert again.code == 0, again.err
    assert again.out.splitlines()[-1].startswith("nothing to do: ")


def test_a_change_of_the_code_is_in_the_plan_and_work_follows_only_from_other_samples(folder: Path) -> None:
    before = plan_of(folder)
    code = before["samples"]["own"]
    assert [file["path"] for file in code["files"]] == ["samples.py", "sizes.py"]
    shutil.copytree(folder, folder / "old")
    (folder / "samples.py").write_text(SAMPLES + "# said better\n")
    after = plan_of(folder)
    assert after["samples"]["own"]["digest"] != code["digest"]
    assert after["stages"] == before["stages"]
    found = ran(folder, "diff", "old/spec.toml", "spec.toml", "--allow-code", "--format", "json")
    changes = {change["what"]: change["consequences"] for change in json.loads(found.out)["changes"]}
    assert changes == {"code.samples:some.sha256": ["nothing"]}
    (folder / "sizes.py").write_text(SIZES.replace("9", "10"))
    found = ran(folder, "diff", "old/spec.toml", "spec.toml", "--allow-code", "--format", "json")
    changes = {change["what"]: change["consequences"] for change in json.loads(found.out)["changes"]}
    assert changes == {"code.samples:some.sha256": ["nothing"], "data.sha256": ["remeasure"]}


def test_a_plan_says_what_gave_the_samples_and_a_plan_file_is_held_to_it(folder: Path) -> None:
    found = ran(folder, "plan", "spec.toml", "--allow-code", "--out", "spec.plan")
    assert found.code == 0, found.err
    assert f"  given by code: samples.py sha256 {digest_bytes(SAMPLES.encode())[:12]}, sizes.py sha256" in found.out
    assert ran(folder, "apply", "spec.plan").code == 2
    (folder / "samples.py").write_text(SAMPLES + "# said better\n")
    stale = ran(folder, "apply", "spec.plan", "--allow-code")
    assert stale.code == 3
    assert "stale: code.samples:some.sha256 " in stale.err


def test_the_lock_names_code_that_changed(folder: Path) -> None:
    assert ran(folder, "apply", "spec.toml", "--allow-code").code == 0
    assert '[code]\n"samples:some" = "' in (folder / "spec.lock").read_text()
    (folder / "samples.py").write_text(SAMPLES + "# said better\n")
    drifted = ran(folder, "apply", "spec.toml", "--allow-code", "--locked")
    assert drifted.code == 3
    assert "not as in `spec.lock`: code.samples:some.sha256 " in drifted.err


def test_what_a_function_gives_is_looked_at_each_time(folder: Path) -> None:
    (folder / "sizes.py").write_text("import pathlib\nSIZES = [int(pathlib.Path('size').read_text()), 32]\n")
    digests = []
    for size in ("20", "21", "20"):
        (folder / "size").write_text(size)
        ran(folder, "plan", "spec.toml", "--allow-code")
        digests.append(plan_of(folder)["samples"]["source"]["digest"])
    assert digests[0] == digests[2] != digests[1]


def test_a_function_that_fails_is_said_at_its_place(folder: Path) -> None:
    (folder / "sizes.py").write_text("SIZES = (32, 1 // 0)\n")
    found = ran(folder, "plan", "spec.toml", "--allow-code")
    assert found.code == 2
    assert "error[function-failed]: `samples:some` failed:\n    samples.py:3, in <module>: import sizes\n" in found.err
    assert "    ZeroDivisionError: " in found.err
    assert "spec.toml:7:12" in found.err
    assert "Traceback" not in found.err


def test_samples_that_repeat_or_are_constant_are_said_at_the_function(folder: Path) -> None:
    constant = "import numpy as np\ndef some():\n    return [{'x': np.full((3, 400), 5, np.float32)}] * 2\n"
    (folder / "samples.py").write_text(constant)
    found = ran(folder, "plan", "spec.toml", "--allow-code")
    assert found.code == 2
    assert "error[duplicate-samples]: 1 sample(s) occur twice: `000002.npz` hold" in found.err
    assert "spec.toml:7:12" in found.err
    (folder / "samples.py").write_text(constant.replace("* 2", ""))
    found = ran(folder, "plan", "spec.toml", "--allow-code")
    assert "warning[constant-samples]" in found.err
    assert "spec.toml:7:12" in found.err


def commit(folder: Path, *more: str) -> None:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*name, "commit", "-q", "-m", "all"], *([more] if more else [])):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def test_a_revision_with_the_same_code_is_compared_and_other_code_of_then_is_not_run(folder: Path) -> None:
    commit(folder)
    spec = folder / "spec.toml"
    spec.write_text(spec.read_text().replace("size = 32", "size = 48"))
    found = ran(folder, "diff", "spec.toml", "--base", "HEAD", "--allow-code", "--format", "json")
    assert found.code == 0, found.err
    assert [change["what"] for change in json.loads(found.out)["changes"]] == ["dims.time.size"]
    (folder / "sizes.py").write_text(SIZES.replace("9", "10"))
    found = ran(folder, "diff", "spec.toml", "--base", "HEAD", "--allow-code")
    assert found.code == 2
    assert "error[unreadable-file]: `sizes.py` isn't what was planned" in found.err


def test_a_metric_is_known_to_every_verb_and_run_by_none_but_apply(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, more=GATE)
    (tmp_path / "metrics.py").write_text(METRIC)
    assert ran(tmp_path, "check", "spec.toml").code == 0
    planned = ran(tmp_path, "plan", "spec.toml")
    assert planned.code == 0, planned.err
    digest = digest_bytes(METRIC.encode())[:12]
    assert "  metrics:mean of static: at least 0.5\n" in planned.out
    assert f"  metrics:mean is code: metrics.py sha256 {digest}\n" in planned.out
    shutil.copytree(tmp_path, tmp_path / "old")
    spec.write_text(spec.read_text().replace("min = 0.5\n\n[[gates]]", "min = 0.6\n\n[[gates]]"))
    (tmp_path / "metrics.py").write_text(METRIC + "# said better\n")
    found = ran(tmp_path, "diff", "old/spec.toml", "spec.toml", "--format", "json")
    assert found.code == 0, found.err
    changes = {change["what"]: change["consequences"] for change in json.loads(found.out)["changes"]}
    assert changes["code.metrics:mean.sha256"] == ["remeasure"]
    (tmp_path / "metrics.py").write_text(METRIC.replace("mean", "means"))
    missing = ran(tmp_path, "check", "spec.toml")
    assert missing.code == 2
    assert "error[unknown-function]: `metrics.py` has no `mean`" in missing.err
