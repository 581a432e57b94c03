"""Give each device its properties: the spec's where the device knows them, and stated defaults."""

from npuspec.npu import property_table
from npuspec.plan.model import Deployment, PlannedProperty
from npuspec.spec import Spec
from npuspec.spec.rules.properties import device_properties

_LATENCY = PlannedProperty(
    name="PERFORMANCE_HINT",
    value="LATENCY",
    scope="compile",
    origin="default: a session runs one sample at a time; without a hint the NPU plugin forces THROUGHPUT on a batch",
)


def plan_deployments(spec: Spec, only: str | None) -> tuple[Deployment, ...]:
    """Return the target and its fallbacks, or the one device that the caller insists on."""
    devices = (spec.target.device, *spec.target.fallback) if only is None else (only,)
    return tuple(_deploy(spec, device) for device in devices)


def _deploy(spec: Spec, device: str) -> Deployment:
    table = property_table()
    stated = device_properties(spec)
    written = {key: table[key] for key in stated}
    properties = [
        PlannedProperty(name=row.name, value=stated[key], scope=row.scope, origin="spec")
        for key, row in written.items()
        if device in row.devices
    ]
    if not any(p.name == _LATENCY.name for p in properties):
        properties.append(_LATENCY)
    left_out = sorted(key for key, row in written.items() if device not in row.devices)
    return Deployment(device=device, properties=sorted(properties, key=lambda p: p.name), left_out=left_out)
