"""Dimensions, inputs and outputs."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from npuspec.spec.models.base import Number, Numbers, Sha256, Size, Table, rising

_DYNAMIC = re.compile(r"\s*(\?|\*|-1|dynamic|none|null|-?[0-9]*\s*\.\.\s*-?[0-9]*)\s*", re.IGNORECASE)
"""How other tools write an axis without a size, or with bounds for one."""


def _axis(value: Any) -> Any:
    if value == -1 or (isinstance(value, str) and _DYNAMIC.fullmatch(value)):
        raise PydanticCustomError("dynamic_axis", "an axis has no size")
    if isinstance(value, bool) or not isinstance(value, (int, str)) or (isinstance(value, int) and value < 1):
        raise ValueError("an axis is the name of a dimension, or a size of at least 1")
    return value


Axis = Annotated[
    Any,
    BeforeValidator(_axis),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
]
Layout = Annotated[str, Field(pattern=r"^[A-Z?]{1,6}$")]
Overflow = Literal["error", "truncate", "chunk"]


class FixedDim(Table):
    """A dimension that always has one size."""

    strategy: Literal["fixed"]
    """One size."""
    size: Size
    """The size."""


class PadDim(Table):
    """A dimension that is padded to one size."""

    strategy: Literal["pad"]
    """Padded to one size."""
    size: Size
    """What shorter samples are padded to."""
    overflow: Overflow
    """What happens to a longer sample: it is refused, cut, or taken apart."""
    overlap: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """For chunks: how much of a chunk the next one repeats, at least."""
    stitch: Literal["concatenate", "average"] | None = None
    """For chunks: outputs are cut in the middle of each overlap, or averaged there; integers are always cut."""
    lengths: str | None = None
    """A text file of real lengths, a number a line, from which the waste of padding is counted."""


class BucketsDim(Table):
    """A dimension that is padded to the smallest of several sizes that fits: a static variant of the model for each."""

    strategy: Literal["buckets"]
    """Padded to the smallest size that fits."""
    sizes: Annotated[tuple[Size, ...], Field(strict=False, min_length=1), BeforeValidator(rising)]
    """The sizes, rising."""
    overflow: Overflow
    """What happens to a sample longer than the last size: it is refused, cut, or taken apart."""
    overlap: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """For chunks: how much of a chunk the next one repeats, at least."""
    stitch: Literal["concatenate", "average"] | None = None
    """For chunks: outputs are cut in the middle of each overlap, or averaged there; integers are always cut."""
    lengths: str | None = None
    """A text file of real lengths, a number a line, from which the waste of padding is counted."""


Dim = Annotated[FixedDim | PadDim | BucketsDim, Field(discriminator="strategy")]


class Preprocess(Table):
    """What becomes of a sample before the model sees it."""

    dtype: Literal["uint8", "int8", "float16", "float32"] | None = None
    """What the caller gives; left out, the model's own."""
    layout: Layout | None = None
    """The order of axes in which the caller gives it, such as `NHWC`; left out, the model's own."""
    swap_channels: bool = False
    """Reverse the order of channels: BGR to RGB, or back."""
    mean: Numbers = ()
    """Subtracted, one number for each channel."""
    scale: Numbers = ()
    """Then divided by, one number for each channel."""
    resize: Literal["none", "stretch", "letterbox"] = "none"
    """How pictures of bytes are brought to the model's size, each pixel a weighted mean of those around it. `stretch`
    gives both sides the model's sizes. `letterbox` keeps their ratio: a picture is scaled to fit into both sides and
    lies in the middle, padded around; where one side varies, it is scaled to the other, and padded as any sample is.
    Only with `place = "native"`: a model's shapes are static, and pictures come in all sizes."""
    place: Literal["model", "native"] = "model"
    """Where that is done: in the graph of each static model, which then takes what the caller gives, padded before; or
    by npuspec before it, in float32, and padded afterwards. `pad-value` is what the model's own operations see either
    way. Both give the same to rounding, in the precision of the device: benches/preprocess.py says which is quicker."""


