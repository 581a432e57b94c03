"""`npuspec init`, on real models and on small ones with the inputs of others."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import tomli
from click.testing import CliRunner, Result
from openvino import opset13 as op

from conftest import MODEL_SHA256, MODEL_SOURCE
from npuspec.cli.init import init
from npuspec.diagnostics import SpecError
from npuspec.plan import Plan, check, prepare
from npuspec.store import Store

MAGIKA = "pypi:magika==1.0.3/magika/models/standard_v3_3/model.onnx"
MAGIKA_SHA256 = "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(init, [*map(str, arguments)])
    if not isinstance(result.exception, SpecError | SystemExit | None):
        raise result.exception
    return result


def written(*arguments: str | Path) -> Path:
    result = run(*arguments)
    assert result.exit_code == 0, result.exception
    return Path(result.stdout.rstrip("\n"))


def code(*arguments: str | Path) -> str:
    """Run it, and return the code of what it was refused with; nothing may have been left behind."""
    before = sorted(Path.cwd().rglob("*"))
    result = run(*arguments)
    assert isinstance(result.exception, SpecError)
    assert result.stdout == ""
    assert sorted(Path.cwd().rglob("*")) == before
    return result.exception.code


def planned(spec: Path) -> Plan:
    """Check and plan a spec, and return the plan."""
    assert [d for d in check(spec, Store())[1] if d.severity == "error"] == []
    _, prepared, faults = prepare(spec, Store())
    assert prepared is not None, faults
    return prepared.plan


def model(path: str, **inputs: tuple[str, list[int]]) -> Path:
    """Write a model whose outputs are its inputs, each with its dtype and shape; -1 varies."""
    ports, results = [], []
    for name, (dtype, shape) in inputs.items():
        port = op.parameter(shape, getattr(ov.Type, dtype), name=f"{name} node")
        if name != "unnamed":
            port.output(0).set_names({name})
        ports.append(port)
        node = op.convert(op.add(port, op.constant(np.ones([1] * len(shape)), port.get_element_type())), "f32")
        node.output(0).set_names({f"{name}_out"})
        results.append(op.result(node))
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(ov.Model(results, ports), file, compress_to_fp16=False)
    return file


IDS = ("i64", [-1, -1])


@pytest.mark.parametrize(
    ("inputs", "shapes"),
    [
        (
            {"input_ids": IDS, "attention_mask": IDS, "token_type_ids": IDS},
            {"input_ids": (1, 128), "attention_mask": (1, 128), "token_type_ids": (1, 128)},
        ),
        ({"input_0": ("f32", [-1, 224, 224, 3])}, {"input_0": (1, 224, 224, 3)}),
        ({"x": ("f32", [-1, 3, -1, -1])}, {"x": (1, 3, 640, 640)}),
        ({"clip": ("f32", [-1, 3, -1, 64, 64])}, {"clip": (1, 3, 16, 64, 64)}),
        ({"x": ("f32", [4, 8]), "z": ("f32", [-1, 2])}, {"x": (4, 8), "z": (4, 2)}),
        ({"x": ("f32", [-1, -1, -1]), "mask": IDS}, {"x": (1, 64, 64), "mask": (1, 64)}),
        ({"unnamed": ("f32", [-1, -1])}, {"unnamed node": (1, 128)}),
    ],
)
def test_a_draft_of_a_model_can_be_checked_and_planned(
    inputs: dict[str, tuple[str, list[int]]], shapes: dict[str, tuple[int, ...]]
) -> None:
    spec = written(model("models/m.xml", **inputs))
    assert spec == Path("models/m.toml")
    [variant] = planned(spec).program.variants
    assert variant.shapes == shapes


def test_the_speech_model_gets_a_spec_that_pins_it(here: Path) -> None:
    result = run(MODEL_SOURCE)
    assert result.exit_code == 0, result.exception
    assert result.stdout == "asr_waveform_fp16.toml\n"
    assert result.stderr.splitlines()[-3:] == [
        "reading the model ...",
        "waveform [?, ?] float32: sound as a waveform",
        "waveform_lengths [?] int64: the length of `waveform`",
    ]
    spec = here / "asr_waveform_fp16.toml"
    values = tomli.loads(spec.read_text("utf-8"))
    assert values["model"] == {"source": MODEL_SOURCE, "sha256": MODEL_SHA256}
    assert values["inputs"]["waveform_lengths"] == {"role": "length", "of": "waveform"}
    [variant] = planned(spec).program.variants
    assert variant.shapes == {"waveform": (1, 160000), "waveform_lengths": (1,)}


def test_a_model_without_dynamic_sizes_needs_no_dimensions() -> None:
    spec = written(MAGIKA, "-o", "magika.toml")
    values = tomli.loads(spec.read_text("utf-8"))
    assert values["model"]["sha256"] == MAGIKA_SHA256
    assert values["inputs"] == {"bytes": {"shape": ["batch", 2048]}}
    assert "dims" not in values
    assert planned(spec).program.variants[0].shapes == {"bytes": (1, 2048)}


@pytest.mark.parametrize("output", ["m.toml", "a/m.toml", "a/b/other.toml"])
@pytest.mark.parametrize("absolute", [True, False])
def test_the_model_is_named_from_the_spec_s_folder(here: Path, output: str, absolute: bool) -> None:
    model("a/b/m.xml", x=("f32", [-1, 8]))
    (here / "c").mkdir()
    typed = here / "a/b/m.xml" if absolute else Path("c/../a/b/m.xml")
    spec = written(typed, "-o", output)
    source = Path(tomli.loads(spec.read_text("utf-8"))["model"]["source"])
    assert not source.is_absolute()
    assert ".." not in source.parts
    assert (spec.parent / source).samefile(here / "a/b/m.xml")
    planned(spec)


def test_a_spec_that_could_not_name_the_model_is_refused() -> None:
    given = model("a/m.xml", x=("f32", [-1, 8]))
    Path("b").mkdir()
    result = run(given, "-o", "b/m.toml")
    assert isinstance(result.exception, SpecError)
    assert result.exception.code == "path-outside"
    assert f"-o {Path('a/m.toml')}" in result.exception.diagnostics[0].help
    assert not Path("b/m.toml").exists()


def test_a_file_that_stands_there_is_kept_unless_it_is_forced() -> None:
    given = model("m.xml", x=("f32", [-1, 8]))
    Path("m.toml").write_text("mine\n")
    assert code(given) == "output-exists"
    assert Path("m.toml").read_text() == "mine\n"
    assert "[inputs.x]" in written(given, "--force").read_text()
    assert sorted(path.name for path in Path().iterdir()) == ["m.bin", "m.toml", "m.xml"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["missing.onnx"], "missing-file"),
        (["."], "invalid-source"),
        (["..", "-o", "x.toml"], "path-outside"),
        (["", "-o", "x.toml"], "invalid-source"),
        (["folder"], "unsupported-model-format"),
        (["notes.txt"], "unsupported-model-format"),
        (["page.xml"], "not-a-model"),
        (["net.xml"], "not-a-model"),
        (["hf:org/model.onnx"], "invalid-source"),
        (["pypi:magika"], "invalid-source"),
        (["pypi:magika==1.0.3/.."], "path-outside"),
        (["m.xml", "-o", "missing/m.toml"], "path-outside"),
        (["m.xml", "-o", "folder"], "output-exists"),
        (["m.xml", "-o", ".", "--force"], "unwritable-output"),
        (["scalar.xml"], "unfit-model"),
    ],
)
def test_what_can_not_be_drafted_is_refused_with_a_code(arguments: list[str], wanted: str) -> None:
    model("m.xml", x=("f32", [-1, 8]))
    model("scalar.xml", x=("f32", [-1, 8]), rate=("i64", []))
    Path("folder").mkdir()
    Path("notes.txt").write_text("notes")
    Path("page.xml").write_text("<html></html>")
    Path("net.xml").write_text("<net></net>")
    assert code(*arguments) == wanted


def test_a_file_that_can_not_be_written_leaves_nothing() -> None:
    given = model("m.xml", x=("f32", [-1, 8]))
    assert code(given, "-o", "x" * 300 + ".toml") == "unwritable-output"


def test_what_a_stranger_named_is_printed_without_escapes() -> None:
    given = model("m.xml", **{"x\x1b[31m": ("f32", [-1, 8])})
    result = run(given)
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert '"x\\u001b[31m" [?, 8] float32: data' in result.stderr
