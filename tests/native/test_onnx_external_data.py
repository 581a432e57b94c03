"""Locations of external data in ONNX models written here byte by byte."""

import contextlib
import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npuspec._native import onnx_external_data


def varint(number: int) -> bytes:
    head = b""
    while number > 0x7F:
        head += bytes([number & 0x7F | 0x80])
        number >>= 7
    return head + bytes([number])


def field(tag: int, value: bytes | int) -> bytes:
    """A field of a protobuf message: a varint, or a string, bytes or message."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    return varint(tag << 3 | 2) + varint(len(value)) + value


def entry(key: str, value: str) -> bytes:
    """The field `TensorProto.external_data`."""
    return field(13, field(1, key.encode()) + field(2, value.encode()))


def external(location: str) -> bytes:
    """A `TensorProto` that is stored at `location`."""
    head = field(1, 4) + field(2, 1) + field(8, b"name")
    return head + entry("location", location) + entry("offset", "4096") + field(14, 1)


def attribute(value: bytes) -> bytes:
    """The field `GraphProto.node` of a node with one attribute."""
    return field(1, field(4, b"If") + field(5, field(1, b"attribute") + value))


def model(graph: bytes, rest: bytes = b"") -> bytes:
    return field(1, 10) + field(2, b"producer") + field(7, graph) + rest


def test_locations_are_sorted_and_unique() -> None:
    graph = b"".join(field(5, external(name)) for name in ("z.data", "sub/é.data", "z.data", "../a"))
    assert onnx_external_data(model(graph)) == ["../a", "sub/é.data", "z.data"]


def test_every_place_that_holds_tensors_is_looked_at() -> None:
    sparse = field(1, external("values")) + field(2, external("indices"))
    nested = attribute(field(6, attribute(field(11, field(5, external("nested"))))))
    constants = attribute(field(5, external("t"))) + attribute(field(10, external("tensors")))
    sparse_constants = attribute(field(22, field(1, external("st")))) + attribute(field(23, field(2, external("sts"))))
    function = field(7, field(5, field(5, external("function"))))
    graph = field(15, sparse) + nested + constants + sparse_constants
    assert onnx_external_data(model(graph, field(25, function))) == sorted(
        ["values", "indices", "nested", "t", "tensors", "st", "sts", "function"]
    )


def test_tensors_in_the_model_are_skipped() -> None:
    inline = field(9, b"\xff" * 4096) + entry("location", "stale")
    assert onnx_external_data(model(field(5, inline))) == []


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview], ids=lambda wrap: wrap.__name__)
def test_buffers_of_any_kind_are_read(wrap: type[bytes]) -> None:
    assert onnx_external_data(wrap(model(field(5, external("weights"))))) == ["weights"]


def test_a_mapped_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model(field(5, external("weights"))))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert onnx_external_data(data) == ["weights"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"<?xml version='1.0'?>\n<net/>",
        bytes(64),
        b"\xff" * 64,
        field(1, 10),
        model(field(5, external("weights")))[:-3],
        model(field(5, entry("offset", "0") + field(14, 1))),
    ],
    ids=["empty", "zip", "xml", "zeros", "ones", "no graph", "cut off", "no location"],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not an ONNX model|no location"):
        onnx_external_data(data)


@pytest.mark.parametrize("declared", [1 << 10, 1 << 40, (1 << 64) - 1])
def test_a_declared_length_takes_no_memory(declared: int) -> None:
    for tag in (7, 9, 25):
        with pytest.raises(ValueError, match="not an ONNX model"):
            onnx_external_data(varint(tag << 3 | 2) + varint(declared) + b"\x00")


def test_weights_in_the_model_take_no_memory() -> None:
    data = model(field(5, field(9, bytes(64 << 20))))
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert onnx_external_data(data) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10


def test_endless_nesting_is_refused() -> None:
    graph = b""
    for _ in range(2000):
        graph = attribute(field(6, graph))
    with pytest.raises(ValueError, match="recursion"):
        onnx_external_data(model(graph))


def test_arguments_that_are_no_bytes_are_refused() -> None:
    with pytest.raises(TypeError, match="data is a"):
        onnx_external_data("model.onnx")  # type: ignore[arg-type]
    with pytest.raises(BufferError, match="contiguous"):
        onnx_external_data(memoryview(b"abcdef")[::2])


@given(st.binary(max_size=256))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(onnx_external_data(data), list)
