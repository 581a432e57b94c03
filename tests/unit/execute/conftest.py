"""A spec of a small model beside it, which is applied in a few seconds."""

from functools import partial
from pathlib import Path

import pytest

import toy_specs


@pytest.fixture
def write_spec(tmp_path: Path) -> "partial[Path]":
    """Write the spec, with another device, gate or model, or more text; see `toy_specs.write_spec`."""
    return partial(toy_specs.write_spec, tmp_path)
