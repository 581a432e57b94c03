"""What a device makes one operation of in a bundle's largest model, as a table has it."""

from npuspec.bundle import Bundle
from npuspec.child import ChildError, Progress
from npuspec.compilers import Compiler
from npuspec.diagnostics import NpuspecError
from npuspec.fusion import Asked, check_fusion
from npuspec.fusion.groups import Group, border_in_words, grouped
from npuspec.report.model import Chains, Fusion, Missing, Row, Verdict

_VERDICTS: dict[str, Verdict] = {"apart": "not fused", "fused": "fused", "unknown": "not judged"}
"""In the order in which they are told."""


def fusion_of(
    bundle: Bundle, progress: Progress, platform: str | None = None, compiler: Compiler | None = None
) -> Fusion | Missing:
    """Return what the CPU here fuses, or the compiler for a platform; whatever goes wrong leaves a report as it is."""
    asked = Asked.of_bundle(bundle, "CPU" if platform is None else "NPU", platform)
    try:
        found = check_fusion(asked, progress, compiler)
    except (NpuspecError, ChildError) as error:
        return Missing(error.diagnostics[0].message)
    groups = grouped(found.chains)
    return Fusion(
        device=found.device,
        variant=str(found.variant),
        estimated=found.estimated,
        us=found.whole_us,
        chains=tuple(
            _chains(group, told)
            for verdict, told in _VERDICTS.items()
            for group in groups
            if group.first.verdict == verdict
        ),
        borders=tuple(Row(border_in_words(border), border.advice) for border in found.borders),
    )


def _chains(group: Group, verdict: Verdict) -> Chains:
    first = group.first
    return Chains(
        chain=group.chain,
        count=len(group.chains),
        verdict=verdict,
        apart=group.apart,
        cause=first.cause or "",
        why=first.why,
        time=group.time if first.verdict == "apart" else "",
        share=group.share,
        advice=first.advice,
    )
