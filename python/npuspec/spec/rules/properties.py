"""The device properties that a spec sets."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.npu import property_table
from npuspec.spec.models import Spec


def unknown_property(spec: Spec) -> Iterator[Diagnostic]:
    """Every property is one that the table knows, with a value that the device takes."""
    table = property_table()
    for key, value in spec.properties.device.items():
        at = ("properties", key)
        if (known := table.get(key)) is None:
            like_ours = key.lower().removeprefix("npu_").replace("_", "-")  # it may be OpenVINO's name
            help_ = did_you_mean(like_ours, table) or "`npuspec explain unknown-property` says which there are"
            yield Diagnostic("unknown-property", f"unknown property `{key}`", help_).at(at, part="key")
        elif fault := known.fault(value):
            yield Diagnostic("property-value", f"`{key}` {fault}", known.known).at(at)
        elif not {spec.target.device, *spec.target.fallback} & {*known.devices}:
            where = " and ".join(known.devices)
            yield Diagnostic("property-device", f"`{key}` is a property of {where} only", "take it out").at(
                at, part="key"
            )


def bypassed_driver_cache(spec: Spec) -> Iterator[Diagnostic]:
    """Bypassing the driver's cache is the opposite of what it is often recommended for."""
    if spec.properties.device.get("bypass-umd-caching") is True:
        message = "`bypass-umd-caching = true` switches the driver's cache off: repeated compilations become slower"
        fault = Diagnostic("cache-bypassed", message, "take it out", severity=Severity.WARNING)
        yield fault.at(("properties", "bypass-umd-caching"))
