"""The two sources of the specs in this repository, from the index that this machine's pip is set to."""

from pathlib import Path

import pytest

from npuspec.sources import fetch_data, fetch_model
from npuspec.store import Store

MODEL = "pypi:hama==1.3.13/hama/assets/asr_waveform_fp16.onnx"
MODEL_PIN = "a884b5ac55f8bbc00673e8cf6d2dd601aa76e5031dd85cf3de2f25b5987cd59a"
DATA = "pypi:pytest-audioeval==0.1.3/pytest_audioeval/samples/audio/**/*.wav"
DATA_PIN = "eaaacb76fb17c9530f53a7fbc8da3d582ffaa2ed1bb45e672c3a72fe0c9e2801"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("published"))


def test_the_model(published: Store, tmp_path: Path) -> None:
    fetched, diagnostics = fetch_model(MODEL, MODEL_PIN, folder=tmp_path, store=published)
    assert fetched is not None, diagnostics
    assert [(file.path, file.size) for file in fetched.files] == [("asr_waveform_fp16.onnx", 4_996_794)]
    assert fetched.entry == "asr_waveform_fp16.onnx"
    assert fetch_model(MODEL, MODEL_PIN, folder=tmp_path, store=published, offline=True) == (fetched, [])


def test_the_data(published: Store, tmp_path: Path) -> None:
    fetched, diagnostics = fetch_data(DATA, DATA_PIN, folder=tmp_path, store=published)
    assert fetched is not None, diagnostics
    assert len(fetched.files) == 27
    assert fetch_data(DATA, DATA_PIN, folder=tmp_path, store=published, offline=True) == (fetched, [])
    assert fetched.files[0].path == "en/counting.wav"
    assert all((fetched.root / file.path).read_bytes().startswith(b"RIFF") for file in fetched.files)
