"""Everything that is known of a property, as text for people."""

import textwrap
from collections.abc import Mapping

from npuspec.npu.contradictions import contradictions
from npuspec.npu.properties import DeviceProperty, Value, property_key, property_table

_WIDTH = 100
_TYPES = {"other": "nothing that TOML can hold"}
_SCOPES = {
    "core": "core: holds for the whole process",
    "compile": "compile: given when a model is compiled",
    "run": "run: may also be changed on a compiled model",
}
_ASKED = {"core": "core: asked of the device", "run": "run: asked of a compiled model"}
_PHASES = {
    "both": "compilation and inference",
    "compile": "compilation",
    "run": "inference",
    "query": "none: only asked",
}


def explain_property(key: str) -> str | None:
    """Return what is known of a property, by the spec's key or OpenVINO's name in any case; None for no property."""
    known = property_key(key)
    if (row := property_table().get(known)) is None:
        return None
    facts = {
        "OpenVINO's name": row.name,
        "access": _access(row),
        "type": _TYPES.get(row.type, row.type),
        "values": _values(row),
        "default": _by_device(row, {device: _toml(value) for device, value in row.default.items()}) or "not known",
        "scope": (_ASKED if row.access == "read-only" else _SCOPES).get(row.scope, row.scope),
        "takes effect in": _PHASES[row.phase],
        "since": f"OpenVINO {row.since}" if row.since else "OpenVINO 2024.0 or earlier",
        "platforms": ", ".join(row.platforms) or "all",
        "devices": ", ".join(row.devices) or "none: it is a property of the core",
        "needs": row.needs or "nothing",
    }
    lines = [f"{name:<15}  {fact}" for name, fact in facts.items() if fact]
    pairs = [
        f"- {pair.first} with {pair.second}: {pair.why} ({pair.code})"
        for pair in contradictions()
        if known in (pair.first.key, pair.second.key)
    ]
    against = ["", "contradictions:", "", *(textwrap.fill(p, _WIDTH, subsequent_indent="  ") for p in pairs)]
    return "\n".join([known, "", *lines, "", textwrap.fill(row.known, _WIDTH), *(against if pairs else [])])


def _access(row: DeviceProperty) -> str:
    match row.access:
        case "read-only":
            return "read-only: OpenVINO tells it, and nobody sets it"
        case "npuspec":
            return f"set by npuspec itself; a spec states {row.instead}"
        case "unchecked":
            return "private to OpenVINO: only [properties.unchecked] takes it"
        case "spec":
            return "may be set in " + ("[properties.core]" if row.scope == "core" else "[properties]")


def _values(row: DeviceProperty) -> str:
    if row.values:
        return _by_device(row, {device: ", ".join(taken) for device, taken in row.values.items()})
    limits = (("at least", row.minimum), ("at most", row.maximum))
    return ", ".join(f"{word} {number}" for word, number in limits if number is not None)


def _by_device(row: DeviceProperty, facts: Mapping[str, str]) -> str:
    """Say once what is the same on all of the property's devices."""
    if len(set(facts.values())) == 1 and set(row.devices) <= facts.keys():
        return next(iter(facts.values()))
    return "; ".join(f"{device}: {fact}" for device, fact in facts.items())


def _toml(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "empty"
