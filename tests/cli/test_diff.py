"""`npuspec diff`: two specs, a bundle and a spec, a plan and a spec, or a spec and itself at a revision of git."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from builders import DATA, GATE, SMALL, plan_of, port, signature_of
from npuspec.cli.diff import diff
from npuspec.cli.diff_show import diff_json, diff_markdown, diff_text
from npuspec.plan import prepare
from npuspec.plan.diff import diff_plans
from npuspec.store import Store
from toy_specs import INT8, write_samples, write_spec

FILES = tuple(f"{i}.npy" for i in range(6))
QUANTIZED = SMALL + DATA + '\n[quantization]\nmode = "int8"\nsamples = 4\n' + GATE
PAIR = diff_plans(
    plan_of(QUANTIZED, files=FILES),
    plan_of(QUANTIZED.replace("samples = 4", "samples = 3").replace('fallback = ["CPU"]', ""), files=FILES),
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(diff, [*map(str, arguments)])


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")


def plan_json(spec: Path) -> bytes:
    _, prepared, faults = prepare(spec, Store())
    assert prepared is not None, faults
    return prepared.plan.encode()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_spec(tmp_path, more=INT8)


def test_two_specs_are_compared_by_what_they_mean(spec: Path) -> None:
    other = spec.with_name("other.toml")
    other.write_text("# a comment\n" + spec.read_text().replace("samples = 2", "samples = 1"))
    result = run(spec, other)
    assert (result.exit_code, result.stdout.splitlines()[:4]) == (
        0,
        [
            f"{other}: recompile, requantize, accuracy may change",
            "",
            "recompile, requantize, accuracy may change",
            "  ~ quantization.samples  2 → 1",
        ],
    )
    assert "requantized because quantization.samples 2 → 1" in result.stdout
    assert run("--exit-code", spec, other).exit_code == 5


def test_a_comment_and_another_order_are_no_changes(spec: Path) -> None:
    other = spec.with_name("other.toml")
    head, _, rest = spec.read_text().partition("[target]")
    other.write_text(f"{head}# where\n[target]{rest}\n")
    result = run("--exit-code", spec, other)
    assert (result.exit_code, result.stdout) == (0, f"{other}: no changes\n")


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_plan_is_compared_with_a_spec(spec: Path, tmp_path: Path, wrapped: bool) -> None:
    plan = tmp_path / "plan.json"
    data = plan_json(spec)
    plan.write_bytes(json.dumps({"format": 1, "plan": json.loads(data)}).encode() if wrapped else data)
    assert run("--exit-code", plan, spec).exit_code == 0
    write_spec(tmp_path, more=INT8, size=40)
    result = run("--exit-code", plan, spec)
    assert result.exit_code == 5
    assert "~ dims.time.size  32 → 40" in result.stdout


@pytest.mark.parametrize("text", ["{}", "{", '{"plan": []}', '{"a": NaN}', "{" + '"a":{' * 5000])
def test_json_that_is_no_plan_is_said(spec: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    result = run(tmp_path / "plan.json", spec)
    assert result.exit_code == 2
    assert "error[not-a-plan]" in result.stderr


def test_a_plan_that_lacks_what_every_plan_has_is_compared_all_the_same() -> None:
    whole = plan_of(QUANTIZED, files=FILES)
    stages = tuple(structs.replace(stage, parameters={}) for stage in whole.stages)
    settings = tuple(
        structs.replace(setting, path=path)
        for setting, path in zip(whole.settings, ("", "properties", ".", '"'), strict=False)
    )
    bare = structs.replace(whole, deployments=(), stages=stages, settings=settings)
    for sides in ((whole, bare), (bare, whole), (None, bare), (bare, bare)):
        found = diff_plans(*sides)
        assert bool(found.changes) == (sides != (bare, bare))


def test_faults_of_both_sides_are_shown_at_their_places(spec: Path, tmp_path: Path) -> None:
    texts = {"a.toml": ("samples = 2", "samples = 0"), "b.toml": ("size = 32", "sise = 32")}
    for name, (old, new) in texts.items():
        (tmp_path / name).write_text(spec.read_text().replace(old, new))
    result = run(tmp_path / "a.toml", tmp_path / "b.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(r"--> .*a\.toml:\d+:", result.stderr)
    assert re.search(r"--> .*b\.toml:\d+:", result.stderr)


@pytest.mark.parametrize("arguments", [[], ["b.toml", "--base", "main"]])
def test_there_is_exactly_one_thing_to_compare_with(spec: Path, arguments: list[str]) -> None:
    result = run(spec, *arguments)
    assert result.exit_code == 2
    assert "either B, or --base REV" in result.stderr


def test_a_spec_and_its_files_are_compared_with_those_of_a_revision(spec: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    assert run("--exit-code", spec, "--base", "HEAD").exit_code == 0
    write_samples(tmp_path / "data", 32, 20, 12, 8)
    commit(tmp_path)
    result = run("--exit-code", spec, "--base", "HEAD~1")
    assert result.exit_code == 5
    assert "~ data.sha256" in result.stdout
    assert "base-untracked" not in result.stderr


def test_nothing_follows_from_other_lengths_than_those_of_a_revision(spec: Path, tmp_path: Path) -> None:
    stated = spec.read_text().replace('overflow = "error"', 'overflow = "error"\nlengths = "lengths.txt"')
    spec.write_text(stated)
    (tmp_path / "lengths.txt").write_text("20\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    (tmp_path / "lengths.txt").write_text("30\n")
    result = run(spec, "--base", "HEAD")
    assert result.exit_code == 0, result.stderr
    first, *rest = result.stdout.splitlines()
    assert first == f"{spec}: changes from which nothing follows"
    assert [line.split()[1] for line in rest if line.startswith("  ~ ")] == ["dims.time.lengths.sha256"]
    assert run(spec, "--base", "HEAD", "--exit-code").exit_code == 5


def test_a_model_that_git_ignores_is_the_same_on_both_sides_and_a_note_says_so(spec: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("model/\n")
    commit(tmp_path)
    write_spec(tmp_path, more=INT8, minimum=0.25)
    result = run(spec, "--base", "main")
    assert result.exit_code == 0
    assert "note[base-untracked]: git has no `model/model.bin` and 1 more file at `main`: what" in result.stderr
    assert "at least 0.5 → at least 0.25" in result.stdout


def test_a_spec_that_was_not_there_is_new(spec: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("spec.toml\n")
    commit(tmp_path)
    result = run("--exit-code", spec, "--base", "HEAD")
    assert result.exit_code == 5
    assert result.stdout.startswith(f"{spec}: new: there was no such spec before\n")
    assert "  + shape[quantized, time32]" in result.stdout.splitlines()


def test_a_revision_that_git_does_not_know_is_an_error(spec: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    result = run(spec, "--base", "mian")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error[unknown-revision]: git knows no revision `mian`" in result.stderr


def test_a_fault_at_the_revision_names_it(spec: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    right = spec.read_text()
    spec.write_text(right.replace("size = 32", "size = 0"))
    commit(tmp_path)
    spec.write_text(right)
    result = run(spec, "--base", "HEAD")
    assert result.exit_code == 2
    assert f"--> HEAD:{spec.as_posix()}:" in result.stderr


def test_a_folder_that_is_no_bundle_is_an_error_of_bundles(spec: Path, tmp_path: Path) -> None:
    result = run(tmp_path / "data", spec)
    assert getattr(result.exception, "code", "") == "no-bundle"


def test_the_json_has_what_its_description_says() -> None:
    data = json.loads(diff_json(PAIR, "s.toml"))
    assert data.keys() == {"format", "name", "new", "consequences", "changes", "reasons", "stages"}
    assert (data["format"], data["name"], data["new"]) == (1, "s.toml", False)
    assert data["consequences"] == ["reload", "recompile", "requantize", "accuracy may change"]
    assert data["changes"] == [
        {
            "what": "quantization.samples",
            "before": 4,
            "after": 3,
            "consequences": ["recompile", "requantize", "accuracy may change"],
        },
        {"what": "target.fallback", "before": ["CPU"], "after": [], "consequences": ["reload"]},
    ]
    assert {"consequence": "requantize", "sentence": "requantized because quantization.samples 4 → 3"} in data[
        "reasons"
    ]
    assert {"name": "compile[CPU, time64]", "kind": "gone"} in data["stages"]
    assert diff_json(PAIR, "s.toml").endswith("\n")


def test_the_text_groups_by_consequence_the_gravest_first() -> None:
    lines = diff_text(PAIR, "s.toml").splitlines()
    assert lines.index("recompile, requantize, accuracy may change") < lines.index("reload")
    assert '  ~ target.fallback       ["CPU"] → []' in lines


def test_the_markdown_has_a_verdict_a_table_and_the_reasons() -> None:
    lines = diff_markdown(PAIR, "s.toml").splitlines()
    assert lines[:5] == [
        "### npuspec: <code>s&#46;toml</code>",
        "",
        "**reload, recompile, requantize, accuracy may change**",
        "",
        "| | what | before | after | consequence |",
    ]
    assert any(
        line.endswith("| <code>4</code> | <code>3</code> | recompile, requantize, accuracy may change |")
        for line in lines
    )
    assert "- requantized because <code>quantization&#46;samples 4 → 3</code>" in lines
    assert lines.count("</details>") == 1


def test_no_changes_are_said_in_each_form() -> None:
    same = diff_plans(plan_of(SMALL), plan_of(SMALL))
    assert diff_text(same, "s.toml") == "s.toml: no changes\n"
    assert "**no changes**" in diff_markdown(same, "s.toml")
    assert json.loads(diff_json(same, "s.toml"))["changes"] == []


def test_changes_from_which_nothing_follows_are_told_from_no_changes() -> None:
    pin = f'source = "model.onnx"\nsha256 = "{plan_of(SMALL).model.digest}"'
    found = diff_plans(plan_of(SMALL), plan_of(SMALL.replace('source = "model.onnx"', pin)))
    assert diff_text(found, "s.toml").startswith("s.toml: changes from which nothing follows\n")
    assert json.loads(diff_json(found, "s.toml"))["consequences"] == ["nothing"]


EVIL = "y|`@octocat` <img src=x> [a](b)\n\n# big\x1b[31m \u202e ~~ https://e.x #1 </code></details>"


def test_nothing_in_a_name_is_obeyed_by_a_terminal_or_read_as_markdown() -> None:
    ports = signature_of(outputs=(port("y", None, None, 8), port(EVIL, None, None, 8)))
    gate = GATE.replace('output = "y"', f"output = {json.dumps(EVIL)}")
    sides = [plan_of(SMALL + DATA + text, files=FILES, signature=ports) for text in (GATE, gate)]
    found = diff_plans(*sides)
    assert any(EVIL in change.what for change in found.changes)
    text = diff_text(found, EVIL)
    assert "\x1b" not in text
    assert "\u202e" not in text
    markdown = diff_markdown(found, EVIL)
    assert not re.search(r"[`@\x1b\u202e]|<img|://|\]\(| #1|~~", markdown)
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {6}
    assert markdown.count("<code>") == markdown.count("</code>")
    assert markdown.count("</details>") == 1
    assert len(rows) == 2 + len(found.changes)
