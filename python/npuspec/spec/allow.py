"""Warnings that the author of a spec has seen and wants: they are left out, and what is allowed in vain is said."""

from collections.abc import Collection

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.spec.models import Spec


def apply_allowances(
    spec: Spec, diagnostics: list[Diagnostic], *, unknowable: Collection[str] = ()
) -> list[Diagnostic]:
    """Return the diagnostics without the warnings that are allowed, and with the faults of the allowances.

    Args:
        spec: the spec.
        diagnostics: everything that was found.
        unknowable: codes that couldn't be looked for, since the model or the data aren't here.

    """
    if not spec.allow:
        return diagnostics
    met = {d.code for d in diagnostics if d.severity is Severity.WARNING}
    return without_allowed(spec, diagnostics) + _faults(spec, met | set(unknowable))


def without_allowed(spec: Spec, diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics without the warnings that are allowed."""
    allowed = {allowance.code for allowance in spec.allow}
    return [d for d in diagnostics if d.severity is not Severity.WARNING or d.code not in allowed]


def _faults(spec: Spec, met: Collection[str]) -> list[Diagnostic]:
    from npuspec.diagnostics.codes import CODES  # noqa: PLC0415  long texts, of use to few specs

    warnings = [code for code, doc in CODES.items() if doc.severity is Severity.WARNING]
    faults = []
    seen: set[str] = set()
    for index, allowance in enumerate(spec.allow):
        at = ("allow", index, "code")
        if allowance.code not in CODES:
            message = f"no diagnostic is called `{allowance.code}`"
            faults.append(Diagnostic("unknown-code", message, did_you_mean(allowance.code, warnings)).at(at))
        elif allowance.code not in warnings:
            message = f"`{allowance.code}` is no warning, and can't be allowed"
            faults.append(Diagnostic("not-allowable", message, f"npuspec explain {allowance.code}").at(at))
        elif allowance.code not in met or allowance.code in seen:
            message = f"nothing here has to be allowed as `{allowance.code}`"
            fault = Diagnostic("unused-allowance", message, "take it out", severity=Severity.WARNING)
            faults.append(fault.at(at).mend(("allow", index), "entry"))
        seen.add(allowance.code)
    return faults
