"""What the model and the samples themselves make doubtful, whatever the spec says."""

from itertools import chain

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.facts import Content, Signature
from npuspec.plan.model import Samples
from npuspec.sources.kinds import PICTURE, suffix_of
from npuspec.spec import Spec
from npuspec.spec.rules.data import FEW

MODEL_DOUBTS = ("missing-model-type",)
SAMPLE_DOUBTS = ("constant-samples", "random-calibration")

_NAMED = 5  # samples
_USUAL = 500  # pictures that calibrate


def doubt_model(spec: Spec, signature: Signature) -> list[Diagnostic]:
    """A model with attention is quantized as a transformer, or ruined without an error."""
    recipe = spec.quantization
    if not signature.attention or recipe.mode in ("none", "weights") or recipe.model_type is not None:
        return []
    message = 'the model has attention, and is quantized without model-type = "transformer"'
    help_ = 'add model-type = "transformer": without it such models lose most of their accuracy, and no error says so'
    fault = Diagnostic("missing-model-type", message, help_, severity=Severity.WARNING)
    return [fault.at(("quantization",))]


def doubt_samples(samples: Samples, content: Content) -> list[Diagnostic]:
    """Random numbers and constants in place of samples give ranges and figures that say nothing of the model in use.

    Args:
        samples: the data, split.
        content: what is in their files.

    """
    paths = [*chain(samples.calibration, samples.validation)]
    faults = []
    kinds = sorted(content.noise[path] for path in paths if path in content.noise)
    if kinds and 2 * len(kinds) >= len(paths):
        message = f"{len(kinds)} of {len(paths)} samples look like {' and '.join(sorted(set(kinds)))}"
        help_ = "take samples of what the model will be given: with random ones calibration and gates mean nothing"
        faults.append(Diagnostic("random-calibration", message, help_, severity=Severity.WARNING))
    if constant := sorted({*content.constant} & {*paths}):
        more = f" and {len(constant) - _NAMED} more" if len(constant) > _NAMED else ""
        named = ", ".join(f"`{path}`" for path in constant[:_NAMED]) + more
        message = f"{len(constant)} of {len(paths)} samples are one value over and over: {named}"
        help_ = "take out silence and pictures of one colour; or allow this with the reason"
        faults.append(Diagnostic("constant-samples", message, help_, severity=Severity.WARNING))
    key = "source" if samples.own is None else "function"
    return [fault.at(("data", key)) for fault in faults] + _few_pictures(samples)


def _few_pictures(samples: Samples) -> list[Diagnostic]:
    """What small-calibration isn't said of may still be few for pictures, which differ more than other samples."""
    count = len(samples.calibration)
    if not FEW <= count < _USUAL or suffix_of(samples.calibration[0]) not in PICTURE:
        return []
    message = f"{count} pictures calibrate, and 500 to 1000 are usual for images"
    help_ = "samples = 500, if there are as many and some are left for the gates"
    return [Diagnostic("few-pictures", message, help_, severity=Severity.NOTE).at(("quantization",))]
