"""`.pre-commit-hooks.yaml` with pre-commit itself, in a scratch repository: it installs this checkout as users do."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builders import SMALL
from checkout import commit, git, installing, publish
from conftest import ROOT, Ran

RIGHT = SMALL.replace('"model.onnx"', f'"pypi:npuspec-example==1.0/model.onnx"\nsha256 = "{"0" * 64}"')
MENDABLE = RIGHT.replace('overflow = "error"', 'overflaw = "error"  # a longer one is refused')
MENDED = RIGHT.replace('overflow = "error"', 'overflow = "error"  # a longer one is refused')
WRONG = RIGHT.replace("size = 64", "size = 0")

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command as somebody whose pre-commit keeps what it installs; all tests share that."""
    home = tmp_path_factory.mktemp("pre-commit")
    environment = installing(home) | {"PRE_COMMIT_HOME": str(home / "home"), "PRE_COMMIT_COLOR": "never"}

    def in_folder(folder: Path, *command: str) -> Ran:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    return in_folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The repository that the hooks are taken from, and its revision."""
    folder = tmp_path_factory.mktemp("npuspec")
    return folder, publish(folder)


@pytest.fixture
def repository(tmp_path: Path, published: tuple[Path, str], run: Run) -> Callable[[str], Path]:
    """Make a repository with one of the hooks, which every commit runs."""
    folder, revision = published

    def make(hook: str) -> Path:
        config = f"repos:\n- repo: {folder}\n  rev: {revision}\n  hooks: [{{id: {hook}}}]\n"
        (tmp_path / ".pre-commit-config.yaml").write_text(config)
        commit(tmp_path)
        ran = run(tmp_path, sys.executable, "-m", "pre_commit", "install")
        assert ran.code == 0, ran.out
        return tmp_path

    return make


def stage(folder: Path, **specs: str) -> None:
    """Write specs and add them to the next commit."""
    (folder / "specs").mkdir(exist_ok=True)
    for name, text in specs.items():
        (folder / "specs" / f"{name}.toml").write_text(text)
    git(folder, "add", "--all")


def commits(folder: Path) -> int:
    return int(git(folder, "rev-list", "--count", "HEAD"))


def try_to_commit(run: Run, folder: Path) -> Ran:
    return run(folder, "git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--message", "specs")


def test_the_manifest_is_one(run: Run) -> None:
    ran = run(ROOT, sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml")
    assert ran.code == 0, ran.out


def test_wrong_specs_stop_the_commit_with_all_their_faults(run: Run, repository: Callable[[str], Path]) -> None:
    folder = repository("npuspec-check")
    stage(folder, one=WRONG, **{"the $(touch pwned) other": MENDABLE, "third": RIGHT})
    ran = try_to_commit(run, folder)
    assert (ran.code, commits(folder)) == (1, 1), ran.err
    assert "--> specs/one.toml:17:8" in ran.err
    assert "error[unknown-key]: unknown key `overflaw`" in ran.err
    assert "--> specs/the $(touch pwned) other.toml:18:1" in ran.err
    assert "specs/third.toml: ok" in ran.err
    assert not (folder / "pwned").exists()


def test_right_specs_are_committed(run: Run, repository: Callable[[str], Path]) -> None:
    folder = repository("npuspec-check")
    stage(folder, one=RIGHT)
    ran = try_to_commit(run, folder)
    assert (ran.code, commits(folder)) == (0, 2), ran.err
    assert "check deployment specs" in ran.err
    assert "Passed" in ran.err


def test_other_toml_files_are_no_specs(run: Run, repository: Callable[[str], Path]) -> None:
    folder = repository("npuspec-check")
    (folder / "pyproject.toml").write_text("[project]\n")
    git(folder, "add", "--all")
    ran = try_to_commit(run, folder)
    assert (ran.code, commits(folder)) == (0, 2), ran.err
    assert "(no files to check)Skipped" in ran.err


def test_mending_stops_the_commit_once(run: Run, repository: Callable[[str], Path]) -> None:
    folder = repository("npuspec-fix")
    stage(folder, one=MENDABLE)
    ran = try_to_commit(run, folder)
    assert (ran.code, commits(folder)) == (1, 1), ran.err
    assert "files were modified by this hook" in ran.err
    assert (folder / "specs" / "one.toml").read_text() == MENDED
    git(folder, "add", "--all")
    ran = try_to_commit(run, folder)
    assert (ran.code, commits(folder)) == (0, 2), ran.err


def test_what_has_no_mend_stops_the_commit_and_stays(run: Run, repository: Callable[[str], Path]) -> None:
    folder = repository("npuspec-fix")
    stage(folder, one=WRONG)
    ran = try_to_commit(run, folder)
    assert (ran.code, commits(folder)) == (1, 1), ran.err
    assert "--> specs/one.toml:17:8" in ran.err
    assert (folder / "specs" / "one.toml").read_text() == WRONG
