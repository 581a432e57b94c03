"""A spec of a small model beside it, which is applied in a few seconds."""

from collections.abc import Callable
from pathlib import Path

import openvino as ov
import pytest
from stages.conftest import convolutions, write, write_samples

SPEC = """npuspec = 1

[model]
source = "model/model.xml"

[data]
source = "data/*.npy"
input = "x"

[target]
device = "{device}"
fallback = {fallback}

[dims.time]
strategy = "pad"
size = 32
overflow = "error"

[inputs.x]
shape = ["batch", 3, "time"]

[[gates]]
metric = "frame-agreement"
output = "y"
of = "static"
against = "original"
min = {minimum}
"""

WriteSpec = Callable[..., Path]


@pytest.fixture
def write_spec(tmp_path: Path) -> WriteSpec:
    """Write the spec, with another device, gate or model, or more text."""

    def write_it(
        *,
        device: str = "CPU",
        fallback: str = "[]",
        minimum: float = 0.5,
        more: str = "",
        model: ov.Model | None = None,
    ) -> Path:
        if not (tmp_path / "model").exists():
            write(tmp_path / "model", convolutions() if model is None else model)
            write_samples(tmp_path / "data", 32, 20, 12)
        spec = tmp_path / "spec.toml"
        spec.write_text(SPEC.format(device=device, fallback=fallback, minimum=minimum) + more)
        return spec

    return write_it
