"""What the model and the samples themselves make doubtful, whatever the spec says."""

from collections.abc import Mapping
from itertools import chain

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.facts import Signature
from npuspec.plan.model import Samples
from npuspec.spec import Spec

MODEL_DOUBTS = ("missing-model-type",)
SAMPLE_DOUBTS = ("random-calibration",)


def doubt_model(spec: Spec, signature: Signature) -> list[Diagnostic]:
    """A model with attention is quantized as a transformer, or ruined without an error."""
    recipe = spec.quantization
    if not signature.attention or recipe.mode in ("none", "weights") or recipe.model_type is not None:
        return []
    message = 'the model has attention, and is quantized without model-type = "transformer"'
    help_ = 'add model-type = "transformer": without it such models lose most of their accuracy, and no error says so'
    fault = Diagnostic("missing-model-type", message, help_, severity=Severity.WARNING)
    return [fault.at(("quantization",))]


def doubt_samples(samples: Samples, noise: Mapping[str, str]) -> list[Diagnostic]:
    """Random numbers and constants in place of samples give ranges and figures that say nothing of the model in use.

    Args:
        samples: the data, split.
        noise: what those look like that don't look real, by their paths.

    """
    paths = [*chain(samples.calibration, samples.validation)]
    found = sorted(noise[path] for path in paths if path in noise)
    if 2 * len(found) < len(paths) or not found:
        return []
    key = "source" if samples.own is None else "function"
    message = f"{len(found)} of {len(paths)} samples look like {' and '.join(sorted(set(found)))}"
    help_ = "take samples of what the model will be given: with random ones the gates and the calibration mean nothing"
    return [Diagnostic("random-calibration", message, help_, severity=Severity.WARNING).at(("data", key))]
