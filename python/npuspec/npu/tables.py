"""The TOML tables beside this file: data about OpenVINO that people can read and correct."""

from pathlib import Path
from typing import Any


def read_table(name: str) -> dict[str, Any]:
    """Return the values of a table."""
    import tomli  # noqa: PLC0415  a session reads no table

    return tomli.loads(Path(__file__).with_name(name).read_text("utf-8"))
