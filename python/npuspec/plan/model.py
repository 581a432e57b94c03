"""What will be done: every default filled in, every value with its origin, every stage with the digest of its inputs.

Pure data. A plan holds no clock, host name, absolute path or set, and the same spec, model, data and toolchain give
the same bytes.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from math import inf, isnan
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import to_builtins

from npuspec.bundle.program import DataInput, Extent, Frozen, Input, LengthInput, Load, Preprocess, Program
from npuspec.npu import BatchMode
from npuspec.store import canonical_json, digest_json

if TYPE_CHECKING:
    from npuspec.sources import Fetched

_LENGTHS = re.compile(r"dims\..*\.lengths")


class SourceFile(Frozen):
    """A file of a source, by its path inside it."""

    path: str
    sha256: str


class PlannedSource(Frozen):
    """Where the model or the data come from, and exactly what they are."""

    source: str
    digest: str
    files: tuple[SourceFile, ...]

    @classmethod
    def of(cls, text: str, fetched: "Fetched") -> "PlannedSource":
        """Return what a source's text came to."""
        files = tuple(SourceFile(path=file.path, sha256=file.sha256) for file in fetched.files)
        return cls(source=text, digest=fetched.digest, files=files)


class Setting(Frozen):
    """One value of the spec, or one that it left to its default."""

    path: str
    """As TOML would write it with dots, such as `quantization.samples`; a gate goes by what it measures."""
    value: Any
    origin: str
    """`spec`, `default`, or who else said it."""


class PlannedProperty(Frozen):
    """A device property as OpenVINO is given it."""

    name: str
    value: bool | int | float | str
    scope: Literal["core", "compile", "run"]
    origin: str
    """`spec`, or the reason for a default."""


class Deployment(Frozen):
    """One device that the model may run on, with what applies to it."""

    device: Literal["NPU", "CPU"]
    properties: tuple[PlannedProperty, ...]
    left_out: tuple[str, ...]
    """Properties of the spec that this device doesn't know."""


ActivationsRange = Literal["minmax", "mean-minmax", "median-minmax", "mean-no-outliers-minmax", "histogram"]


class Recipe(Frozen):
    """The quantization, in NNCF's terms."""

    mode: Literal["none", "int8", "weights", "mixed", "accuracy-control"]
    preset: Literal["performance", "mixed"]
    model_type: Literal["transformer"] | None
    subset_size: int
    fast_bias_correction: bool
    smooth_quant_alpha: float | None
    overflow_fix: Literal["enable", "first-layer", "disable"]
    activations_range: ActivationsRange | None
    weights_mode: Literal["int8-asym", "int8-sym", "int4-asym", "int4-sym"]
    group_size: int | None
    max_drop: float
    drop_type: Literal["absolute", "relative"]
    keep_names: tuple[str, ...]
    keep_types: tuple[str, ...]


class Labels(Frozen):
    """What is right for each sample: the numbers of its line, counted from 1, in the order of the samples' names."""

    source: PlannedSource
    calibration: tuple[int, ...]
    validation: tuple[int, ...]


class Decode(Frozen):
    """How an output is read: as a class, or as a text."""

    output: str
    kind: Literal["class", "ctc"]
    vocabulary: PlannedSource | None
    """What each place of the last axis stands for; None where a class is called by its number."""
    blank: int
    separator: str

    @property
    def reading(self) -> dict[str, Any]:
        """All that decides what is read."""
        vocabulary = None if self.vocabulary is None else self.vocabulary.digest
        return {**to_builtins(self), "vocabulary": vocabulary}


class Samples(Frozen):
    """The data: which samples calibrate, and which the gates run on. No sample does both.

    A sample is called by its file's path; one of several texts in a file is `PATH:NUMBER`, counted from 1.
    """

    source: PlannedSource
    own: PlannedSource | None = None
    """The function that gave them, and the files that it is made of; what it gave is the source."""
    input: str | None
    """None where files name their arrays themselves."""
    sample_rate: int | None
    tokenizer: PlannedSource | None
    token_types: str | None
    field: str | None
    repeated: int
    """How many texts are left out, as they have occurred before."""
    calibration: tuple[str, ...]
    validation: tuple[str, ...]
    labels: Labels | None = None

    @property
    def reading(self) -> dict[str, Any]:
        """All that decides what is read under a sample's name."""
        return {
            "input": self.input,
            "sample_rate": self.sample_rate,
            "token_types": self.token_types,
            "field": self.field,
            "digest": self.source.digest,
            "tokenizer": None if self.tokenizer is None else self.tokenizer.digest,
        }


