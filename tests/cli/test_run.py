"""`npuspec run`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from conftest import npuspec


@pytest.fixture(scope="module")
def clip(clips: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.npy"
    np.save(path, soundfile.read(clips[0], dtype="float32")[0])
    return path


def test_a_sample_is_run_and_its_outputs_are_written(asr_bundle: Path, clip: Path, tmp_path: Path) -> None:
    ran = npuspec("run", asr_bundle, "--input", f"waveform={clip}", "--output", tmp_path / "out.npz")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == ["log_probs: [150, 191] float32", "out_lengths: [] int64"]
    assert " ms on CPU" in ran.err
    with np.load(tmp_path / "out.npz") as outputs:
        assert outputs["log_probs"].shape == (150, 191)
        assert outputs["out_lengths"] == 150
        np.testing.assert_allclose(np.exp(outputs["log_probs"]).sum(axis=-1), 1, rtol=1e-4)


def test_the_fallback_is_noted_on_stderr(asr_bundle: Path, clip: Path) -> None:
    ran = npuspec("run", asr_bundle, "--input", f"waveform={clip}")
    assert ran.code == 0
    assert "note: there is no NPU on this machine: running on CPU" in ran.err


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.zeros(128001, np.float32), "sample-too-long"),
        (np.zeros(200, np.float32), "sample-too-short"),
        (np.zeros(5000, np.float64), "wrong-dtype"),
        (np.zeros((1, 5000), np.float32), "wrong-rank"),
        (np.full(5000, np.inf, np.float32), "not-finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_array_is_refused(asr_bundle: Path, tmp_path: Path, array: "np.ndarray[Any, Any]", code: str) -> None:
    np.save(tmp_path / "bad.npy", array)
    ran = npuspec("run", asr_bundle, "--input", f"waveform={tmp_path / 'bad.npy'}")
    assert ran.code == 2
    assert f"error[{code}]" in ran.err
    assert "help: " in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("waveform", "wrong-argument"),
        ("waveform=missing.npy", "unreadable-sample"),
        ("wavefrom={clip}", "unknown-tensor"),
        ("waveform_lengths={clip}", "unknown-tensor"),
    ],
)
def test_a_wrong_argument_is_refused(asr_bundle: Path, clip: Path, argument: str, code: str) -> None:
    ran = npuspec("run", asr_bundle, "--input", argument.format(clip=clip))
    assert ran.code == 2
    assert f"error[{code}]" in ran.err


def pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def damaged(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 and no more of an archive")


def archived(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, waveform=np.zeros(5000, np.float32))


@pytest.mark.parametrize("write", [pickled, damaged, archived])
@pytest.mark.parametrize("name", ["sample.npy", "sample.npz"])
def test_what_is_not_one_plain_array_is_never_loaded(
    asr_bundle: Path, tmp_path: Path, write: Callable[[Path], None], name: str
) -> None:
    write(tmp_path / name)
    ran = npuspec("run", asr_bundle, "--input", f"waveform={tmp_path / name}")
    assert ran.code == 2
    assert "error[unreadable-sample]" in ran.err
    assert name in ran.err
    assert "Traceback" not in ran.err


def test_no_bundle_is_exit_3(tmp_path: Path, clip: Path) -> None:
    ran = npuspec("run", tmp_path / "nothing", "--input", f"waveform={clip}")
    assert ran.code == 3
    assert "error[no-bundle]" in ran.err


def test_a_missing_device_is_exit_4(asr_bundle: Path, clip: Path) -> None:
    ran = npuspec("run", asr_bundle, "--device", "NPU", "--input", f"waveform={clip}")
    assert ran.code == 4
    assert "error[no-device]" in ran.err


def test_an_output_that_cannot_be_written_is_said(asr_bundle: Path, clip: Path, tmp_path: Path) -> None:
    ran = npuspec("run", asr_bundle, "--input", f"waveform={clip}", "--output", tmp_path / "no" / "folder" / "out.npz")
    assert ran.code == 2
    assert "error[unwritable-output]" in ran.err
