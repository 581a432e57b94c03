"""What the model and the samples themselves make doubtful, whatever the spec says."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.facts import Signature
from npuspec.plan.model import Samples
from npuspec.plan.passes.keep import toml_subgraph
from npuspec.spec import Spec, models

MODEL_DOUBTS = ("missing-model-type", "spectral-front-end")
SAMPLE_DOUBTS = ("random-calibration",)
STAGE_DOUBTS = ("one-bucket-calibration", "ruined-range")
"""What only a stage can find out."""
TRAPS = frozenset((*MODEL_DOUBTS, *SAMPLE_DOUBTS, *STAGE_DOUBTS))
"""What ruins a model without an error, so that nothing is made of a spec that doesn't allow it."""
_FEW = 6  # operations that are all named


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
    message = f"{len(found)} of {len(paths)} samples look like {' and '.join(sorted(set(found)))}"
    help_ = "take samples of what the model will be given: with random ones the gates and the calibration mean nothing"
    return [Diagnostic("random-calibration", message, help_, severity=Severity.WARNING).at(("data", "source"))]
