"""What isn't as it was written down in a plan file or a lock, in the words of `npuspec diff`.

A plan may also differ where `diff` finds no changes: a default that is now stated gives another, which does the same.
"""

from collections.abc import Mapping
from typing import Any

from npuspec.plan.diff import Change, diff_plans, differing
from npuspec.plan.model import Plan

_ORIGINS = {"spec": "stated in the spec", "default": "left to its default"}


def plan_changes(before: Plan, after: Plan) -> list[str]:
    """Return one sentence a change; none means that the plans are the same."""
    if before.encode() == after.encode():
        return []
    changes = [change.sentence() for change in diff_plans(before, after).changes]
    return changes or origin_changes(_origins(before), _origins(after)) or _other_changes(before, after)


def value_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each value that is another, is new or is gone."""
    return [Change(what, old, new, ()).sentence() for what, old, new in differing(before, after)]


def origin_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return one sentence for each setting that is in both, and from elsewhere."""
    return [
        f"{path} was {_ORIGINS.get(was, f'from {was}')}, and is {_ORIGINS.get(now, f'from {now}')}, with the same value"
        for path, was in sorted(before.items())
        if (now := after.get(path, was)) != was
    ]


def _origins(plan: Plan) -> dict[str, str]:
    return {s.path: s.origin for s in plan.settings}


def _other_changes(before: Plan, after: Plan) -> list[str]:
    """Say where a plan differs that no spec gives: it was edited, or npuspec changed under the same version."""
    names = [f"`{name}`" for name in Plan.model_fields if getattr(before, name) != getattr(after, name)]
    return [f"it differs in {', '.join(names)}, though the spec, the sources and the tools are the same"]
