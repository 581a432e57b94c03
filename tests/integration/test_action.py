"""The composite action: its steps are run as GitHub runs them, on real specs in a real repository."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from checkout import commit, git, installing, publish
from conftest import ROOT, Ran
from toy_specs import write_spec

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action" / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")
COMMAND = re.compile(r"::([\w-]+)(?: ([^:]*))?::(.*)")


@dataclass
class Job:
    """A job that has checked out a repository, on a machine without npuspec."""

    temp: Path
    environment: dict[str, str]
    files: dict[str, Path] = field(default_factory=dict)
    """What GITHUB_OUTPUT, GITHUB_PATH and GITHUB_STEP_SUMMARY name."""

    def run(self, workspace: Path, event: dict[str, str] | None = None, **inputs: str) -> "Result":
        """Run the action's steps, one after the other until one fails."""
        known = {f"github.event.pull_request.base.{name}": value for name, value in (event or {"sha": ""}).items()}
        for name, said in ACTION["inputs"].items():
            known[f"inputs.{name}"] = inputs[name] if name in inputs else resolve(said["default"], known)
        assert inputs.keys() <= ACTION["inputs"].keys()
        result = Result()
        for step in STEPS:
            ran = self._step(workspace, step, known)
            result.steps[step["name"]] = ran
            result.summary += self.files["STEP_SUMMARY"].read_text()
            for name, value in settings(self.files["OUTPUT"]):
                known[f"steps.{step['id']}.outputs.{name}"] = value
            for line in self.files["PATH"].read_text().splitlines():
                self.environment["PATH"] = f"{line}:{self.environment['PATH']}"
            if ran.code:
                return result
        result.outputs = {name: resolve(said["value"], known) for name, said in ACTION["outputs"].items()}
        return result

    def _step(self, workspace: Path, step: dict[str, Any], known: dict[str, str]) -> Ran:
        for name in ("OUTPUT", "PATH", "STEP_SUMMARY"):
            self.files[name] = self.temp / f"of a step, {name}"
            self.files[name].write_text("")
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=workspace,
            env=self.environment
            | {f"GITHUB_{name}": str(path) for name, path in self.files.items()}
            | {"GITHUB_WORKSPACE": str(workspace)}
            | {name: resolve(value, known) for name, value in step.get("env", {}).items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, "")


@dataclass
class Result:
    """What a run of the action left behind."""

    steps: dict[str, Ran] = field(default_factory=dict)
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> str:
        return "".join(ran.out for ran in self.steps.values())

    @property
    def last(self) -> tuple[str, int]:
        """The step that was run last, and how it ended."""
        name = [*self.steps][-1]
        return name, self.steps[name].code


def resolve(text: str, known: dict[str, str]) -> str:
    """Put values in the place of expressions; there is none but names that are known."""
    found = EXPRESSION.sub(lambda match: known[match[1]], text)
    assert "${{" not in found
    return found


