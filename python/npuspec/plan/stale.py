"""What isn't as it was written down in a plan file or a lock, in the words of `npuspec diff`."""

from collections.abc import Mapping
from typing import Any

from npuspec.plan.diff import Change, diff_plans, differing
from npuspec.plan.model import Plan


def plan_changes(before: Plan, after: Plan) -> list[str]:
    """Return one sentence a change; none means that the plans are the same."""
    if before.digest == after.digest:
        return []
    return [change.sentence() for change in diff_plans(before, after).changes] or _other_changes(before, after)


def value_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each value that is another, is new or is gone."""
    return [Change(what, old, new, ()).sentence() for what, old, new in differing(before, after)]


def _other_changes(before: Plan, after: Plan) -> list[str]:
    """Say where a plan differs that no spec gives: it was edited, or npuspec changed under the same version."""
    names = [f"`{name}`" for name in Plan.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    return [f"it differs in {', '.join(names)}, though the spec, the sources and the tools are the same"]
