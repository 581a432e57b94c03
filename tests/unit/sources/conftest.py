"""Stores, wheels, a package index of files, and the smallest models."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from npuspec.store import Store

IR = b'<?xml version="1.0"?>\n<net name="m" version="11"><layers/></net>\n'


def _field(number: int, payload: bytes | str | int) -> bytes:
    """Encode one protobuf field; all lengths here are below 128."""
    if isinstance(payload, int):
        return bytes([number << 3, payload])
    data = payload.encode() if isinstance(payload, str) else payload
    size = len(data)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return bytes([number << 3 | 2]) + length + data


def make_onnx(*locations: str) -> bytes:
    """Encode a model with one initializer for every location of external data."""
    tensors = b"".join(
        _field(
            5,
            _field(1, 1)
            + _field(2, 1)
            + _field(8, f"w{i}")
            + _field(13, _field(1, "location") + _field(2, location))
            + _field(14, 1),
        )
        for i, location in enumerate(locations)
    )
    return _field(1, 8) + _field(7, _field(2, "g") + tensors) + _field(8, _field(1, "") + _field(2, 17))


def write_wheel(
    folder: Path,
    members: Mapping[str, bytes],
    *,
    name: str = "toy",
    version: str = "1.0",
    needs: str = "",
    edit: Callable[[ZipFile], None] | None = None,
) -> Path:
    """Write a wheel that pip takes; `edit` may add to it what no honest tool would."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with ZipFile(path, "w", ZIP_DEFLATED) as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else ""))
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        if edit:
            edit(wheel)
    return path


@pytest.fixture
def ir() -> bytes:
    return IR


@pytest.fixture
def onnx() -> Callable[..., bytes]:
    return make_onnx


@pytest.fixture
def wheel() -> Callable[..., Path]:
    return write_wheel


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Give the folder of a spec, beside which lies what no source may reach."""
    folder = tmp_path / "spec"
    folder.mkdir()
    return folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that is pip's only index, by the settings of a user."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
