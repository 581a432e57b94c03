"""The properties that a spec sets: their names, values, scopes, and what they mean together."""

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

from npuspec.diagnostics import Diagnostic, Path, Severity
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.npu import Contradiction, DeviceProperty, contradictions, property_key, property_table, retired
from npuspec.npu.contradictions import CACHE_KIND, PLATFORMS
from npuspec.spec.models import Spec

_DEVICE: Path = ("properties",)
_CORE: Path = ("properties", "core")
_UNCHECKED: Path = ("properties", "unchecked")
_Written = tuple[Path, str, DeviceProperty | None]
"""The table that a property is written in, its key as it is written, and its row."""
_OPENVINO = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_SWITCHES = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}


def unknown_property(spec: Spec) -> Iterator[Diagnostic]:
    """A property is written as the table has it."""
    for at, key, row in _written(spec):
        if row is None and retired(key) is None:
            settable = [k for k, known in property_table().items() if known.access == "spec" and _belongs(known, at)]
            help_ = did_you_mean(property_key(key), settable) or "what no table knows goes in [properties.unchecked]"
            yield Diagnostic("unknown-property", f"unknown property `{key}`", help_).at((*at, key), part="key")
        elif row is not None and row.access == "spec" and _belongs(row, at) and key not in property_table():
            ours = property_key(key)
            fault = Diagnostic("unknown-property", f"unknown property `{key}`", f"did you mean `{ours}`?")
            fault = fault.at((*at, key), part="key")
            is_only = [k for place, k, _ in _written(spec) if place == at and property_key(k) == ours] == [key]
            yield fault.mend((*at, key), "key", ours) if is_only else fault


def retired_name(spec: Spec) -> Iterator[Diagnostic]:
    """A name that is gone, or was never right, has something in its place."""
    for at, key, row in (*_written(spec), *_unchecked(spec)):
        if row is None and (gone := retired(key)) is not None:
            message = f"`{key}` is out of use: {gone.why}"
            yield Diagnostic("retired-name", message, f"in its place: {gone.instead}").at((*at, key), part="key")


def private_property(spec: Spec) -> Iterator[Diagnostic]:
    """What is private to OpenVINO isn't set in passing."""
    for at, key, row in _written(spec):
        if row is not None and row.access == "unchecked":
            message = f"`{key}` is private to OpenVINO, which may change it without notice"
            help_ = f"if it must be: `{row.name} = …` in [properties.unchecked]"
            yield Diagnostic("property-private", message, help_).at((*at, key), part="key")


def read_only_property(spec: Spec) -> Iterator[Diagnostic]:
    """What OpenVINO only tells is set nowhere."""
    for at, key, row in (*_written(spec), *_unchecked(spec)):
        if row is not None and row.access == "read-only":
            message = f"`{key}` can't be set: OpenVINO only tells it"
            yield Diagnostic("property-read-only", message, "take it out").at((*at, key), part="key")


def reserved_property(spec: Spec) -> Iterator[Diagnostic]:
    """What npuspec sets itself is stated in another place, if at all."""
    for at, key, row in (*_written(spec), *_unchecked(spec)):
        if row is not None and row.access == "npuspec":
            message = f"`{key}` is set by npuspec itself"
            yield Diagnostic("property-reserved", message, f"in its place: {row.instead}").at((*at, key), part="key")


def property_scope(spec: Spec) -> Iterator[Diagnostic]:
    """What is the core's stands in [properties.core], and nothing else does."""
    for at, key, row in _written(spec):
        if row is None or row.access != "spec" or _belongs(row, at) or row.name == "ENABLE_MMAP":
            continue
        is_core = row.scope == "core"
        owner, place = ("the core", "[properties.core]") if is_core else ("a device", "[properties]")
        message = f"`{key}` is a property of {owner}"
        help_ = f"write `{property_key(key)}` in {place}"
        yield Diagnostic("property-scope", message, help_).at((*at, key), part="key")


def mmap_on_device(spec: Spec) -> Iterator[Diagnostic]:
    """ENABLE_MMAP on a device is taken by OpenVINO, and changes nothing."""
    for at, key, row in _written(spec):
        if at == _DEVICE and row is not None and row.name == "ENABLE_MMAP":
            message = f"`{key}` on a device changes nothing: it is a property of the core, and on without being stated"
            fault = Diagnostic("mmap-on-device", message, "take it out; `false` is stated in [properties.core]")
            fault = fault.at((*at, key), part="key")
            yield fault.mend((*at, key), "entry") if spec.properties.device[key] is True else fault


