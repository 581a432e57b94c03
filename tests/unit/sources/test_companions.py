from collections.abc import Callable
from pathlib import Path

import pytest

from npuspec.sources.companions import check_format, model_files
from npuspec.sources.faults import Fault
from npuspec.sources.local import LocalTree
from npuspec.sources.wheel import WheelTree


def write(folder: Path, files: dict[str, bytes]) -> LocalTree:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return LocalTree(folder)


def code(tree: LocalTree, path: str, scratch: Path) -> str:
    with pytest.raises(Fault) as caught:
        model_files(tree, path, scratch)
    assert caught.value.help
    return caught.value.code


def test_ir_comes_with_its_weights_if_it_has_some(tmp_path: Path, ir: bytes) -> None:
    tree = write(
        tmp_path, {"m/a.xml": ir, "m/a.bin": b"w", "m/b.xml": ir, "m/B.bin": b"w", "a.v1.xml": ir, "a.v1.bin": b""}
    )
    assert model_files(tree, "m/a.xml", tmp_path) == ("m", ["a.xml", "a.bin"])
    assert model_files(tree, "m/b.xml", tmp_path) == ("m", ["b.xml"])
    assert model_files(tree, "a.v1.xml", tmp_path) == ("", ["a.v1.xml", "a.v1.bin"])


@pytest.mark.parametrize(
    "text",
    [
        b"<net/>",
        b"\xef\xbb\xbf<net\nname='x'>",
        b'<?xml version="1.0"?><!-- <other> -->\n<!-- b --><net name="">',
    ],
)
def test_ir_is_known_by_its_root(tmp_path: Path, text: bytes) -> None:
    assert model_files(write(tmp_path, {"a.xml": text}), "a.xml", tmp_path) == ("", ["a.xml"])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"net",
        b"<network/>",
        b"<html><net/></html>",
        b"<!-- <net> -->",
        b'<!DOCTYPE net [<!ENTITY a "b">]><net/>',
        b"<?xml?>" * 5000 + b"<net/>",
        b"<!--" * 1000,
    ],
)
def test_other_xml_is_no_model(tmp_path: Path, text: bytes) -> None:
    assert code(write(tmp_path, {"a.xml": text}), "a.xml", tmp_path) == "not-a-model"


def test_onnx_comes_with_its_external_data(tmp_path: Path, onnx: Callable[..., bytes]) -> None:
    files = {
        "m/a.onnx": onnx("w.bin", "./sub//v.bin", "./w.bin"),
        "m/w.bin": b"w",
        "m/sub/v.bin": b"v",
        "m/x.bin": b"x",
    }
    tree = write(tmp_path, files)
    assert model_files(tree, "m/a.onnx", tmp_path) == ("m", ["a.onnx", "sub/v.bin", "w.bin"])
    tree = write(tmp_path, {"b.onnx": onnx()})
    assert model_files(tree, "b.onnx", tmp_path) == ("", ["b.onnx"])


@pytest.mark.parametrize(
    "location",
    ["../w.bin", "sub/../w.bin", "/etc/passwd", "C:/w.bin", "..\\w.bin", "sub\\w.bin", "", ".", "a\nb", "w.bin:stream"],
)
def test_external_data_lies_with_the_model(tmp_path: Path, onnx: Callable[..., bytes], location: str) -> None:
    tree = write(tmp_path, {"m/a.onnx": onnx(location), "m/w.bin": b"w", "w.bin": b"w", "m/sub/w.bin": b"w"})
    assert code(tree, "m/a.onnx", tmp_path) == "data-outside-source"


def test_external_data_that_is_missing_is_told_with_the_model(tmp_path: Path, onnx: Callable[..., bytes]) -> None:
    tree = write(tmp_path, {"a.onnx": onnx("w.bin"), "W.bin": b"w"})
    with pytest.raises(Fault, match=r"`a\.onnx` reads it") as caught:
        model_files(tree, "a.onnx", tmp_path)
    assert caught.value.code == "missing-file"
    assert "did you mean `W.bin`?" in caught.value.help


@pytest.mark.parametrize("content", [b"", b"not a model", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_not_onnx_is_no_model(tmp_path: Path, content: bytes) -> None:
    assert code(write(tmp_path, {"a.onnx": content}), "a.onnx", tmp_path) == "not-a-model"


@pytest.mark.parametrize("name", ["a.pt", "a", "a.onnx.gz", "a.ONNX", ".onnx", "onnx"])
def test_other_formats_are_refused_by_name(name: str) -> None:
    with pytest.raises(Fault) as caught:
        check_format(name)
    assert caught.value.code == "unsupported-model-format"


def test_a_packed_model_is_looked_at_and_nothing_of_it_stays(
    tmp_path: Path, onnx: Callable[..., bytes], wheel: Callable[..., Path]
) -> None:
    scratch = tmp_path / "scratch"
    path = wheel(tmp_path, {"m/a.onnx": onnx("w.bin"), "m/w.bin": b"w", "e.onnx": b""})
    with WheelTree(path, "toy==1.0") as tree:
        assert model_files(tree, "m/a.onnx", scratch) == ("m", ["a.onnx", "w.bin"])
        with pytest.raises(Fault) as caught:
            model_files(tree, "e.onnx", scratch)
    assert caught.value.code == "not-a-model"
    assert list(scratch.iterdir()) == []
