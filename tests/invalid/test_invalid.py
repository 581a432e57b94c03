"""Every fault that `npuspec check` can report, with the text that a user sees.

`<code>.toml` provokes the code and `<code>.txt` is what is printed; UPDATE_GOLDEN=1 writes the latter anew.
"""

import ast
import re
import shutil
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from elsewhere import ELSEWHERE
from openvino import opset13 as op
from typer.testing import CliRunner

from conftest import ROOT
from goldens import assert_same
from npuspec.cli.main import app
from npuspec.diagnostics.codes import CODES

HERE = Path(__file__).parent
FIXTURES = sorted(HERE.glob("*.toml"))
NO_ERRORS = {"idle-batch", "cache-bypassed", "redundant-bypass", "source-not-cached", "turbo-sequential"}


def save(folder: Path, name: str, x: ov.Node, *more: ov.Node) -> None:
    """Save a model that takes `x`, and perhaps another input `n`."""
    outputs = [op.relu(x, name="/Relu"), *(op.relu(node) for node in more)]
    model = ov.Model([node.output(0) for node in outputs], [x, *more])
    for ports, names in ((model.inputs, ("x", "n")), (model.outputs, ("y", "m"))):
        for port, port_name in zip(ports, names, strict=False):
            port.get_tensor().set_names({port_name})
    ov.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)


def onnx(location: str = "") -> bytes:
    """Return the least ONNX model, or the least that has a tensor outside of it."""

    def field(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    entry = field(1, b"location") + field(2, location.encode())
    tensor = field(5, bytes([8, 1, 16, 1]) + field(8, b"w") + field(13, entry) + bytes([14 << 3, 1]))
    return bytes([8, 8]) + field(7, field(2, b"g") + (tensor if location else b"")) + field(8, bytes([16, 17]))


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files beside the specs: models, and folders of samples."""
    folder = tmp_path_factory.mktemp("beside")
    save(folder, "model", op.parameter([-1, -1], ov.Type.f32))
    save(folder, "fixed", op.parameter([1, 32], ov.Type.f32))
    save(folder, "two", op.parameter([-1, -1], ov.Type.f32), op.parameter([-1, -1], ov.Type.i64))
    save(folder, "any-rank", op.parameter(ov.PartialShape.dynamic(), ov.Type.f32))
    (folder / "page.xml").write_text("<html></html>\n")
    (folder / "empty.onnx").write_bytes(onnx())
    (folder / "outside.onnx").write_bytes(onnx("../weights.bin"))
    for name, count in (("samples", 6), ("twins", 1), ("mixed", 1), ("cases", 1)):
        (folder / name).mkdir()
        for number in range(count):
            np.save(folder / name / f"{number}.npy", np.full(8, number, np.float32))
    shutil.copyfile(folder / "twins/0.npy", folder / "twins/1.npy")
    (folder / "mixed/notes.txt").write_text("recorded indoors\n")
    for name in ("a.npy", "A.npy"):
        np.save(folder / "cases" / name, np.zeros(8, np.float32))
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
