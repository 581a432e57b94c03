"""How many samples one inference takes, and how that suits the target."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.npu import batch_mode
from npuspec.spec.models import Spec


def open_choices(spec: Spec) -> Iterator[Diagnostic]:
    """A plan holds one batch: of several candidates the spec says which is taken."""
    if spec.batching.candidates and "size" not in spec.batching.model_fields_set:
        listed = ", ".join(map(str, spec.batching.candidates))
        message = f"one of the batches {listed} must be chosen before anything can be planned"
        help_ = f"state the one that is taken: size = {spec.batching.candidates[0]}"
        yield Diagnostic("open-choice", message, help_).at(("batching", "candidates"), "none of them is chosen")


def chosen_candidate(spec: Spec) -> Iterator[Diagnostic]:
    """The batch that is taken is one of the candidates."""
    batching = spec.batching
    if batching.candidates and "size" in batching.model_fields_set and batching.size not in batching.candidates:
        message = f"`batching.size` is {batching.size}, which is none of the candidates"
        help_ = "take one of " + ", ".join(map(str, batching.candidates)) + ", or add it to them"
        yield Diagnostic("wrong-value", message, help_).at(("batching", "size"))


def split_batch(spec: Spec) -> Iterator[Diagnostic]:
    """The NPU's plugin takes a batch on axis 0 apart, and runs its samples one by one."""
    has_npu = "NPU" in (spec.target.device, *spec.target.fallback)
    if has_npu and spec.batching.size > 1 and batch_mode(spec.properties.unchecked) == "PLUGIN":
        message = f"the NPU's plugin splits a batch on axis 0: {spec.batching.size} inferences of one sample each"
        help_ = (
            'size = 1, or leave the batch to the compiler ([properties.unchecked] NPU_BATCH_MODE = "COMPILER"), unless '
            "a measurement on the device shows that it is quicker"
        )
        yield Diagnostic("split-batch", message, help_, severity=Severity.WARNING).at(("batching", "size"))


def latency_batch(spec: Spec) -> Iterator[Diagnostic]:
    """A batch is for throughput, and the hint for latency is for one sample."""
    if spec.batching.size > 1 and spec.properties.device.get("performance-hint") == "LATENCY":
        message = f'performance-hint = "LATENCY" contradicts a batch of {spec.batching.size}'
        help_ = 'performance-hint = "THROUGHPUT", or size = 1'
        fault = Diagnostic("latency-batch", message, help_, severity=Severity.WARNING)
        yield fault.at(("properties", "performance-hint")).at(("batching", "size"), "a batch is for throughput")
