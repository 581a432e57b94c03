"""The specs of text, pictures and files: applied as they stand, and held against the dynamic models without npuspec."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import openvino as ov
import pytest
import tomli
from numpy.typing import NDArray
from PIL import Image

import file_types
import npuspec
import read_lines
import similar
from conftest import ROOT, Ran
from conftest import npuspec as command
from npuspec.bundle import open_bundle

Array = NDArray[Any]
EXACT = 1e-4  # largest absolute difference
LINES = sorted((ROOT / "specs" / "lines").glob("*.jpg"))
EMBEDDINGS = similar.EMBEDDINGS


def applied(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    bundle = tmp_path_factory.mktemp("bundles") / name
    ran = command("apply", ROOT / "specs" / f"{name}.toml", "--locked", "--output", bundle)
    assert ran.code == 0, ran.err
    return bundle


@pytest.fixture(scope="module")
def text_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return applied(tmp_path_factory, "text")


@pytest.fixture(scope="module")
def ocr_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return applied(tmp_path_factory, "ocr")


@pytest.fixture(scope="module")
def files_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return applied(tmp_path_factory, "files")


@pytest.fixture(scope="module")
def ocr(ocr_bundle: Path) -> Iterator[npuspec.Session]:
    with npuspec.load(ocr_bundle, device="CPU") as session:
        yield session


def published(name: str) -> ov.Model:
    """Return the model of a spec as it was published."""
    source = tomli.loads((ROOT / "specs" / f"{name}.toml").read_text("utf-8"))["model"]
    (path,) = npuspec.fetch(source["source"], sha256=source["sha256"])
    return ov.Core().read_model(path)


def dynamic(name: str) -> ov.CompiledModel:
    return ov.Core().compile_model(published(name), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.fixture(scope="module")
def reader() -> ov.CompiledModel:
    return dynamic("ocr")


def evidence_of(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(open_bundle(bundle).path("evidence/evidence.json").read_bytes())
    return found


def example(name: str, *arguments: str | Path) -> Ran:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def read_dynamically(model: ov.CompiledModel, picture: Array) -> Array:
    """Return the probabilities of a picture uint8 [48, width, 3] at its own width."""
    normalised = (picture[:, :, ::-1].astype(np.float32) - 127.5) / 127.5
    return np.array(model(normalised.transpose(2, 0, 1)[None])[0][0])


def probabilities(session: npuspec.Session, picture: Array) -> Array:
    (found,) = session.infer({"x": picture}).values()
    return found


@pytest.mark.parametrize("width", [320, 544, 760])
def test_a_line_that_fills_its_bucket_is_read_exactly_as_by_the_dynamic_model(
    ocr: npuspec.Session, reader: ov.CompiledModel, width: int
) -> None:
    with Image.open(LINES[5]) as line:
        picture = np.asarray(line.convert("RGB").resize((width, 48)))
    found, wanted = probabilities(ocr, picture), read_dynamically(reader, picture)
    assert found.shape == wanted.shape
    assert float(np.abs(found - wanted).max()) < EXACT


def test_real_lines_are_read_about_as_well_as_by_the_dynamic_model_and_the_gate_says_how_well(
    ocr: npuspec.Session, reader: ov.CompiledModel, ocr_bundle: Path
) -> None:
    alphabet = read_lines.read_alphabet()
    truth = (read_lines.LINES / "labels.txt").read_text("utf-8").splitlines()
    pictures = [read_lines.read_picture(path) for path in LINES]
    ways = {
        "buckets": [probabilities(ocr, picture) for picture in pictures],
        "dynamic": [read_dynamically(reader, picture) for picture in pictures],
    }
    errors = {way: jiwer.cer(truth, [read_lines.decode(p, alphabet) for p in found]) for way, found in ways.items()}
    assert errors["dynamic"] < 0.02
    assert abs(errors["buckets"] - errors["dynamic"]) <= 0.005
    [measured] = evidence_of(ocr_bundle)["agreement"]["tasks"]
    assert (measured["figure"], measured["original"]) == (errors["buckets"], errors["dynamic"])


def test_the_vocabulary_of_characters_is_that_of_the_model_s_metadata() -> None:
    characters = published("ocr").get_rt_info(["framework", "character"]).astype(str)
    assert read_lines.read_alphabet() == ["", *characters.split("\n"), " "]


def test_lines_are_printed_with_what_stands_on_them(ocr_bundle: Path) -> None:
    ran = example("read_lines", ocr_bundle)
    assert ran.code == 0, ran.err
    assert "Let us first determine markers of the coins and the\n" in ran.out
    assert ran.out.splitlines()[-1].startswith("38 lines on CPU: 1.")


def test_a_picture_that_is_none_is_a_message(ocr_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "line.png").write_bytes(b"no picture")
    ran = example("read_lines", ocr_bundle, tmp_path / "line.png")
    assert (ran.code, "Traceback" in ran.err) == (1, False)
    assert "line.png" in ran.err


def test_an_embedding_is_the_mean_over_the_tokens_of_the_dynamic_model(text_bundle: Path) -> None:
    model = dynamic("text")
    rng = np.random.default_rng(0)
    samples = [rng.integers(1000, 20_000, tokens) for tokens in (1, 2, 14, 15, 16, 30, 31, 32, 100, 127, 128)]
    with npuspec.load(text_bundle, device="CPU") as session:
        found = session.infer_many([{"input_ids": ids} for ids in samples])
        cut = session.infer({"input_ids": rng.integers(1000, 20_000, 400)})
    for ids, outputs in zip(samples, found, strict=True):
        tokens = model({"input_ids": ids[None], "attention_mask": np.ones((1, len(ids)), np.int64)})[EMBEDDINGS]
        assert outputs[EMBEDDINGS].shape == (384,)
        assert float(np.abs(outputs[EMBEDDINGS] - tokens[0].mean(axis=0)).max()) < EXACT
    assert cut[EMBEDDINGS].shape == (384,)


def test_the_nearest_sentences_are_near_in_meaning(text_bundle: Path) -> None:
    ran = example("similar", text_bundle, "Tell me something funny", "What is a computer?")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[1].endswith("Tell me a joke")
    assert any("computer" in line for line in lines[5:8])


def test_the_types_of_files_are_told(files_bundle: Path) -> None:
    names = ["Cargo.toml", "rust/core/src/pad.rs", "python/npuspec/cli/main.py", "specs/lines/01.jpg", ".ci/run"]
    ran = example("file_types", files_bundle, *(ROOT / name for name in names))
    assert ran.code == 0, ran.err
    assert [line.split()[1] for line in ran.out.splitlines()] == ["toml", "rust", "python", "jpeg", "shell"]


def test_the_types_are_those_of_the_model_s_own_config_and_the_labels_are_among_them(files_bundle: Path) -> None:
    (config,) = npuspec.fetch(
        "pypi:magika==1.0.3/magika/models/standard_v3_3/config.min.json",
        sha256="ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db",
    )
    types = file_types.TYPES.read_text("utf-8").splitlines()
    assert types == json.loads(config.read_text("utf-8"))["target_labels_space"]
    [measured] = evidence_of(files_bundle)["agreement"]["tasks"]
    assert (measured["metric"], measured["of"], measured["samples"]) == ("accuracy", "batched", 22)
    assert measured["figure"] == measured["original"] == 1 - len(measured["misread"]) / 22
    assert measured["misread"].keys() <= {"Cargo.lock.npy"}  # which is TOML by another name


def test_what_the_spec_s_samples_are_made_of_can_be_saved(tmp_path: Path) -> None:
    ran = example("file_types", "--save", tmp_path, ROOT / "Cargo.toml", ROOT / "LICENSE")
    assert ran.code == 0, ran.err
    saved = np.load(tmp_path / "LICENSE.npy")
    assert (saved.dtype, saved.shape) == (np.dtype(np.int32), (2048,))
    np.testing.assert_array_equal(saved, np.load(ROOT / "specs" / "files" / "LICENSE.npy"))
