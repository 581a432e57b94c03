"""What will be done: every default filled in, every value with its origin, every stage with the digest of its inputs.

Pure data. A plan holds no clock, host name, absolute path or set, and the same spec, model, data and toolchain give
the same bytes.
"""

from typing import Any, Literal

from npuspec.bundle.program import Frozen, Program
from npuspec.store import canonical_json, digest_bytes


class SourceFile(Frozen):
    """A file of a source, by its path inside it."""

    path: str
    sha256: str


class PlannedSource(Frozen):
    """Where the model or the data come from, and exactly what they are."""

    source: str
    digest: str
    files: tuple[SourceFile, ...]


class PlannedProperty(Frozen):
    """A device property as OpenVINO is given it."""

    name: str
    value: bool | int | str
    scope: Literal["core", "compile", "run"]
    origin: str
    """`spec`, or the reason for a default."""


class Deployment(Frozen):
    """One device that the model may run on, with what applies to it."""

    device: Literal["NPU", "CPU"]
    properties: tuple[PlannedProperty, ...]
    left_out: tuple[str, ...]
    """Properties of the spec that this device doesn't know."""


class Recipe(Frozen):
    """The quantization, in NNCF's terms."""

    mode: Literal["none", "int8"]
    preset: Literal["performance", "mixed"]
    model_type: Literal["transformer"] | None
    subset_size: int
    keep_names: tuple[str, ...]


class Samples(Frozen):
    """The data: which files calibrate, and which the gates run on. No file does both."""

    source: PlannedSource
    input: str
    sample_rate: int | None
    calibration: tuple[str, ...]
    validation: tuple[str, ...]


class PlannedGate(Frozen):
    """A gate, as the spec states it."""

    metric: Literal["frame-agreement"]
    output: str
    of: Literal["static", "quantized"]
    against: Literal["original", "static"]
    min: float


class PlannedStage(Frozen):
    """One step of `apply`. `digest` names its result: it covers the verb, the parameters and the inputs' digests."""

    name: str
    verb: Literal["read", "shape", "quantize", "compile", "verify"]
    inputs: tuple[str, ...]
    """Names of stages; their folders are handed over in this order."""
    parameters: dict[str, Any]
    digest: str


class Plan(Frozen):
    """The concrete plan. Stages stand in the order in which they are run."""

    format: Literal[1] = 1
    toolchain: dict[str, str]
    model: PlannedSource
    samples: Samples | None
    program: Program
    layout: Literal["original"] = "original"
    """Inputs and outputs have the model's own order of axes: none is moved."""
    recipe: Recipe
    gates: tuple[PlannedGate, ...]
    cache: Literal["blob", "directory", "none"]
    deployments: tuple[Deployment, ...]
    """The target first, then its fallbacks."""
    stages: tuple[PlannedStage, ...]
    origins: dict[str, str]
    """For each value that isn't the spec's own words: where it comes from."""

    def encode(self) -> bytes:
        """Return the canonical JSON of this plan."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """The SHA-256 of the encoded plan."""
        return digest_bytes(self.encode())

    def stages_for(self, device: str) -> tuple[PlannedStage, ...]:
        """Return the stages that are run when the model is made for one of the devices."""
        return tuple(s for s in self.stages if s.parameters.get("device", device) == device)