class Limits(Protocol):
    """What a figure is held to."""

    @property
    def min(self) -> float | None: ...  # noqa: D102  as PlannedGate has them
    @property
    def max(self) -> float | None: ...  # noqa: D102
    @property
    def compared(self) -> str | None: ...  # noqa: D102


class PlannedGate(Frozen):
    """A gate, as the spec states it; what a metric has no use for is None."""

    metric: str
    output: str | None = None
    of: str | None = None
    against: str | None = None
    compared: str | None = None
    figure: str | None = None
    platform: str | None = None
    variant: str | None = None
    function: str | None = None
    own: PlannedSource | None = None
    """The files that the function is made of."""
    min: float | None = None
    max: float | None = None

    @property
    def is_budget(self) -> bool:
        """Whether it is on what the bundle costs, and of none of its models' answers."""
        return self.of is None

    @property
    def subject(self) -> str:
        """What the gate measures, without its limits."""
        if self.is_budget:
            where = f" in variant {self.variant}" if self.variant else ""
            figure = f", {self.figure}" if self.figure else ""
            return self.metric + (f" for NPU {self.platform}" if self.platform else "") + where + figure
        beside = self.against or ("the original" if self.compared == "with-original" else None)
        where = f" in variant {self.variant}" if self.variant else ""
        where = f", {self.output}{where}" if self.output else where
        return f"{self.function or self.metric} of {self.of}" + (f" against {beside}" if beside else "") + where

    @property
    def limits(self) -> str:
        """What passes, in words."""
        return limits_in_words(self.min, self.max, is_distance=self.compared == "with-original")


def task_key(row: Mapping[str, Any], of: str) -> tuple[str, str, str, str]:
    """Return what the figure of a task is found by: the metric, the output, the function, and the model it is of."""
    return row["metric"], row["output"] or "", row["function"] or "", of


_DIGITS = 12  # of a distance: shares of many samples differ before


def margin(limits: Limits, value: float, original: float | None) -> float:
    """Return how far a figure lies inside its limits; below 0 it doesn't, and NaN lies within none."""
    if isnan(value):
        return -inf
    if limits.compared == "with-original" and original is not None:
        value = round(value - original, _DIGITS)  # 0.02 - 0.015 is more than 0.005
    above = value - limits.min if limits.min is not None else inf
    below = limits.max - value if limits.max is not None else inf
    return min(above, below)


def limits_in_words(least: float | None, most: float | None, *, is_distance: bool = False) -> str:
    """Return what passes, in words; a distance is how much more one figure is than another."""
    bounds = ((least, "at least", "at most", "less"), (most, "at most", "at least", "more"))
    return " and ".join(
        _distance(limit, side, turned, wrong_way) if is_distance else f"{side} {_number(limit)}"
        for limit, side, turned, wrong_way in bounds
        if limit is not None
    )


def _distance(limit: float, side: str, turned: str, wrong_way: str) -> str:
    if not limit:
        return f"no {wrong_way}"
    return f"{side} {_number(limit)} more" if limit > 0 else f"{turned} {_number(-limit)} less"


def _number(value: float) -> str:
    """Return a number so that no two look alike: as short as it can be."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


class Waste(Frozen):
    """What padding costs in one dimension, counted from the spec's real lengths. Nothing is built of it."""

    dim: str
    digest: str
    """The SHA-256 of the lengths."""
    lengths: int
    """How many there are."""
    longer: int
    """Of these, longer than the largest size."""
    samples: tuple[int, ...]
    """How many are padded to each of the sizes, rising. What is longer fills the largest, or is refused."""
    padding: float
    """The share of all computed places that is padding."""
    padding_of_one: float
    """What it would be with the largest size alone."""


