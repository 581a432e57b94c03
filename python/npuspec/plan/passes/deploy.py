"""Give each device its properties: the spec's where the device knows them, and stated defaults."""

from collections.abc import Iterable

from msgspec import convert

from npuspec.npu import BatchMode, ahead_of_time, batch_mode, property_table
from npuspec.npu.properties import Device
from npuspec.plan.model import Deployment, PlannedProperty
from npuspec.spec import Spec

_HINT = "PERFORMANCE_HINT"
_LATENCY = PlannedProperty(
    name=_HINT, value="LATENCY", scope="compile", origin="default: an inference takes one sample at a time"
)
_THROUGHPUT = PlannedProperty(
    name=_HINT, value="THROUGHPUT", scope="compile", origin="default: a batch is for throughput, not for latency"
)

_BYPASS = PlannedProperty(
    name="NPU_BYPASS_UMD_CACHING",
    value=True,
    scope="compile",
    origin="default: the driver needn't keep what npuspec keeps",
)


def plan_core(spec: Spec) -> tuple[PlannedProperty, ...]:
    """Return the properties of OpenVINO itself."""
    table = property_table()
    written = spec.properties.core.items()
    found = [PlannedProperty(name=table[key].name, value=value, scope="core", origin="spec") for key, value in written]
    return tuple(sorted(found, key=lambda p: p.name))


def plan_ahead(spec: Spec) -> dict[str, bool | int | float | str]:
    """Return the properties that a blob for an NPU is compiled with, whatever device is here."""
    return ahead_of_time({p.name: p.value for p in _deploy(spec, "NPU").properties})


def plan_batch_mode(spec: Spec, deployments: Iterable[Deployment]) -> BatchMode | None:
    """Return who makes inferences of a batch on an NPU: its plugin, unless the spec leaves that to the compiler.

    None where there is no batch, or no NPU is meant.
    """
    is_meant = spec.target.platforms or any(deployment.device == "NPU" for deployment in deployments)
    if spec.batching.size == 1 or not is_meant:
        return None
    return batch_mode(spec.properties.unchecked)


def plan_deployments(spec: Spec, only: str | None) -> tuple[Deployment, ...]:
    """Return the target and its fallbacks, or the one device that the caller insists on."""
    devices = (spec.target.device, *spec.target.fallback) if only is None else (only,)
    return tuple(_deploy(spec, device) for device in devices)


def _deploy(spec: Spec, device: str) -> Deployment:
    table = property_table()
    written = {key: table[key] for key in spec.properties.device}
    properties = [
        PlannedProperty(name=row.name, value=spec.properties.device[key], scope=row.scope, origin="spec")
        for key, row in written.items()
        if device in row.devices
    ]
    left_out = [key for key, row in written.items() if device not in row.devices]
    if device == spec.target.device:
        properties += [
            PlannedProperty(name=name, value=value, scope="compile", origin="spec, unchecked")
            for name, value in spec.properties.unchecked.items()
        ]
    else:
        left_out += spec.properties.unchecked
    named = {p.name for p in properties}
    if _HINT not in named:
        properties.append(_LATENCY if spec.batching.size == 1 else _THROUGHPUT)
    if device == "NPU" and spec.cache.kind != "none" and _BYPASS.name not in named:
        properties.append(_BYPASS)
    return Deployment(
        device=convert(device, Device),
        properties=tuple(sorted(properties, key=lambda p: p.name)),
        left_out=tuple(sorted(left_out)),
    )