def property_device(spec: Spec) -> Iterator[Diagnostic]:
    """One of the spec's devices knows the property."""
    for at, key, row in _settable(spec):
        if row.devices and not {*_devices(spec)} & {*row.devices}:
            message = f"`{key}` is a property of {' and '.join(row.devices)} only"
            yield Diagnostic("property-device", message, "take it out").at((*at, key), part="key")


def property_value(spec: Spec) -> Iterator[Diagnostic]:
    """A value is one that OpenVINO takes."""
    for at, key, row in _settable(spec):
        value = (spec.properties.device if at == _DEVICE else spec.properties.core)[key]
        if (wrong := row.fault(value, _devices(spec))) and not _is_precision(row, value):
            meant = _meant(row, value)
            help_ = f"write `{key} = {meant}`. {row.known}" if meant else row.known
            fault = Diagnostic("property-value", f"`{key}` {wrong}", help_).at((*at, key))
            yield fault.mend((*at, key), "value", meant) if meant else fault


def precision_refused(spec: Spec) -> Iterator[Diagnostic]:
    """Each device of the spec takes the precision, since each is given it."""
    for at, key, row in _settable(spec):
        value = spec.properties.device.get(key)
        if at == _DEVICE and _is_precision(row, value) and (refusing := row.refused_by(value, _devices(spec))):
            taken = "; ".join(
                f"{device} takes " + ", ".join(f"`{v}`" for v in row.values[device]) for device in refusing
            )
            message = f"the precision `{value}` is refused by {' and '.join(refusing)}"
            yield Diagnostic("precision-refused", message, f"{taken}. {row.known}").at((*at, key))


def unchecked_form(spec: Spec) -> Iterator[Diagnostic]:
    """What goes unchecked has at least the form of a property: OpenVINO's spelling, and one value."""
    for at, name, row in _unchecked(spec):
        if (row is not None and row.access != "unchecked") or retired(name) is not None:
            continue
        value, place = spec.properties.unchecked[name], (*at, name)
        if row is not None and name != row.name:
            message = f"`{name}` isn't how OpenVINO spells it, and would be unknown to it"
            yield Diagnostic("wrong-value", message, f"write `{row.name}`").at(place, part="key")
        elif not _OPENVINO.fullmatch(name):
            message = f"`{name}` isn't the name of a property as OpenVINO spells it"
            help_ = "at most 100 of the letters A to Z, digits and `_`, a letter first"
            yield Diagnostic("wrong-value", message, help_).at(place, part="key")
        elif not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not isfinite(value)):
            message = f"`{name}` must be a boolean, a number or a string"
            yield Diagnostic("property-value", message, "one value, as OpenVINO takes it").at(place)
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield Diagnostic("property-value", f"`{name}` has more than 64 bits", "state a smaller number").at(place)


def known_unchecked(spec: Spec) -> Iterator[Diagnostic]:
    """The way around the table is for what the table doesn't know."""
    for at, name, row in _unchecked(spec):
        if row is not None and row.access == "spec":
            place = "[properties.core]" if row.scope == "core" else "[properties]"
            message = f"`{name}` is known, and needn't go unchecked"
            help_ = f"write `{property_key(name)}` in {place}"
            yield Diagnostic("known-unchecked", message, help_).at((*at, name), part="key")


def turbo_sequential(spec: Spec) -> Iterator[Diagnostic]:
    """Turbo isn't asked for where the Linux driver drops it."""
    for pair in _broken(spec, "turbo-sequential"):
        fault = Diagnostic("turbo-sequential", _message(pair), pair.help, severity=Severity.WARNING)
        yield _labelled(spec, pair, fault)


def redundant_bypass(spec: Spec) -> Iterator[Diagnostic]:
    """A cache that isn't used anyway needn't be bypassed; said once, whatever the reasons."""
    for pair in _broken(spec, "redundant-bypass")[:1]:
        message = f"`{pair.first.key}` changes nothing here: {pair.why}"
        fault = Diagnostic("redundant-bypass", message, pair.help, severity=Severity.WARNING)
        yield _labelled(spec, pair, fault).mend(_place(pair.first.key), "entry")


