"""What a user may write: one model a table, strict, and nothing that isn't known.

Defaults stand here and nowhere else. Keys are kebab-case in TOML. Unions are told apart by one key of their own, so
that one mistake is one fault.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticKnownError


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _language(value: Any) -> Any:
    # A literal alone would take 1.0 and true for 1.
    if type(value) is int and value != 1:
        raise ValueError(f"this version of npuspec reads version 1 of the language, not {value}")
    if type(value) is not int:
        raise PydanticKnownError("int_type")
    return value


def _axis(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or (isinstance(value, int) and value < 1):
        raise ValueError("an axis is the name of a dimension, or a size of at least 1")
    return value


def _sizes(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(n, int) for n in value) and sorted(set(value)) != value:
        raise ValueError("bucket sizes must rise, each once")
    return value


class Table(BaseModel):
    """A TOML table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=_kebab, populate_by_name=False)


Size = Annotated[int, Field(ge=1, le=2**31 - 1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Axis = Annotated[Any, BeforeValidator(_axis)]
Device = Literal["NPU", "CPU"]


class Model(Table):
    """The model as it is published: ONNX or OpenVINO IR."""

    source: str
    """A path relative to the spec, or `pypi:NAME==VERSION/path/in/the/wheel`."""
    sha256: Sha256 | None = None
    """Pin of what the model is read from; a remote source must have one."""


class Data(Table):
    """Real samples: some calibrate, the others are what the gates run on."""

    source: str
    sha256: Sha256 | None = None
    input: str
    """The input of the model that a file is a sample of."""
    sample_rate: Size | None = None
    """For sound: the rate in Hz that every file must have."""


class Target(Table):
    """Where the model is to run."""

    device: Device
    fallback: Annotated[tuple[Device, ...], Field(strict=False)] = ()
    """Tried in this order where the device is missing; none means that a missing device is an error."""


class FixedDim(Table):
    """A dimension that always has one size."""

    strategy: Literal["fixed"]
    size: Size


class PadDim(Table):
    """A dimension that is padded to one size."""

    strategy: Literal["pad"]
    size: Size
    overflow: Literal["error"]


class BucketsDim(Table):
    """A dimension that is padded to the smallest of several sizes that fits: a static variant of the model for each."""

    strategy: Literal["buckets"]
    sizes: Annotated[tuple[Size, ...], Field(strict=False, min_length=1), BeforeValidator(_sizes)]
    overflow: Literal["error"]


Dim = Annotated[FixedDim | PadDim | BucketsDim, Field(discriminator="strategy")]


class DataInput(Table):
    """An input that the caller gives, of any length up to the maximum."""

    role: Literal["data"] = "data"
    shape: Annotated[tuple[Axis, ...], Field(strict=False, min_length=1, max_length=6)]
    """Names of dimensions, or sizes; the name `batch` is [batching]'s."""
    pad_value: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    pad_side: Literal["right", "left"] = "right"
    finite: bool = False
    """Refuse samples that hold NaN or an infinity."""


class LengthInput(Table):
    """An input that npuspec fills with the true length of another one's sample, shape [batch]."""

    role: Literal["length"]
    of: str


class MaskInput(Table):
    """An input that npuspec fills with 1 where another one's sample is valid and 0 where it is padding."""

    role: Literal["mask"]
    of: str


def _role(value: Any) -> str:
    return str(value.get("role", "data")) if isinstance(value, dict) else "data"


Input = Annotated[
    Annotated[DataInput, Tag("data")] | Annotated[LengthInput, Tag("length")] | Annotated[MaskInput, Tag("mask")],
    Discriminator(_role),
]


class Length(Table):
    """How long an output is: (scale * n + offset) // divisor along `axis`, for n of the dimension `dim`."""

    dim: str
    axis: Annotated[int, Field(ge=1)]
    scale: Annotated[int, Field(ge=1)] = 1
    offset: int = 0
    divisor: Annotated[int, Field(ge=1)] = 1


class Output(Table):
    """What is known of an output beyond what the model shows."""

    length: Length | None = None
    """Stated by hand, only where propagating lengths through the model can't find it."""


class Batching(Table):
    """How many samples one inference takes."""

    size: Annotated[int, Field(ge=1, le=1024)] = 1


class Keep(Table):
    """What stays floating point when the model is quantized."""

    names: Names = ()
    """Friendly names of operations, as the model is read."""


class Quantization(Table):
    """The recipe for INT8."""

    mode: Literal["none", "int8"] = "none"
    preset: Literal["performance", "mixed"] = "performance"
    model_type: Literal["transformer"] | None = None
    samples: Size = 300
    keep: Keep = Keep()


class Gate(Table):
    """A measurement that `apply` must pass: how far the model named by `of` agrees with the one named by `against`."""

    metric: Literal["frame-agreement"]
    output: str
    of: Literal["static", "quantized"]
    against: Literal["original", "static"]
    min: Annotated[float, Field(ge=0, le=1)]


class Cache(Table):
    """How a later start is spared the compilation."""

    kind: Literal["blob", "directory", "none"] = "blob"


class Spec(Table):
    """A deployment, as its author wrote it."""

    npuspec: Annotated[Literal[1], BeforeValidator(_language)]
    model: Model
    data: Data | None = None
    target: Target
    properties: dict[str, Any] = Field(default_factory=dict)
    dims: dict[str, Dim] = Field(default_factory=dict)
    inputs: Annotated[dict[str, Input], Field(min_length=1)]
    outputs: dict[str, Output] = Field(default_factory=dict)
    batching: Batching = Batching()
    quantization: Quantization = Quantization()
    gates: Annotated[tuple[Gate, ...], Field(strict=False)] = ()
    cache: Cache = Cache()
