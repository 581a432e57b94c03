"""The files of models and blobs that a bundle is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from npuspec.plan import Plan
from npuspec.stages import BLOB, MODEL, WEIGHTS


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a stage's result, and its place in the bundle; `platform` is that of a blob made ahead of time."""

    kind: Literal["model", "weights", "blob"]
    variant: str
    platform: str | None
    source: Path
    place: str


def shipped(plan: Plan, results: Mapping[str, Path], device: str) -> Iterator[Part]:
    """Yield each file that there is."""
    for variant in plan.program.variants:
        name = variant.name
        shaped = results.get(f"shape[quantized, {name}]", results[f"shape[{name}]"])
        blobs = {None: (device, "blobs")} | {npu: (npu, f"blobs/{npu}") for npu in plan.platforms}
        parts = [
            Part("model", name, None, shaped / MODEL, f"models/{name}.xml"),
            Part("weights", name, None, shaped / WEIGHTS, f"models/{name}.bin"),
            *(
                Part("blob", name, npu, results[f"compile[{made_for}, {name}]"] / BLOB, f"{folder}/{name}.blob")
                for npu, (made_for, folder) in blobs.items()
            ),
        ]
        yield from (part for part in parts if part.source.exists())
