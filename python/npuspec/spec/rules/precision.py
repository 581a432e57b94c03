"""What a search for a precision is guided by, and how weights are grouped."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.spec.models import ACCURACIES, BudgetGate, Gate, Spec


def ungated_quantization(spec: Spec) -> Iterator[Diagnostic]:
    """A model that was quantized and isn't held to anything may be ruined."""
    mode = spec.quantization.mode
    if mode in ("none", "mixed", "accuracy-control") or any(_is_of_quantized(gate) for gate in spec.gates):
        return
    message = "no gate holds what quantization costs: a ruined model would be made into a bundle"
    help_ = 'add one: [[gates]] with of = "quantized"'
    fault = Diagnostic("ungated-quantization", message, help_, severity=Severity.WARNING)
    yield fault.at(("quantization", "mode"))


def _is_of_quantized(gate: Gate) -> bool:
    """Tell whether a gate holds what quantization costs, and not only what neighbours in a batch do."""
    of = ("quantized", "batched")
    return not isinstance(gate, BudgetGate) and gate.of in of and getattr(gate, "against", None) != "quantized"


def goal_of_search(spec: Spec) -> Iterator[Diagnostic]:
    """What stays floating point is chosen by the gates on what is quantized."""
    mode = spec.quantization.mode
    gates = [gate for gate in spec.gates if _is_of_quantized(gate)]
    if mode == "mixed" and not gates:
        message = 'mode = "mixed" keeps in floating point what the gates need, and none is on the quantized model'
        help_ = 'add one: [[gates]] with of = "quantized"'
        yield Diagnostic("no-goal", message, help_).at(("quantization", "mode"))
    if mode == "accuracy-control" and not any(gate.metric in ACCURACIES for gate in gates):
        message = 'mode = "accuracy-control" needs an accuracy, and no gate on the quantized model measures one'
        help_ = f'add one: [[gates]] with of = "quantized" and a metric of {", ".join(ACCURACIES)}'
        yield Diagnostic("no-goal", message, help_).at(("quantization", "mode"))


def group_of_int4(spec: Spec) -> Iterator[Diagnostic]:
    """Weights in 8 bits have a scale for each channel; in 4 bits, for a group of them."""
    recipe = spec.quantization
    if recipe.mode != "weights" or recipe.group_size is None:
        return
    at = ("quantization", "group-size")
    if not recipe.weights_mode.startswith("int4"):
        message = f'`group-size` does nothing with weights-mode = "{recipe.weights_mode}": a channel shares a scale'
        fault = Diagnostic("idle-quantization", message, 'weights-mode = "int4-sym", or take it out')
        yield fault.at(at, part="key")
    elif recipe.group_size == 0:
        message = "a group of 0 weights has no scale"
        yield Diagnostic("wrong-value", message, "group-size = 128, or -1 for a whole channel").at(at)
