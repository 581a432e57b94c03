"""What a stage is asked to do, and how it writes its results."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino as ov

from npuspec.store import canonical_json

MODEL = "model.xml"
BLOB = "model.blob"


@dataclass(frozen=True, slots=True)
class Request:
    """One stage's work."""

    parameters: dict[str, Any]
    inputs: tuple[Path, ...]
    output: Path
    model: Path
    data: Path | None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Request":
        """Read what `execute` sent."""
        data = arguments["data"]
        return cls(
            parameters=arguments["parameters"],
            inputs=tuple(Path(p) for p in arguments["inputs"]),
            output=Path(arguments["output"]),
            model=Path(arguments["model"]),
            data=None if data is None else Path(data),
        )

    def write_json(self, name: str, value: Any) -> None:
        """Write one result."""
        (self.output / name).write_bytes(canonical_json(value))

    def write_model(self, model: ov.Model) -> None:
        """Write an IR with its weights as they are.

        Raises:
            OSError: the disk is full; OpenVINO itself doesn't look.

        """
        path = self.output / MODEL
        ov.save_model(model, path, compress_to_fp16=False)
