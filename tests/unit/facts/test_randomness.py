"""What looks like noise, and what is real and only irregular."""

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_iris, load_sample_image  # type: ignore[import-untyped]

from npuspec.facts.randomness import noise

Array = NDArray[Any]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def looks_like(folder: Path, array: Array) -> str:
    np.save(folder / "a.npy", array, allow_pickle=True)
    return ask(folder)


def ask(folder: Path) -> str:
    return noise({"data": str(folder), "paths": ["a.npy"]}, lambda *_: None).get("a.npy", "")


NOISE: dict[str, tuple[str, Callable[[], Array]]] = {
    "uniform": ("uniform noise", lambda: rng().random(16_000)),
    "uniform float16": ("uniform noise", lambda: rng().random((3, 64, 64)).astype(np.float16)),
    "uniform around zero": ("uniform noise", lambda: rng().uniform(-1, 1, (3, 224, 224)).astype(np.float32)),
    "normal": ("normal noise", lambda: rng().standard_normal((1, 80_000)).astype(np.float32)),
    "normal far from zero": ("normal noise", lambda: rng().normal(1000, 1, (80, 300))),
    "huge normal": ("normal noise", lambda: rng().standard_normal(4096) * 1e300),
    "tiny normal": ("normal noise", lambda: rng().standard_normal(4096) * 1e-300),
    "normal in Fortran order": ("normal noise", lambda: np.asfortranarray(rng().standard_normal((80, 300)))),
    "random pixels": ("uniform noise", lambda: rng().integers(0, 256, (224, 224, 3)).astype(np.uint8)),
    "random token ids": ("uniform noise", lambda: rng().integers(0, 30_000, (1, 512))),
    "zeros": ("a constant", lambda: np.zeros((3, 32, 32), np.float32)),
    "ones": ("a constant", lambda: np.ones(16_000, np.int16)),
    "a tenth": ("a constant", lambda: np.full((1, 16_000), 0.1)),
    "a third": ("a constant", lambda: np.full(100_003, 1 / 3, np.float32)),
    "infinities": ("a constant", lambda: np.full(300, np.inf)),
}


@pytest.mark.parametrize(("kind", "make"), NOISE.values(), ids=[*NOISE])
@pytest.mark.filterwarnings("error")
def test_noise_is_named(tmp_path: Path, kind: str, make: Callable[[], Array]) -> None:
    assert looks_like(tmp_path, make()) == kind


def zipf() -> Array:
    ids: Array = np.minimum(rng().zipf(1.3, 512), 30_000)
    return ids


def one_hot() -> Array:
    return np.eye(29, dtype=np.float32)[rng().integers(0, 29, 400)]


def sparse() -> Array:
    array = np.zeros((64, 64), np.float32)
    array[rng().integers(0, 64, 40), rng().integers(0, 64, 40)] = 1
    return array


def gradient() -> Array:
    x, y = np.meshgrid(np.linspace(0, 1, 224), np.linspace(0, 1, 224))
    return np.stack([x, y, x * y]) + rng().normal(0, 0.05, (3, 224, 224))


def walk() -> Array:
    return np.cumsum(rng().standard_normal(4096))


def silence_then_noise() -> Array:
    return np.concatenate([np.zeros(80_000, np.float32), rng().standard_normal(4000).astype(np.float32)])


def features_along_time() -> Array:
    """Neighbouring features have nothing in common, and neighbouring steps have."""
    return np.cumsum(rng().standard_normal((200, 64)), axis=0)


def features_along_time_in_fortran_order() -> Array:
    return np.asfortranarray(features_along_time())


REAL: dict[str, Callable[[], Array]] = {
    "token ids": zipf,
    "one-hot": one_hot,
    "sparse": sparse,
    "sorted uniform": lambda: np.sort(rng().random(4096)),
    "sorted normal": lambda: np.sort(rng().standard_normal(4096)),
    "counted": lambda: np.arange(4096),
    "a sine": lambda: np.sin(np.arange(16_000) / 9),
    "a picture": gradient,
    "digits": lambda: load_digits().images[:64].astype(np.float32),
    "a table": lambda: load_iris().data,
    "a walk": walk,
    "features": features_along_time,
    "features in Fortran order": features_along_time_in_fortran_order,
    "silence first": silence_then_noise,
    "a mask of a fifth": lambda: (rng().random(4096) < 0.211).astype(np.float32),
    "three classes": lambda: rng().choice([-1, 0, 1], 4096, p=[1 / 6, 2 / 3, 1 / 6]),
    "exponential": lambda: rng().exponential(size=4096),
    "with NaN": lambda: np.where(rng().random(4096) < 0.01, np.nan, rng().standard_normal(4096)),
    "with an infinity": lambda: np.append(rng().standard_normal(4096), np.inf),
    "NaN alone": lambda: np.full(4096, np.nan),
    "too small to tell": lambda: rng().random(255),
    "empty": lambda: np.zeros((3, 0), np.float32),
    "one number": lambda: np.array(1.0),
    "booleans": lambda: rng().random(4096) < 0.5,
    "complex": lambda: rng().random(4096) + 1j,
    "text": lambda: np.array(["a"] * 300),
    "records": lambda: np.zeros(300, [("a", "f4")]),
    "times": lambda: np.zeros(300, "M8[s]"),
    "objects": lambda: np.array([None] * 300),
}


