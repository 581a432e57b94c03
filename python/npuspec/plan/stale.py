"""What changed between a plan that was written down and the one that is lowered now, in sentences for a review."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from npuspec.plan.model import Plan, PlannedSource

Settings = Mapping[str, tuple[Any, str]]
"""Path to value and origin."""

_ORIGINS = {"spec": "stated in the spec", "default": "left to its default"}


def what_changed(before: Plan, after: Plan) -> list[str]:
    """Return one sentence a change; none means that the plans are the same."""
    if before.encode() == after.encode():
        return []
    changes = [
        *source_changes("model", _identity(before.model), _identity(after.model)),
        *source_changes("data", _identity(_data(before)), _identity(_data(after))),
        *version_changes(before.toolchain, after.toolchain),
        *setting_changes(settings_of(before), settings_of(after)),
    ]
    return changes or _other_changes(before, after)


def settings_of(plan: Plan) -> Settings:
    """Return a plan's settings by their paths."""
    return {s.path: (s.value, s.origin) for s in plan.settings}


def source_changes(what: str, before: tuple[str, int] | None, after: tuple[str, int] | None) -> Iterator[str]:
    """Yield the change of a model or of data, each given as its digest and its number of files."""
    if before == after:
        return
    if before is None or after is None:
        yield f"{what}: {'there were none' if before is None else 'there are none any more'}"
        return
    (old, files), (new, files_now) = before, after
    count = f", from {files} to {files_now} files" if files != files_now else ""
    yield f"{what}: from sha256 {old[:12]} to {new[:12]}{count}"


def version_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield the tools whose versions differ."""
    for tool in sorted(before.keys() | after.keys()):
        old, new = before.get(tool) or "none", after.get(tool) or "none"
        if old != new:
            yield f"{tool}: from {old} to {new}"


def setting_changes(before: Settings, after: Settings) -> Iterator[str]:
    """Yield the settings that have another value, or the same from elsewhere."""
    for path in sorted(before.keys() | after.keys()):
        if path not in before:
            yield f"{path}: {_shown(after[path][0])}, which wasn't stated before"
        elif path not in after:
            yield f"{path}: no longer stated, was {_shown(before[path][0])}"
        elif (old := _shown(before[path][0])) != (new := _shown(after[path][0])):
            yield f"{path}: from {old} to {new}"
        elif (was := before[path][1]) != (now := after[path][1]):
            yield f"{path}: {new} was {_ORIGINS.get(was, f'from {was}')}, and is {_ORIGINS.get(now, f'from {now}')}"


def _other_changes(before: Plan, after: Plan) -> list[str]:
    """Say what differs where every input is the same: npuspec itself was changed under the same version."""
    old = {s.name: s.digest for s in before.stages}
    new = {s.name: s.digest for s in after.stages}
    stages = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    if stages:
        return [f"stages with other results: {', '.join(stages)}"]
    return [f"the plan: from digest {before.digest[:12]} to {after.digest[:12]}"]


def _data(plan: Plan) -> PlannedSource | None:
    return None if plan.samples is None else plan.samples.source


def _identity(source: PlannedSource | None) -> tuple[str, int] | None:
    return None if source is None else (source.digest, len(source.files))


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
