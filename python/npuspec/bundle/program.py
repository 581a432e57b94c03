"""What a session has to know of a model: its inputs, its outputs, and its static variants. Plain data, no openvino."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from msgspec import Meta, Struct, StructMeta, field


class _KeywordsOnly(StructMeta):
    """What msgspec doesn't hand on from a class to those below it: fields are given by name."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> "_KeywordsOnly":
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Frozen(Struct, metaclass=_KeywordsOnly, frozen=True, forbid_unknown_fields=True):
    """Immutable data that goes to JSON and comes back equal.

    What is read is held against the fields' types; what code makes, mypy holds.
    """


Size = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Whole = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1)]
_Axis = TypeVar("_Axis")
LEAST_SCALE, LARGEST_SCALE, LARGEST_MEAN = 1e-20, 1e30, 1e15
"""What a picture is normalized with, such that each quotient is a float32."""


class Extent(Frozen):
    """How long an output is along `axis`: (scale * n + offset) // divisor, for a sample of size n in `dim`; 0 at least.

    Chains of convolutions, poolings and strides all have this form, since floor divisions nest into one.
    """

    dim: str
    axis: Whole
    scale: Whole = 1
    offset: Whole = 0
    divisor: Size = 1

    def of(self, n: int) -> int:
        """Return the output's length for an input's length `n`: 0 where that has less than a step."""
        return max(0, (self.scale * n + self.offset) // self.divisor)


class Preprocess(Frozen):
    """What becomes of the caller's sample before it is padded: its size, its axes, then channels, then values."""

    dtype: str
    """What the caller gives, by NumPy's name."""
    order: tuple[Whole, ...]
    """Which of the caller's axes becomes each of the model's, without the batch; as `numpy.transpose` takes it."""
    channels: Whole | None = None
    """The model's axis of channels, without the batch; None where nothing is said of channels."""
    swap_channels: bool = False
    """Whether the order of channels is reversed."""
    mean: tuple[float, ...] = ()
    """Subtracted, one for each channel."""
    scale: tuple[float, ...] = ()
    """Then divided by, one for each channel."""
    resize: Literal["none", "stretch", "letterbox"] = "none"
    """What is done first to pictures, of height, width and channels, to bring them to the size that the model takes."""

    def given(self, axes: Sequence[_Axis]) -> tuple[_Axis, ...]:
        """Return the model's axes, without the batch, in the order in which the caller gives them."""
        placed = dict(zip(self.order, axes, strict=True))
        return tuple(placed[index] for index in range(len(placed)))


class _Port(Frozen, tag_field="role"):
    name: Name
    dtype: str
    """NumPy's name, such as `float32`."""

    @property
    def role(self) -> str:
        """`data`, `length` or `mask`."""
        return str(self.__struct_config__.tag)


class DataInput(_Port, tag="data"):
    """An input that the caller gives: one sample of rank `len(axes)`, without the batch axis."""

    axes: tuple[str | Size, ...]
    """Sizes, and names of dimensions, behind the batch axis."""
    pad_value: float
    pad_side: Literal["right", "left"]
    finite: bool
    preprocess: Preprocess | None = None


class LengthInput(_Port, tag="length"):
    """An input filled with the size of `of`'s sample in `dim`."""

    of: Name
    dim: str


class MaskInput(_Port, tag="mask"):
    """An input of shape [batch, size of `dim`], 1 where `of`'s sample is valid."""

    of: Name
    dim: str


Input = DataInput | LengthInput | MaskInput
"""Told apart by `role`."""


class Output(Frozen):
    """An output, batch first, cut to its extents."""

    name: Name
    dtype: str
    extents: tuple[Extent, ...]


class Dim(Frozen):
    """The lengths that a sample may have in a padded dimension, and what becomes of a longer one."""

    minimum: Size
    """The shortest that the original model takes."""
    maximum: Size
    """The largest size of a variant."""
    multiple: Size = 1
    """The original model takes multiples of this; a sample is padded to the next one to be compared with it."""
    overflow: Literal["error", "truncate", "chunk"] = "error"
    """What becomes of a sample beyond `maximum`: it is refused, its end is left out, or it runs in chunks."""
    overlap: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    """For chunks: how much of one the next repeats, at least."""
    stitch: Literal["concatenate", "average"] = "concatenate"
    """For chunks: what becomes of outputs where they overlap."""
    step: Size = 1
    """For chunks: each begins at a multiple of this, so that outputs' steps fall together."""


class Variant(Frozen):
    """One static model: the size of each dimension, and so the shape of each input."""

    name: Name
    sizes: dict[str, Size]
    shapes: dict[str, tuple[Size, ...]]
    """Input name to full shape, batch first."""


class Program(Frozen):
    """A model as a session sees it. Variants rise in size: the first that fits is used."""

    batch: Size
    dims: dict[str, Dim]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    variants: Annotated[tuple[Variant, ...], Meta(min_length=1)]


class Load(Frozen):
    """How a session serves the model."""

    requests: Annotated[int, Meta(ge=1, le=1024)] | None = None
    """Infer requests of each variant; None for as many as the device finds best, and one more."""
    queue: Size = 1024
    """Requests that may wait."""
    batch_wait_ms: Annotated[float, Meta(ge=0, le=60_000)] = 2.0
    """How long a batch waits to be full."""
    warm: Literal["CPU"] | None = None
    """What answers while the target is still being compiled for."""
