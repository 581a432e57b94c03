"""Gates on what the model costs: of a platform that is compiled for, and estimated only where a compiler does that."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Path
from npuspec.spec.models import ESTIMATED, BudgetGate, Spec


def platform_of_budget(spec: Spec) -> Iterator[Diagnostic]:
    """A platform's budget is of what is compiled for it."""
    for at, gate in _budgets(spec):
        if gate.platform is not None and gate.platform not in spec.target.platforms:
            message = f"nothing is compiled for NPU {gate.platform}: it isn't among the `platforms` of [target]"
            listed = ", ".join(f'"{npu}"' for npu in sorted({*spec.target.platforms, gate.platform}))
            yield Diagnostic("wrong-value", message, f"in [target], platforms = [{listed}]").at((*at, "platform"))


def figure_of_budget(spec: Spec) -> Iterator[Diagnostic]:
    """An estimate is of one platform, and of what a compiler expects."""
    for at, gate in _budgets(spec):
        if gate.figure == "estimated" and gate.metric not in ESTIMATED:
            message = f"no compiler estimates `{gate.metric}`"
            help_ = f"take `figure` out: it is measured; what is estimated is {' and '.join(ESTIMATED)}"
            yield Diagnostic("wrong-value", message, help_).at((*at, "figure"))
        elif gate.figure == "estimated" and gate.platform is None:
            message = "`platform` is missing: the NPU that is estimated"
            yield Diagnostic("missing-key", message, 'platform = "4000", one of `target.platforms`').at(at)


def variant_of_budget(spec: Spec) -> Iterator[Diagnostic]:
    """A start is of the whole bundle."""
    for at, gate in _budgets(spec):
        if gate.metric == "start-ms" and gate.variant is not None:
            message = "`variant` does nothing for `start-ms`: all variants are loaded"
            yield Diagnostic("idle-key", message, "take it out").at((*at, "variant"), part="key")


def _budgets(spec: Spec) -> Iterator[tuple[Path, BudgetGate]]:
    for index, gate in enumerate(spec.gates):
        if isinstance(gate, BudgetGate):
            yield ("gates", index), gate
