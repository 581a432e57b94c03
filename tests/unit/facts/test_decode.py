"""What is in the files of samples: what is the same in another form, what looks like noise, and what is constant."""

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from msgspec import convert
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file
from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]

from conftest import ROOT
from npuspec.facts import Content
from npuspec.facts.decode import content

Array = NDArray[Any]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def walk() -> Array:
    return np.cumsum(rng().standard_normal(4096))


def look(folder: Path, *names: str) -> Content:
    paths = names or tuple(sorted(path.name for path in folder.iterdir() if path.suffix != ".txt"))
    return convert(content({"data": str(folder), "paths": paths}, lambda *_: None), Content)


def looks_like(folder: Path, array: Array) -> Content:
    np.save(folder / "a.npy", array, allow_pickle=True)
    return look(folder, "a.npy")


def test_recorded_speech_is_neither_noise_nor_constant(tmp_path: Path, clips: list[Path]) -> None:
    for clip in clips:
        found = look(clip.parent, clip.name)
        assert (found.noise, found.constant) == ({}, ()), clip.name
        sound, _ = soundfile.read(clip, dtype="float32")
        found = looks_like(tmp_path, (sound[None] * 32767).astype(np.int16))
        assert (found.noise, found.constant) == ({}, ()), clip.name


def test_real_pictures_are_neither_noise_nor_constant(tmp_path: Path) -> None:
    for name in ("china", "flower"):
        Image.fromarray(load_sample_image(f"{name}.jpg")).save(tmp_path / f"{name}.png")
        Image.fromarray(load_sample_image(f"{name}.jpg")).save(tmp_path / f"{name}.jpg")
    found = look(tmp_path)
    assert len(found.digests) == 4
    assert (found.noise, found.constant) == ({}, ())


def test_the_first_bytes_of_real_files_are_never_constant_and_seldom_noise() -> None:
    """Packed files look like noise, and stand beside others: fewer than half."""
    folder = ROOT / "specs" / "files"
    found = look(folder)
    assert len({*found.digests.values()}) == len(found.digests) == len([*folder.glob("*.npy")])
    assert found.constant == ()
    assert 2 * len(found.noise) < len(found.digests)


def test_each_kind_of_file_is_looked_at_and_text_is_not(tmp_path: Path) -> None:
    np.save(tmp_path / "b.NPY.npy", np.zeros(300))
    (tmp_path / "b.NPY.npy").rename(tmp_path / "b.NPY")
    (tmp_path / "d.txt").write_text("one\n" * 300)
    Image.new("RGB", (20, 20), "navy").save(tmp_path / "e.png")
    Image.fromarray(rng().integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "f.png")
    soundfile.write(tmp_path / "h.wav", rng().uniform(-1, 1, 16_000), 16_000)
    soundfile.write(tmp_path / "i.WAV", np.zeros((300, 2), np.int16), 16_000)
    save_file({"x": np.zeros(300)}, tmp_path / "j.safetensors")
    np.savez(tmp_path / "k.npz", x=rng().random(4096))
    found = look(tmp_path)
    assert found.noise == dict.fromkeys(["f.png", "h.wav", "k.npz"], "uniform noise")
    assert found.constant == ("b.NPY", "e.png", "i.WAV", "j.safetensors")
    assert "d.txt" not in found.digests


def refused(found: Content) -> list[str]:
    """Return the paths of what couldn't be read, of which nothing else may be known."""
    assert all(found.unreadable.values())
    assert found == Content(unreadable=found.unreadable)
    return [*found.unreadable]


def test_all_that_can_not_be_read_is_told_with_the_reason(tmp_path: Path) -> None:
    names = ["c.wav", "g.png", "h.npz", "i.safetensors"]
    for name in names:
        (tmp_path / name).write_bytes(b"nothing that is read")
    names += ["gone.npy", "gone.png", "gone.npz", "gone.safetensors", "gone.wav"]
    assert refused(look(tmp_path, *names)) == names


def test_of_several_arrays_all_floats_count_and_without_floats_all(tmp_path: Path) -> None:
    flat, speckled, real = np.zeros(300), rng().random(4096), walk()
    ones = np.ones(300, np.int64)
    np.savez(tmp_path / "a.npz", x=flat, y=speckled)
    np.savez(tmp_path / "b.npz", x=flat, y=real)
    np.savez(tmp_path / "c.npz", x=speckled, mask=ones)
    np.savez(tmp_path / "d.npz", ids=ones, types=ones * 0)
    np.savez(tmp_path / "e.npz", ids=np.arange(300), mask=ones)
    np.savez(tmp_path / "f.npz", x=flat, ids=np.arange(300))
    found = look(tmp_path)
    assert found.noise == dict.fromkeys(["a.npz", "c.npz"], "uniform noise")
    assert found.constant == ("d.npz", "f.npz")


def test_small_samples_are_looked_at_together(tmp_path: Path) -> None:
    """Noise among constants, though neither is of a size that tells by itself."""
    source = rng()
    for number in range(40):
        noise = source.random((3, 64)).astype(np.float32)
        np.save(tmp_path / f"{number:02}.npy", noise if number % 2 else np.full((3, 64), number, np.float32))
    found = look(tmp_path)
    assert found.noise == {f"{number:02}.npy": "uniform noise" for number in range(1, 40, 2)}
    assert found.constant == tuple(f"{number:02}.npy" for number in range(0, 40, 2))


def test_small_samples_of_ids_beside_a_mask_of_ones_are_no_constants(tmp_path: Path) -> None:
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", ids=np.arange(number, 32), mask=np.ones(32, np.float32), length=[32])
    found = look(tmp_path)
    assert (found.noise, found.constant) == ({}, ())


