"""Every fault that `npuspec check` can report, with the text that a user sees.

`<code>.toml` provokes the code and `<code>.txt` is what is printed; UPDATE_GOLDEN=1 writes the latter anew.
"""

import ast
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from elsewhere import ELSEWHERE

from beside import make_beside
from conftest import ROOT
from goldens import assert_same
from npuspec.cli.main import app
from npuspec.diagnostics import Severity
from npuspec.diagnostics.codes import CODES

HERE = Path(__file__).parent
FIXTURES = sorted(HERE.glob("*.toml"))
NO_ERRORS = {code for code, doc in CODES.items() if doc.severity is not Severity.ERROR}


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files beside the specs: models, and folders of samples."""
    folder = tmp_path_factory.mktemp("beside")
    make_beside(folder)
    return folder


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_what_check_prints(fixture: Path, beside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(beside, tmp_path, dirs_exist_ok=True)
    shutil.copyfile(fixture, tmp_path / "spec.toml")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["check", "spec.toml"])
    assert f"[{fixture.stem}]" in result.stderr
    assert result.exit_code == (0 if fixture.stem in NO_ERRORS else 2)
    assert_same(result.output, fixture.with_suffix(".txt"))


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_a_fixture_provokes_its_code_and_no_other(fixture: Path) -> None:
    printed = fixture.with_suffix(".txt").read_text("utf-8")
    codes = set(re.findall(r"^(?:error|warning|note)\[(.*?)\]", printed, re.MULTILINE))
    allowed = {fixture.stem} | ({"source-not-cached"} if fixture.stem == "missing-pin" else set())
    assert codes == allowed


def test_every_code_has_a_fixture_or_a_test_elsewhere_and_nothing_is_left_over() -> None:
    fixtures = {path.stem for path in FIXTURES}
    assert fixtures | ELSEWHERE.keys() == CODES.keys()
    assert fixtures & ELSEWHERE.keys() == set()
    assert {path.stem for path in HERE.glob("*.txt")} == fixtures


@pytest.mark.parametrize("code", ELSEWHERE)
def test_the_test_that_is_named_for_a_code_exists_in_a_file_that_names_the_code(code: str) -> None:
    file, _, name = ELSEWHERE[code].partition("::")
    text = (ROOT / "tests" / file).read_text("utf-8")
    assert [n.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)].count(name) == 1
    assert code in text
