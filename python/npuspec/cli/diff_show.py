"""The difference of two plans, as text, as JSON, and as Markdown for a pull request."""

from collections.abc import Callable, Iterable

from npuspec.diagnostics.markdown import code
from npuspec.diagnostics.text import printable
from npuspec.plan.diff import Change, PlanDiff
from npuspec.plan.effects import Consequence
from npuspec.store import canonical_json

_SIGNS = {"new": "+", "gone": "-", "changed": "~"}
_SAME = "no changes"
_IDLE = "changes from which nothing follows"
_NEW = "new: there was no such spec before"


def diff_text(diff: PlanDiff, name: str) -> str:
    """Return the difference for a terminal: what changed, grouped by what follows, and why."""
    if not diff.changes:
        return printable(f"{name}: {_SAME}") + "\n"
    out = [f"{name}: {_verdict(diff)}"]
    width = max(len(change.what) for change in diff.changes)
    for consequences, changes in _groups(diff):
        out += ["", ", ".join(consequences)]
        for change in changes:
            out.append(f"  {_sign(change)} {change.what:{width}}  {_values(change)}")
            gone, new = change.items
            out += [*(f"      - {item}" for item in gone), *(f"      + {item}" for item in new)]
    if not diff.is_new:
        out += ["", *(reason.sentence for reason in diff.reasons if reason.consequence is not Consequence.NOTHING)]
    if diff.stages:
        out += ["", "stages", *(f"  {_SIGNS[stage.kind]} {stage.name}" for stage in diff.stages)]
    return "\n".join(printable(line).replace("\n", "\\n") for line in out).rstrip("\n") + "\n"


def diff_json(diff: PlanDiff, name: str) -> str:
    """Return the difference as JSON, with sorted keys.

    - `format`: 1. What a later version adds changes no key that is here.
    - `name`: how the later plan is called; `new`: whether there was none before.
    - `consequences`: all that follows, the least first: `nothing` alone, or of `reload`, `remeasure`, `recompile`,
      `requantize`, `interface changes`, `accuracy may change`.
    - `changes`: a list of `{what, before, after, consequences}`, sorted by `what`; null is what isn't stated.
    - `reasons`: a list of `{consequence, sentence}`, one for each consequence of a change.
    - `stages`: a list of `{name, kind}`, with `kind` one of `new`, `gone`, `changed`.
    """
    data = {
        "format": 1,
        "name": name,
        "new": diff.is_new,
        "consequences": [*diff.consequences],
        "changes": [
            {"what": c.what, "before": c.before, "after": c.after, "consequences": [*c.consequences]}
            for c in diff.changes
        ],
        "reasons": [{"consequence": r.consequence, "sentence": r.sentence} for r in diff.reasons],
        "stages": [{"name": stage.name, "kind": stage.kind} for stage in diff.stages],
    }
    return canonical_json(data).decode()


def diff_markdown(diff: PlanDiff, name: str) -> str:
    """Return the difference as a comment on a pull request; nothing in it that a spec says is read as Markdown."""
    out = [f"### npuspec: {code(name)}", ""]
    if not diff.changes:
        return "\n".join([*out, f"**{_SAME}**: the plans are the same."]) + "\n"
    out += [f"**{_verdict(diff)}**", "", "| | what | before | after | consequence |", "|---|---|---|---|---|"]
    rows = [(change, consequences) for consequences, changes in _groups(diff) for change in changes]
    out += [
        f"| {code(_sign(c))} | {code(c.what)} | {_cell(c, c.before)} | {_cell(c, c.after)} | {', '.join(follows)} |"
        for c, follows in rows
    ]
    if not diff.is_new:
        why = [reason for reason in diff.reasons if reason.consequence is not Consequence.NOTHING]
        out += ["", *(f"- {reason.beginning} {', '.join(map(code, reason.causes))}" for reason in why)]
    for change in diff.changes:
        gone, new = change.items
        items = [*(f"- {item}" for item in gone), *(f"+ {item}" for item in new)]
        out += _details(f"{code(change.what)}: {len(gone)} out, {len(new)} in", items) if items else []
    if diff.stages:
        lines = [f"{_SIGNS[stage.kind]} {stage.name}" for stage in diff.stages]
        out += _details(f"stages that differ: {len(lines)}", lines)
    return "\n".join(out) + "\n"


SHOWN: dict[str, Callable[[PlanDiff, str], str]] = {"text": diff_text, "json": diff_json, "markdown": diff_markdown}
"""The renderers by the names of their formats; each takes the difference and how the later plan is called."""


def _verdict(diff: PlanDiff) -> str:
    if diff.is_new:
        return _NEW
    return _IDLE if diff.consequences == (Consequence.NOTHING,) else ", ".join(diff.consequences)


def _groups(diff: PlanDiff) -> list[tuple[tuple[Consequence, ...], list[Change]]]:
    """Return the changes by what follows from them, the gravest first."""
    found: dict[tuple[Consequence, ...], list[Change]] = {}
    for change in diff.changes:
        found.setdefault(change.consequences, []).append(change)
    order = [*Consequence]
    return sorted(found.items(), key=lambda group: [-order.index(c) for c in reversed(group[0])])


def _sign(change: Change) -> str:
    return "+" if change.before is None else "-" if change.after is None else "~"


def _values(change: Change) -> str:
    stated = [change.shown(value) for value in (change.before, change.after) if value is not None]
    return " → ".join(stated)


def _details(summary: str, lines: Iterable[str]) -> list[str]:
    listed = [f"- {code(line)}" for line in lines]
    return ["", f"<details><summary>{summary}</summary>", "", *listed, "", "</details>"]


def _cell(change: Change, value: object) -> str:
    return "" if value is None else code(change.shown(value))