@pytest.mark.parametrize("quality", [90, 75])
def test_random_pixels_that_were_saved_as_jpeg_are_noise(tmp_path: Path, quality: int) -> None:
    for number, shape in enumerate([(48, 192, 3), (48, 192)]):
        pixels = rng().integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", quality=quality)
    found = look(tmp_path)
    assert ({*found.noise}, found.constant) == ({"0.jpg", "1.jpg"}, ())


def test_real_lines_of_text_are_neither_noise_nor_constant() -> None:
    found = look(ROOT / "specs" / "lines")
    assert len(found.digests) == 38
    assert (found.noise, found.constant) == ({}, ())


def test_the_same_values_have_one_digest_in_any_form(tmp_path: Path) -> None:
    array = rng().standard_normal((3, 40)).astype(np.float32)
    np.save(tmp_path / "a.npy", array)
    np.save(tmp_path / "b.npy", np.asfortranarray(array))
    with (tmp_path / "c.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version=(2, 0))
    assert (tmp_path / "a.npy").read_bytes() != (tmp_path / "b.npy").read_bytes() != (tmp_path / "c.npy").read_bytes()
    assert len({*look(tmp_path).digests.values()}) == 1
    np.savez(tmp_path / "a.npz", x=array, y=array[0])
    np.savez_compressed(tmp_path / "b.npz", y=array[0], x=array)
    save_file({"y": array[0], "x": array}, tmp_path / "c.safetensors")
    digests = look(tmp_path).digests
    assert len({digests[name] for name in ("a.npz", "b.npz", "c.safetensors")}) == 1


def test_the_same_pixels_and_the_same_sound_have_one_digest(tmp_path: Path) -> None:
    picture = Image.fromarray(load_sample_image("china.jpg")).crop((0, 0, 60, 40))
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.png", compress_level=0)
    picture.save(tmp_path / "c.jpg")
    Image.open(tmp_path / "c.jpg").save(tmp_path / "d.png")
    sound = np.sin(np.arange(800) / 9)
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="PCM_16")
    soundfile.write(tmp_path / "b.wav", sound, 16_000, subtype="PCM_16", format="WAVEX")
    soundfile.write(tmp_path / "c.wav", sound, 16_000, subtype="PCM_24")
    digests = look(tmp_path).digests
    assert digests["a.png"] == digests["b.png"] != digests["c.jpg"] == digests["d.png"]
    assert digests["a.wav"] == digests["b.wav"] != digests["c.wav"]


@pytest.mark.parametrize(
    "other",
    [np.zeros((3, 4), np.float32), np.zeros((2, 6), np.float64), np.zeros((2, 6), np.int32), np.eye(2, 6, 0, "f4")],
    ids=["shape", "width", "kind", "values"],
)
def test_another_shape_dtype_or_value_is_another_sample(tmp_path: Path, other: Array) -> None:
    array = np.zeros((2, 6), np.float32)
    assert looks_like(tmp_path, array).digests != looks_like(tmp_path, other).digests


def test_what_is_only_transparent_elsewhere_is_another_picture(tmp_path: Path) -> None:
    pixels = rng().integers(0, 256, (20, 20, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    pixels[0, 0, 3] ^= 1
    Image.fromarray(pixels).save(tmp_path / "b.png")
    assert len({*look(tmp_path).digests.values()}) == 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_pictures_of_every_form_that_is_read_have_a_digest(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode in ("CMYK", "YCbCr") else "a.png"
    grey = Image.fromarray(load_sample_image("china.jpg")).crop((0, 0, 60, 40)).convert("L")
    grey.convert("RGB").convert(mode if mode != "PA" else "P").save(tmp_path / name)
    assert [*look(tmp_path).digests] == [name]


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.array(1.0),
        lambda: np.zeros((3, 0), np.float32),
        lambda: np.array(["a"] * 300),
        lambda: np.zeros(300, [("a", "f4")]),
        lambda: np.zeros(300, "M8[s]"),
        lambda: np.zeros(300, bool),
        lambda: np.zeros(300, ">c8"),
    ],
    ids=["one number", "empty", "text", "records", "times", "booleans", "complex"],
)
def test_arrays_of_any_kind_have_a_digest(tmp_path: Path, make: Callable[[], Array]) -> None:
    found = looks_like(tmp_path, make())
    assert [*found.digests] == ["a.npy"]
    assert (found.noise, found.constant) == ({}, ())


class Loud:
    """Says that it was unpickled, by making a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    array = np.empty(300, object)
    array[:] = Loud(tmp_path / "touched")
    assert refused(looks_like(tmp_path, array)) == ["a.npy"]
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("kept", [0, 5, 9, 40, 127, 128, 1000])
def test_what_is_cut_off_is_no_sample(tmp_path: Path, kept: int) -> None:
    np.save(tmp_path / "a.npy", np.zeros(4096))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:kept])
    assert refused(look(tmp_path)) == ["a.npy"]


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
    assert refused(look(tmp_path)) == ["a.npy"]


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes and limits of memory are POSIX's")
def test_a_huge_array_is_looked_at_in_pieces_and_has_no_digest(tmp_path: Path) -> None:
    write_header(tmp_path / "a.npy", f"({(1 << 36) + 1},)", size=8 * ((1 << 36) + 1))  # half a tebibyte, all holes
    with (tmp_path / "a.npy").open("r+b") as file:
        file.seek(128)
        file.write(rng().standard_normal(1 << 16).tobytes())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = look(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
    assert found == Content(noise={"a.npy": "normal noise"})
