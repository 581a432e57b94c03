"""List every value of a spec with its origin: written by its author, left to a default, or overridden."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import structs

from npuspec.diagnostics.suggest import toml_key
from npuspec.plan.model import PlannedGate, Setting
from npuspec.spec import Spec
from npuspec.spec.models import Properties, Table

_LEFT_OUT = ("allow", "gates", "npuspec", "properties")
"""What changes nothing of what is done, and what is listed in a form of its own."""

COMMAND_LINE = "the command line"
CALLER = "the caller"
CALLER_INSTEAD = "the caller, instead of the spec"
OVERRIDES = (COMMAND_LINE, CALLER_INSTEAD)
"""The origins of what overrides the spec. Where a spec names no samples, the caller's override nothing."""

_OF_CALLER = ("data.input", "data.source")

_SETS = {
    ("batching", "candidates"),
    ("quantization", "keep", "names"),
    ("quantization", "keep", "patterns"),
    ("quantization", "keep", "subgraphs"),
    ("quantization", "keep", "types"),
    ("target", "platforms"),
}
"""Lists whose order means nothing."""


def trace_settings(spec: Spec, device: str | None, given: str | None = None) -> tuple[Setting, ...]:
    """Return the settings, sorted by path.

    Args:
        spec: a valid spec.
        device: overrides the target and its fallbacks.
        given: the origin of samples that aren't the spec's.

    """
    found = [s for s in _table(spec, ()) if s.path.split(".")[0] not in _LEFT_OUT]
    found += _properties(spec.properties)
    found += _gates(spec)
    if device is not None:
        forced = {"target.device": device, "target.fallback": []}
        found = [s for s in found if s.path not in forced]
        found += [Setting(path=path, value=value, origin=COMMAND_LINE) for path, value in forced.items()]
    if given is not None:
        found = [structs.replace(s, origin=given) if s.path in _OF_CALLER else s for s in found]
    return tuple(sorted(found, key=lambda setting: setting.path))


def _table(table: Table, at: tuple[str, ...]) -> Iterator[Setting]:
    """Yield the settings of a table and those below it; an optional value that isn't written is none."""
    for field, info in type(table).model_fields.items():
        value, path = getattr(table, field), (*at, info.alias or field)
        origin = "spec" if field in table.model_fields_set else "default"
        if isinstance(value, Table):
            yield from _table(value, path)
        elif isinstance(value, dict):
            for name, below in value.items():
                if isinstance(below, Table):
                    yield from _table(below, (*path, name))
        elif value is not None and not isinstance(value, Properties):
            plain = _plain(value)
            if path in _SETS:
                plain = [json.loads(item) for item in sorted({json.dumps(item, sort_keys=True) for item in plain})]
            yield Setting(path=_dotted(path), value=plain, origin=origin)


def _properties(properties: Properties) -> Iterator[Setting]:
    groups = {(): properties.device, ("core",): properties.core, ("unchecked",): properties.unchecked}
    for group, values in groups.items():
        for key, value in values.items():
            yield Setting(path=_dotted(("properties", *group, key)), value=value, origin="spec")


def _gates(spec: Spec) -> Iterator[Setting]:
    """Yield the gates' limits, each by what it measures, so that their order says nothing."""
    gates = plan_gates(spec)
    for name, gate in zip(gate_names(gates), gates, strict=True):
        yield Setting(path=f"gates[{name}]", value=gate.limits, origin="spec")


def gate_names(gates: tuple[PlannedGate, ...]) -> list[str]:
    """Return for each gate what it measures, told apart where two measure the same."""
    seen: Counter[str] = Counter()
    names = []
    for gate in gates:
        seen[gate.subject] += 1
        names.append(gate.subject + (f" (again, {seen[gate.subject]})" if seen[gate.subject] > 1 else ""))
    return names


def plan_gates(spec: Spec) -> tuple[PlannedGate, ...]:
    """Return the gates as the plan holds them: sorted by what they measure, since their order means nothing."""
    return tuple(sorted(written_gates(spec), key=lambda gate: (gate.subject, msgspec.json.encode(gate))))


def written_gates(spec: Spec) -> tuple[PlannedGate, ...]:
    """Return the gates in the order of the spec, which is that of their places in the text."""
    return tuple(PlannedGate(**gate.model_dump()) for gate in spec.gates)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(toml_key(part) for part in path)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, Table) else value