def contradictory_properties(spec: Spec) -> Iterator[Diagnostic]:
    """Two settings don't contradict each other."""
    for pair in _broken(spec, "contradictory-properties"):
        yield _labelled(spec, pair, Diagnostic("contradictory-properties", _message(pair), pair.help))


def doubtful_properties(spec: Spec) -> Iterator[Diagnostic]:
    """Neither of two settings makes the other idle, or depends on what can't be known here."""
    for pair in _broken(spec, "doubtful-properties"):
        fault = Diagnostic("doubtful-properties", _message(pair), pair.help, severity=Severity.WARNING)
        yield _labelled(spec, pair, fault)


def bypassed_driver_cache(spec: Spec) -> Iterator[Diagnostic]:
    """Bypassing the driver's cache is the opposite of what it is often recommended for."""
    bypasses = spec.properties.device.get("bypass-umd-caching") is True
    if bypasses and not _broken(spec, "redundant-bypass"):
        message = "`bypass-umd-caching = true` switches the driver's cache off: repeated compilations become slower"
        fault = Diagnostic("cache-bypassed", message, "take it out", severity=Severity.WARNING)
        yield fault.at(("properties", "bypass-umd-caching"))


def _written(spec: Spec) -> Iterator[_Written]:
    """Give each property of [properties] and [properties.core], and what is known of it however it is spelt."""
    for at, properties in ((_DEVICE, spec.properties.device), (_CORE, spec.properties.core)):
        for key in properties:
            yield at, key, property_table().get(key) or property_table().get(property_key(key))


def _unchecked(spec: Spec) -> Iterator[_Written]:
    """Give each name of [properties.unchecked], and what is known of it."""
    for name in spec.properties.unchecked:
        yield _UNCHECKED, name, property_table().get(property_key(name))


def _settable(spec: Spec) -> Iterator[tuple[Path, str, DeviceProperty]]:
    """Give each property that is spelt right, that a spec may set, and that is in its place."""
    for at, key, row in _written(spec):
        if row is not None and row.access == "spec" and _belongs(row, at) and key in property_table():
            yield at, key, row


def _belongs(row: DeviceProperty, at: Path) -> bool:
    return (row.scope == "core") is (at == _CORE)


def _devices(spec: Spec) -> tuple[str, ...]:
    return (spec.target.device, *spec.target.fallback)


def _broken(spec: Spec, code: str) -> list[Contradiction]:
    """Return the contradictions of a code that the spec has; the first of each pair is a property."""
    if not (properties := spec.properties.device):
        return []
    stated = {**properties, CACHE_KIND: spec.cache.kind, PLATFORMS: spec.target.platforms}
    return [pair for pair in contradictions() if pair.code == code and pair.holds(stated, _devices(spec))]


def _message(pair: Contradiction) -> str:
    second = {CACHE_KIND: "`kind` of [cache]", PLATFORMS: "`platforms` of [target]"}
    other = second.get(pair.second.key, f"`{pair.second.key}`")
    return f"`{pair.first.key}` and {other} don't go together: {pair.why}"


def _labelled(spec: Spec, pair: Contradiction, fault: Diagnostic) -> Diagnostic:
    """Point at both settings, where both are written."""
    fault = fault.at(_place(pair.first.key))
    is_default = pair.second.key == CACHE_KIND and "kind" not in spec.cache.model_fields_set
    return fault if is_default else fault.at(_place(pair.second.key), "together with this")


def _place(key: str) -> Path:
    return tuple(key.split(".")) if key in (CACHE_KIND, PLATFORMS) else ("properties", key)


def _is_precision(row: DeviceProperty, value: Any) -> bool:
    """Tell whether this is a precision that some device takes, or might: what is refused is the device's matter."""
    return row.name == "INFERENCE_PRECISION_HINT" and value in row.listed()


def _meant(row: DeviceProperty, value: Any) -> str:
    """Return, as TOML, the one value that a wrong one can mean; "" if that is a guess."""
    if not isinstance(value, str):
        return ""
    if row.type == "boolean":
        return _SWITCHES.get(value.lower(), "")
    same = [known for known in row.listed() if known.lower() == value.lower()]
    return json.dumps(same[0]) if len(same) == 1 else ""