@pytest.mark.parametrize("make", REAL.values(), ids=[*REAL])
@pytest.mark.filterwarnings("error")
def test_what_may_be_real_is_none(tmp_path: Path, make: Callable[[], Array]) -> None:
    assert looks_like(tmp_path, make()) == ""


def test_recorded_speech_is_none(tmp_path: Path, clips: list[Path]) -> None:
    for clip in clips:
        sound, _ = soundfile.read(clip, dtype="float32")
        assert looks_like(tmp_path, sound) == "", clip.name
        assert noise({"data": str(clip.parent), "paths": [clip.name]}, lambda *_: None) == {}, clip.name
        assert looks_like(tmp_path, (sound[None] * 32767).astype(np.int16)) == "", clip.name


def test_texts_are_not_looked_at(tmp_path: Path) -> None:
    np.save(tmp_path / "b.NPY.npy", np.zeros(300))
    (tmp_path / "b.NPY.npy").rename(tmp_path / "b.NPY")
    (tmp_path / "c.wav").write_bytes(b"")
    (tmp_path / "d.txt").write_text("one\n" * 300)
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "e.png")
    Image.fromarray(rng().integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "f.png")
    (tmp_path / "g.png").write_bytes(b"no picture")
    soundfile.write(tmp_path / "h.wav", rng().uniform(-1, 1, 16_000), 16_000)
    soundfile.write(tmp_path / "i.WAV", np.zeros((300, 2), np.int16), 16_000)
    paths = ["b.NPY", "c.wav", "d.txt", "e.png", "f.png", "g.png", "h.wav", "i.WAV", "gone.npy", "gone.png", "gone.npz"]
    found = noise({"data": str(tmp_path), "paths": paths}, lambda *_: None)
    heard = {"h.wav": "uniform noise", "i.WAV": "a constant"}
    assert found == {"b.NPY": "a constant", "e.png": "a constant", "f.png": "uniform noise", **heard}


def test_real_pictures_are_none(tmp_path: Path) -> None:
    for name in ("china", "flower"):
        Image.fromarray(load_sample_image(f"{name}.jpg")).save(tmp_path / f"{name}.png")
        Image.fromarray(load_sample_image(f"{name}.jpg")).save(tmp_path / f"{name}.jpg")
    paths = [path.name for path in tmp_path.iterdir()]
    assert len(paths) == 4
    assert noise({"data": str(tmp_path), "paths": paths}, lambda *_: None) == {}


def test_a_file_of_several_arrays_is_noise_if_all_its_floats_are(tmp_path: Path) -> None:
    flat, speckled, real = np.zeros(300), rng().random(4096), walk()
    np.savez(tmp_path / "a.npz", x=flat, y=speckled)
    np.savez(tmp_path / "b.npz", x=flat, y=real)
    np.savez(tmp_path / "c.npz", x=speckled, mask=np.ones(300, np.int64))
    np.savez(tmp_path / "d.npz", ids=np.ones(300, np.int64))
    found = noise({"data": str(tmp_path), "paths": [f"{n}.npz" for n in "abcd"]}, lambda *_: None)
    assert found == {"a.npz": "a constant", "c.npz": "uniform noise"}


class Loud:
    """Says that it was unpickled, by making a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    array = np.empty(300, object)
    array[:] = Loud(tmp_path / "touched")
    assert looks_like(tmp_path, array) == ""
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("kept", [0, 5, 9, 40, 127, 128, 1000])
def test_what_is_cut_off_is_another_s_affair(tmp_path: Path, kept: int) -> None:
    np.save(tmp_path / "a.npy", np.zeros(4096))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:kept])
    assert ask(tmp_path) == ""


def write_header(path: Path, shape: str, size: int = 0) -> None:
    """Write a file that claims a shape, and is as long as it is told to be, without any byte on the disk."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    if size:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size + size)


@pytest.mark.parametrize("shape", ["(1 << 40,)", f"({1 << 40},)", f"({1 << 62}, {1 << 62})", "(-1,)", "(300, -2)"])
def test_a_shape_that_is_not_there_takes_no_memory(tmp_path: Path, shape: str) -> None:
    write_header(tmp_path / "a.npy", shape, size=64)
    assert ask(tmp_path) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes and limits of memory are POSIX's")
def test_a_huge_array_is_looked_at_in_pieces(tmp_path: Path) -> None:
    write_header(tmp_path / "a.npy", f"({(1 << 36) + 1},)", size=8 * ((1 << 36) + 1))  # half a tebibyte, all holes
    with (tmp_path / "a.npy").open("r+b") as file:
        file.seek(128)
        file.write(rng().standard_normal(1 << 16).tobytes())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ask(tmp_path) == "normal noise"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
