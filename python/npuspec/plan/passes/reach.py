"""What a spec may say and this version only checks, plans and compares.

`apply` refuses it, so that nothing is passed over.
"""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Path, Severity
from npuspec.spec import Spec, models


def beyond_reach(spec: Spec) -> list[Diagnostic]:
    """Return a note for each value that isn't executed yet."""
    return [
        Diagnostic(
            "not-executed",
            f"{what} can be checked, planned and compared, but this version can't execute it",
            "`npuspec apply` refuses the spec as long as it stands here",
            severity=Severity.NOTE,
        ).at(path)
        for path, what in _gates(spec)
    ]


def _gates(spec: Spec) -> Iterator[tuple[Path, str]]:
    for index, gate in enumerate(spec.gates):
        if isinstance(gate, models.BudgetGate):
            yield ("gates", index, "metric"), f"a gate on `{gate.metric}`"
