"""What the model and the samples themselves make doubtful, whatever the spec says."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.facts import Content, Signature
from npuspec.plan.model import Samples
from npuspec.plan.passes.keep import toml_subgraph
from npuspec.sources.kinds import PICTURE, suffix_of
from npuspec.spec import Spec, models
from npuspec.spec.rules.data import FEW

MODEL_DOUBTS = ("missing-model-type", "spectral-front-end")
SAMPLE_DOUBTS = ("constant-samples", "random-calibration")
STAGE_DOUBTS = ("one-bucket-calibration", "ruined-range")
"""What only a stage can find out."""
TRAPS = frozenset((*MODEL_DOUBTS, "random-calibration", *STAGE_DOUBTS))
"""What ruins a model without an error, so that nothing is made of a spec that doesn't allow it."""
_FEW = 6  # operations that are all named
_NAMED = 5  # samples
_USUAL = 500  # pictures that calibrate


def doubt_model(spec: Spec, signature: Signature, matched: Collection[str] = ()) -> list[Diagnostic]:
    """Say what 8 bits would ruin of the model without an error.

    Args:
        spec: the spec.
        signature: what is known of its model.
        matched: the operations that it keeps by patterns and subgraphs.

    """
    if not spec.quantization.is_calibrated:
        return []
    return [*_doubt_type(spec, signature), *_doubt_front_end(spec, signature, matched)]


def _doubt_type(spec: Spec, signature: Signature) -> Iterator[Diagnostic]:
    """A model with attention is quantized as a transformer."""
    if signature.attention and spec.quantization.model_type is None:
        message = 'the model has attention, and is quantized without model-type = "transformer"'
        help_ = (
            'add model-type = "transformer": without it such models lose most of their accuracy, and no error says so'
        )
        yield Diagnostic("missing-model-type", message, help_, severity=Severity.WARNING).at(("quantization",))


def _doubt_front_end(spec: Spec, signature: Signature, matched: Collection[str]) -> Iterator[Diagnostic]:
    """A spectrum stays floating point, unless what stays so is searched for."""
    recipe, front_end = spec.quantization, signature.front_end
    if front_end is None or recipe.mode == "mixed":
        return
    kept = {*recipe.keep.names, *matched}
    lost = [n for n, kind in front_end.operations.items() if n not in kept and kind not in recipe.keep.types]
    if not lost:
        return
    named = ", ".join(f"`{name}`" for name in lost[:_FEW])
    named += f" and {len(lost) - _FEW} more" if len(lost) > _FEW else ""
    message = f"the model makes a spectrum of its input in itself, and {named} of it would be quantized"
    help_ = f"a spectrum spans more than 8 bits hold: in [quantization.keep], subgraphs = [{toml_subgraph(front_end)}]"
    at = ("quantization", "keep") if "keep" in recipe.model_fields_set else ("quantization",)
    yield Diagnostic("spectral-front-end", message, help_, severity=Severity.WARNING).at(at)


def caught(spec: Spec, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the traps among the warnings that a spec doesn't allow, as the errors that they are where it is applied.

    Samples that aren't real do no harm where they neither calibrate nor decide a gate.
    """
    needs_samples = spec.quantization.is_calibrated or any(not isinstance(g, models.BudgetGate) for g in spec.gates)
    return tuple(
        replace(d, severity=Severity.ERROR, help=f"{d.help}; or allow it with a reason: [[allow]]")
        for d in diagnostics
        if d.code in TRAPS and d.severity is Severity.WARNING and (needs_samples or d.code not in SAMPLE_DOUBTS)
    )


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