class DataInput(Table):
    """An input that the caller gives, of any length up to the maximum."""

    role: Literal["data"] = "data"
    """The caller gives it."""
    shape: Annotated[tuple[Axis, ...], Field(strict=False, min_length=1, max_length=6)]
    """Names of dimensions, or sizes; the name `batch` is [batching]'s."""
    layout: Layout | None = None
    """What the model's axes mean, a letter each, such as `NCHW`."""
    pad_value: Number = 0.0
    """What padding is filled with."""
    pad_side: Literal["right", "left"] = "right"
    """On which side of a sample the padding goes."""
    pad_multiple: Size = 1
    """Sizes that the original model takes are multiples of this, and so are those of the input's dimensions."""
    finite: bool = False
    """Refuse samples that hold NaN or an infinity."""
    preprocess: Preprocess | None = None
    """What becomes of a sample before the model's own operations see it."""


class LengthInput(Table):
    """An input that npuspec fills with the true length of another one's sample, shape [batch]."""

    role: Literal["length"]
    """Filled with true lengths."""
    of: str
    """The data input whose length it is."""
    dim: str | None = None
    """Which of its padded dimensions is meant, where it has several."""


class MaskInput(Table):
    """An input that npuspec fills with 1 where another one's sample is valid and 0 where it is padding."""

    role: Literal["mask"]
    """Filled with 1 where a sample is valid."""
    of: str
    """The data input that is masked."""
    dim: str | None = None
    """Which of its padded dimensions is meant, where it has several."""
    built: Literal["outside", "in-model"] = "outside"
    """By npuspec before each inference, or in the model's graph from a length that takes the mask's place."""


def _role(value: Any) -> str:
    return str(value.get("role", "data")) if isinstance(value, dict) else "data"


Input = Annotated[
    Annotated[DataInput, Tag("data")] | Annotated[LengthInput, Tag("length")] | Annotated[MaskInput, Tag("mask")],
    Discriminator(_role),
]


class Length(Table):
    """How long an output is: (scale * n + offset) // divisor along `axis`, for n of the dimension `dim`."""

    dim: str
    """The padded dimension that the length follows from."""
    axis: Annotated[int, Field(ge=1)]
    """The output's axis; 0 is the batch."""
    scale: Annotated[int, Field(ge=1)] = 1
    """How many places of the output one of the input makes."""
    offset: int = 0
    """Added before the division."""
    divisor: Annotated[int, Field(ge=1)] = 1
    """How many places of the input make one of the output."""


class Select(Table):
    """What the graph itself makes of an output's valid part."""

    kind: Literal["last-valid", "masked-mean", "zero-invalid"]
    """The last valid step, the mean of the valid steps, or all steps with the others set to zero."""
    dim: str
    """The padded dimension whose length says what is valid."""
    axis: Annotated[int, Field(ge=1)] = 1
    """The output's axis of steps."""


class Decode(Table):
    """How an output is read, for gates on a task."""

    kind: Literal["class", "ctc"]
    """One class, by the largest value of the last axis; or a text, by the largest of each step, runs of one place as
    one and blanks left out."""
    vocabulary: str | None = None
    """A text file that says what each place of the last axis stands for, a line each; without one a class is called by
    its number, from 0."""
    vocabulary_sha256: Sha256 | None = None
    """Pin of the vocabulary; a remote source must have one."""
    blank: Annotated[int, Field(ge=0)] = 0
    """For a text: the place that stands for nothing."""
    separator: Annotated[str, Field(max_length=8)] = ""
    """For a text: what is put between the vocabulary's entries, such as a space between phonemes."""


class Output(Table):
    """What is known of an output beyond what the model shows."""

    length: Length | None = None
    """Stated by hand, only where propagating lengths through the model can't find it."""
    select: Select | None = None
    """What is made of its valid part, in the graph."""
    decode: Decode | None = None
    """How it is read, for gates on a task."""
