"""Quantization of real models, on samples that didn't calibrate: what is lost is little, or nothing is made."""

import json
import random
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import file_types
from conftest import Ran
from conftest import npuspec as command
from npuspec.bundle import open_bundle
from npuspec.plan.lock import read_lock
from real_specs import OCR, SPECS, TOPICS, beside

KINDS = {
    ".py": "python",
    ".so": "elf",
    ".js": "javascript",
    ".css": "css",
    ".html": "html",
    ".png": "png",
    ".svg": "svg",
}
"""Suffixes of files that any environment has, and what the model calls such files."""
EACH = 30


def apply(spec: Path, *options: str) -> Ran:
    return command("apply", spec, "--output", spec.parent / "bundle", "--device", "CPU", *options)


def with_one_size(spec: Path) -> Path:
    """Leave the spec of sentences one of its sizes."""
    text, sizes = spec.read_text("utf-8"), "sizes = [15, 31, 128]"
    assert text.count(sizes) == 1
    spec.write_text(text.replace(sizes, "sizes = [31]"), "utf-8")
    return spec


def evidence(bundle: Path) -> Any:
    return json.loads(open_bundle(bundle).path("evidence/evidence.json").read_bytes())


def gate(bundle: Path, metric: str, of: str = "quantized") -> Any:
    return next(g for g in evidence(bundle)["gates"] if (g["metric"], g["of"]) == (metric, of))


def test_what_the_speech_model_keeps_is_found_without_being_told(asr_bundle: Path) -> None:
    found = evidence(asr_bundle)
    assert gate(asr_bundle, "frame-agreement")["passed"]
    kept = found["quantization"]["mixed"]["keep"]
    assert "/MatMul" in kept  # the mel filters
    assert len(kept) < 12
    rows = {row["precision"]: row for row in found["quantization"]["compared"]}
    shares = {name: row["agreement"]["log_probs"]["frame-agreement"] for name, row in rows.items()}
    assert list(shares) == ["original", "fp16", "int8", "mixed"]
    assert shares["original"] == 1
    assert shares["mixed"] >= 0.93
    assert shares["int8"] < 0.85  # what quantizing all of it costs
    assert rows["mixed"]["bytes"] < rows["fp16"]["bytes"]
    assert tuple(kept) == read_lock(SPECS / "asr.lock").mixed.keep  # type: ignore[union-attr]


def test_sentences_keep_their_topics(tmp_path: Path) -> None:
    ran = apply(with_one_size(beside(tmp_path, "text", TOPICS)), "--allow-code")
    assert ran.code == 0, ran.err
    held = gate(tmp_path / "bundle", "function")
    assert held["value"] >= held["original"] - 0.01
    assert held["original"] > 0.6


def test_a_transformer_that_is_quantized_as_none_is_refused_and_where_that_is_allowed_fails(tmp_path: Path) -> None:
    few = TOPICS.replace('model-type = "transformer"\n', "").replace("samples = 120", "samples = 40")
    spec = with_one_size(beside(tmp_path, "text", few))
    refused = apply(spec, "--allow-code")
    assert refused.code == 2
    assert "error[missing-model-type]" in refused.err
    with spec.open("a", encoding="utf-8") as file:
        file.write('\n[[allow]]\ncode = "missing-model-type"\nreason = "to see what becomes of it"\n')
    failed = apply(spec, "--allow-code")
    assert failed.code == 1, failed.err
    assert "error[ruined-range]" in failed.err  # its masks leave no level to what isn't masked
    assert not (tmp_path / "bundle").exists()


def test_lines_are_read_as_before(tmp_path: Path) -> None:
    ran = apply(beside(tmp_path, "ocr", OCR))
    assert ran.code == 0, ran.err
    held = gate(tmp_path / "bundle", "character-error-rate")
    assert held["value"] <= held["original"] + 0.005


FILES = """
[quantization]
mode = "int8"
model-type = "transformer"
samples = 60

[[gates]]
metric = "accuracy"
output = "target_label"
of = "quantized"
compared = "with-original"
min = -0.01
"""


@pytest.fixture(scope="module")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ends of files of this environment, and their types."""
    folder = tmp_path_factory.mktemp("many")
    found: list[tuple[str, Path]] = []
    for suffix, kind in KINDS.items():
        paths = sorted(path for path in Path(sys.prefix).rglob(f"*{suffix}") if path.stat().st_size > 1000)
        found += [(kind, path) for path in random.Random(0).sample(paths, min(EACH, len(paths)))]
    (folder / "ends").mkdir()
    labels: list[str] = []
    seen: set[bytes] = set()
    for kind, path in found:
        ends = file_types.read_ends(path)
        if ends.tobytes() not in seen:
            seen.add(ends.tobytes())
            np.save(folder / "ends" / f"{len(labels):04}.npy", ends)
            labels.append(kind)
    (folder / "ends.txt").write_text("".join(f"{label}\n" for label in labels))
    return folder


def test_files_keep_their_types(many_files: Path, tmp_path: Path) -> None:
    spec = beside(tmp_path, "files", FILES)
    shutil.copytree(many_files / "ends", tmp_path / "ends")
    shutil.copyfile(many_files / "ends.txt", tmp_path / "ends.txt")
    text = re.sub(r'labels = ".*"', 'labels = "ends.txt"', spec.read_text("utf-8"))
    spec.write_text(text.replace("files/*.npy", "ends/*.npy"), "utf-8")
    ran = apply(spec)
    assert ran.code == 0, ran.err
    held = gate(tmp_path / "bundle", "accuracy")
    assert held["original"] > 0.9
    assert held["value"] >= held["original"] - 0.01
