"""What a stage is asked to do, and how it writes its results."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino as ov
from msgspec import convert

from npuspec.bundle.program import Program
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.inspect import reason
from npuspec.stages import MODEL
from npuspec.store import canonical_json

_XML = 2048  # bytes of an IR's text for each operation, about
_CHUNK = 2**16


@dataclass(frozen=True, slots=True)
class Request:
    """One stage's work."""

    parameters: dict[str, Any]
    inputs: tuple[Path, ...]
    output: Path
    model: Path
    data: Path | None
    tokenizer: Path | None
    """The file, for data that are text."""
    labels: Path | None
    """The file, for data that have them."""
    vocabularies: dict[str, Path]
    """Files, by the outputs that are read with them."""
    folder: Path | None = None
    """The spec's folder, where its own code lies."""

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Request":
        """Read what `execute` sent."""
        data, tokenizer, labels = arguments["data"], arguments.get("tokenizer"), arguments.get("labels")
        folder = arguments.get("folder")
        return cls(
            parameters=arguments["parameters"],
            inputs=tuple(Path(p) for p in arguments["inputs"]),
            output=Path(arguments["output"]),
            model=Path(arguments["model"]),
            data=None if data is None else Path(data),
            tokenizer=None if tokenizer is None else Path(tokenizer),
            folder=None if folder is None else Path(folder),
            labels=None if labels is None else Path(labels),
            vocabularies={name: Path(file) for name, file in arguments.get("vocabularies", {}).items()},
        )

    @property
    def program(self) -> Program:
        """What a session has to know of the model."""
        return convert(self.parameters["program"], Program)

    def read_json(self, number: int, name: str) -> Any:
        """Read what an earlier stage wrote: the `number`th of the inputs, from 0."""
        return json.loads((self.inputs[number] / name).read_bytes())

    def write_json(self, name: str, value: Any) -> None:
        """Write one result."""
        self.write_bytes(name, canonical_json(value))

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write one result that is bytes already; an OSError names its file, which the system's own doesn't."""
        with _named(self.output / name):
            (self.output / name).write_bytes(data)

    def write_model(self, model: ov.Model) -> None:
        """Write an IR with its weights as they are.

        Raises:
            OSError: the disk is full, or whatever else keeps a file of this size from being written.
            StageError: `disk-fault`, if it can be written by us and not by OpenVINO.

        """
        path = self.output / MODEL
        try:
            ov.save_model(model, path, compress_to_fp16=False)
        except RuntimeError as error:
            # OpenVINO knows no more than "iostream error", and may leave a part behind; the system says why.
            for part in (path, path.with_suffix(".bin")):
                part.unlink(missing_ok=True)
            _write_as_much(model, path)
            message = f"OpenVINO can't write `{path}`: {reason(error)}"
            raise StageError(Diagnostic("disk-fault", message, "look at the folder's rights and its disk")) from None


def _write_as_much(model: ov.Model, path: Path) -> None:
    """Write as many bytes as the model's IR would have, and remove them again."""
    operations = model.get_ops()
    size = sum(op.get_byte_size() for op in operations if op.get_type_name() == "Constant")
    try:
        with _named(path), path.open("wb") as file:
            for _ in range(0, size + len(operations) * _XML, _CHUNK):
                file.write(bytes(_CHUNK))
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def peak_memory() -> int:
    """Return the most memory that this process has had at a time, in MiB; 0 where the system doesn't tell."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20