def settings(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text().splitlines():
        name, _, value = line.partition("=")
        yield name, value


def annotations(log: str) -> list[tuple[str, dict[str, str], str]]:
    """Return the workflow commands in a log as GitHub finds them: kind, properties, message."""
    found, until = [], None
    for line in log.splitlines():
        match = COMMAND.match(line.lstrip())
        if match is None:
            continue
        if until is not None:
            until = None if match[1] == until else until
        elif match[1] == "stop-commands":
            until = match[3]
        else:
            pairs = dict(pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
            found.append((match[1], {name: unescaped(value) for name, value in pairs.items()}, unescaped(match[3])))
    assert until is None
    return found


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job whose first action, without specs, has installed npuspec: the others find it."""
    folder = tmp_path_factory.mktemp("machine")
    for name in ("npuspec", "bin", "temp", "empty"):
        (folder / name).mkdir()
    publish(folder / "npuspec")
    python = folder / "bin" / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    without = [p for p in os.environ["PATH"].split(":") if not (Path(p) / "npuspec").exists()]
    job = Job(
        folder / "temp",
        installing(folder)
        | {
            "GITHUB_ACTION_PATH": str(folder / "npuspec" / "action"),
            "PATH": ":".join([str(folder / "bin"), *without]),
            "RUNNER_TEMP": str(folder / "temp"),
        },
    )
    (folder / "empty" / "venv.py").write_text("raise SystemExit('a file of the pull request was run')\n")
    commit(folder / "empty")
    result = job.run(folder / "empty")
    assert result.last == ("Find the specs", 2), result.log
    assert result.steps["Install npuspec"].out.startswith("npuspec ")
    assert annotations(result.log)[0][2] == "git tracks no file that matches the input specs: specs/**/*.toml"
    return job


@pytest.fixture
def workspace(tmp_path: Path) -> tuple[Path, str]:
    """A repository with one spec, its model and data, and the name of its first commit."""
    folder = tmp_path / "workspace"
    (folder / "specs").mkdir(parents=True)
    write_spec(folder / "specs", device="NPU")
    return folder, commit(folder)


def change(folder: Path, old: str, new: str, name: str = "spec.toml") -> str:
    """Change a spec, and commit it."""
    spec = folder / "specs" / name
    assert old in spec.read_text()
    spec.write_text(spec.read_text().replace(old, new))
    return commit(folder)


def test_the_action_is_one_by_github_s_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"]
    done = subprocess.run(command, cwd=ROOT / "action", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_script_holds_an_expression_and_each_ends_with_its_first_fault() -> None:
    for step in STEPS:
        assert step["shell"] == "bash"
        called = re.fullmatch(r'bash "\$GITHUB_ACTION_PATH/(\w+\.sh)"', step["run"])
        assert called is not None, step["run"]
        assert "\nset -euo pipefail\n" in (ROOT / "action" / called[1]).read_text()


def test_a_change_is_said_in_the_summary_and_in_the_outputs(machine: Job, workspace: tuple[Path, str]) -> None:
    folder, base = workspace
    change(folder, "size = 32", "size = 48")
    result = machine.run(folder, {"sha": base})
    assert result.last == ("Compare with the base", 0), result.log
    assert "static shapes\n  time48: x [1, 3, 48]" in result.steps["Plan"].out
    assert annotations(result.log) == []
    assert "**recompile, interface changes, accuracy may change**" in result.summary
    assert result.outputs["changes"] == "true"
    assert Path(result.outputs["diff-file"]).read_text() == result.summary


def test_formatting_is_no_change(machine: Job, workspace: tuple[Path, str]) -> None:
    folder, base = workspace
    change(folder, "size = 32", "size=32 # frames")
    result = machine.run(folder, {"sha": base})
    assert "**no changes**" in result.summary
    assert result.outputs["changes"] == "false"


def test_without_a_pull_request_nothing_is_compared(machine: Job, workspace: tuple[Path, str]) -> None:
    result = machine.run(workspace[0])
    assert result.last == ("Compare with the base", 0), result.log
    assert (result.summary, result.outputs) == ("", {"changes": "false", "diff-file": ""})


def test_faults_are_marked_and_end_the_job(machine: Job, workspace: tuple[Path, str]) -> None:
    folder, base = workspace
    change(folder, "overflow =", "overflaw =")
    result = machine.run(folder, {"sha": base}, sarif="faults.sarif")
    assert result.last == ("Check", 2)
    found = {properties["title"]: (kind, properties) for kind, properties, _ in annotations(result.log)}
    kind, properties = found["npuspec unknown-key"]
    assert (kind, properties["file"], properties["line"]) == ("error", "specs/spec.toml", "17")
    assert '"ruleId": "unknown-key"' in (folder / "faults.sarif").read_text()


def test_a_lock_is_held(machine: Job, workspace: tuple[Path, str]) -> None:
    folder, base = workspace
    result = machine.run(folder, {"sha": base}, locked="true")
    assert result.last == ("Plan", 1)
    assert "error[no-lock]" in result.steps["Plan"].out
    kind, properties, message = annotations(result.log)[-1]
    assert (kind, properties["file"]) == ("error", "specs/spec.toml")
    assert message == "there is no plan, or not the locked one: the log says why"


def test_what_is_neither_true_nor_false_is_refused(machine: Job, workspace: tuple[Path, str]) -> None:
    result = machine.run(workspace[0], locked="yes")
    assert result.last == ("Plan", 2)
    assert annotations(result.log)[-1][2] == 'the input locked is "true" or "false", not: yes'


def test_a_spec_that_was_broken_at_the_base_is_a_warning(machine: Job, workspace: tuple[Path, str]) -> None:
    folder, _ = workspace
    base = change(folder, "overflow =", "overflaw =")
    change(folder, "overflaw =", "overflow =")
    result = machine.run(folder, {"sha": base})
    assert result.last == ("Compare with the base", 0), result.log
    assert [(kind, said["file"]) for kind, said, _ in annotations(result.log)] == [("warning", "specs/spec.toml")]
    assert "**not compared**" in result.summary
    assert result.outputs["changes"] == "true"


def test_a_shallow_checkout_gets_the_base_and_stays_shallow(
    machine: Job, workspace: tuple[Path, str], tmp_path: Path
) -> None:
    folder, base = workspace
    for size in (40, 48):
        change(folder, f"size = {size - 8}", f"size = {size}")
    git(tmp_path, "clone", "--quiet", "--depth=1", folder.as_uri(), "shallow")
    result = machine.run(tmp_path / "shallow", {"sha": base})
    assert result.outputs["changes"] == "true", result.log
    assert "32 → 48" in result.summary
    assert git(tmp_path / "shallow", "rev-list", "--count", "--all") == "1"


def test_a_base_that_is_nowhere_is_said(machine: Job, workspace: tuple[Path, str]) -> None:
    result = machine.run(workspace[0], base="--upload-pack=touch pwned")
    assert result.last == ("Compare with the base", 2)
    assert annotations(result.log)[-1][2].startswith('git finds no revision "--upload-pack=touch pwned" here')
    assert not (workspace[0] / "pwned").exists()


def test_no_name_of_a_spec_does_harm(machine: Job, workspace: tuple[Path, str]) -> None:
    folder, _ = workspace
    names = ["$(touch pwned).toml", "`touch pwned`.toml", "a b.toml", "--fix.toml", "\n::error::mine\n.toml", "*.toml"]
    for name in names:
        shutil.copy(folder / "specs" / "spec.toml", folder / "specs" / name)
    base = commit(folder)
    for name in names:
        change(folder, "size = 32", "size = 48", name)
    result = machine.run(folder, {"sha": base}, specs="specs/*.toml\nnot-there/*.toml")
    assert result.last == ("Compare with the base", 0), result.log
    assert annotations(result.log) == []
    assert result.summary.count("### npuspec: ") == len(names) + 1
    assert result.summary.count("**no changes**") == 1
    assert not list(folder.rglob("pwned"))

    change(folder, "overflow =", "overflaw =", "\n::error::mine\n.toml")
    change(folder, "min = 0.5", "min = 0.5\nmetrics = 1", "a b.toml")
    found = annotations(machine.run(folder).log)
    assert {said["title"] for _, said, _ in found} >= {"npuspec unknown-key"}
    assert "specs/a b.toml" in {said["file"] for _, said, _ in found}


def test_output_that_looks_like_a_command_is_none() -> None:
    script = '. "$0"; shown printf "::error::mine"; echo "::error::$(escape "100%, a:b")"; ! shown false'
    command = ["bash", "-euo", "pipefail", "-c", script, str(ROOT / "action" / "common.sh")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "\n::error::mine\n" in done.stdout
    assert annotations(done.stdout) == [("error", {}, "100%, a:b")]