class BuiltMask(Frozen):
    """A mask input that the graph makes from the input `length`, which holds how many places of `side` are padding."""

    name: str
    length: str
    side: Literal["right", "left"]


class Selection(Frozen):
    """What the graph makes of the valid steps of an output, which the input `length` and `extent` say."""

    output: str
    kind: Literal["last-valid", "masked-mean", "zero-invalid"]
    extent: Extent
    length: str
    side: Literal["right", "left"]


class Rewrite(Frozen):
    """What the static variants' graphs have that the original hasn't."""

    lengths: tuple[LengthInput, ...]
    """Inputs of shape [batch, 1] that are added behind the model's own, where it has no length of that dimension."""
    masks: tuple[BuiltMask, ...]
    selects: tuple[Selection, ...]


def folds_of(original: Iterable[Input], program: Program) -> dict[str, Preprocess]:
    """Return the steps that are in the graph of what ships, by the names of its inputs.

    Args:
        original: what the model takes as it was published, with what is done before.
        program: the model as it ships.

    """
    outside = {port.name for port in program.inputs if isinstance(port, DataInput) and port.preprocess is not None}
    data = [port for port in original if isinstance(port, DataInput)]
    return {p.name: p.preprocess for p in data if p.preprocess is not None and p.name not in outside}


class PlannedStage(Frozen):
    """One step of `apply`. `digest` names its result: it covers the verb, the parameters and the inputs' digests."""

    name: str
    verb: Literal[
        "read",
        "quantize",
        "rank",
        "gain",
        "mix",
        "control",
        "shape",
        "compile",
        "ahead",
        "curve",
        "verify",
        "compare",
        "budget",
        "steady",
    ]
    inputs: tuple[str, ...]
    """Names of stages; their folders are handed over in this order."""
    parameters: dict[str, Any]
    digest: str
    on_failure: bool = False
    """Run only where a gate failed, to say why."""


class Plan(Frozen):
    """The concrete plan. Stages stand in the order in which they are run."""

    format: Literal[1] = 1
    toolchain: dict[str, str]
    model: PlannedSource
    samples: Samples | None
    program: Program
    """The model as it ships: rewritten, and with preprocessing in its graph."""
    original: tuple[Input, ...]
    """What the model takes as it was published, and what is done before."""
    rewrite: Rewrite
    layout: Literal["original"] = "original"
    """Outputs have the model's own order of axes, and so have inputs whose preprocessing isn't in the model."""
    batch_mode: BatchMode | None
    """Who makes inferences of a batch on an NPU; None where there is none."""
    recipe: Recipe
    gates: tuple[PlannedGate, ...]
    load: Load
    """How a session serves it."""
    cache: Literal["blob", "directory", "none"]
    core: tuple[PlannedProperty, ...]
    """Properties of OpenVINO itself."""
    platforms: tuple[str, ...]
    """NPUs that are compiled for ahead of time."""
    deployments: tuple[Deployment, ...]
    """The target first, then its fallbacks."""
    stages: tuple[PlannedStage, ...]
    settings: tuple[Setting, ...]
    """Every value of the spec, and every default, with its origin; sorted by path."""
    waste: tuple[Waste, ...] = ()
    """One for each dimension that has real lengths, sorted."""
    decodes: tuple[Decode, ...] = ()
    """One for each output that is read, sorted."""

    def encode(self) -> bytes:
        """Return the canonical JSON of this plan."""
        return canonical_json(to_builtins(self))

    @property
    def digest(self) -> str:
        """The SHA-256 of what is done, whoever said it: of the plan without its origins, and without real lengths."""
        plain = to_builtins(self)
        del plain["waste"]
        plain["settings"] = [s for s in plain["settings"] if not _LENGTHS.fullmatch(s["path"])]
        stated = [plain["settings"], plain["core"], *(deployment["properties"] for deployment in plain["deployments"])]
        for value in chain.from_iterable(stated):
            del value["origin"]
        return digest_json(plain)

    def stages_for(self, device: str) -> tuple[PlannedStage, ...]:
        """Return the stages that are run when the model is made for one of the devices."""
        return tuple(s for s in self.stages if s.parameters.get("device", device) == device)
