"""Whether the variants that gates name are among those that the dimensions make."""

from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.plan.passes.bind import combinations, padded_dims, variant_name
from npuspec.spec import Spec, models


def check_gates(spec: Spec) -> list[Diagnostic]:
    """Return a fault for each gate on a variant that there won't be."""
    of_variants = (models.AgreementGate, models.BudgetGate)
    gates = [(i, g) for i, g in enumerate(spec.gates) if isinstance(g, of_variants) and g.variant is not None]
    names = [variant_name(sizes) for sizes in combinations(padded_dims(spec))] if gates else []
    return [
        Diagnostic(
            "unknown-variant", f"there is no variant `{gate.variant}`", did_you_mean(str(gate.variant), names)
        ).at(("gates", index, "variant"))
        for index, gate in gates
        if gate.variant not in names
    ]
