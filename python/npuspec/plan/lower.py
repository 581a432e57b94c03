"""The pure part of lowering: a spec, and everything that had to be found out about it, become a plan."""

from collections.abc import Iterator

from npuspec.bundle.program import Program
from npuspec.plan.model import Plan, PlannedGate, PlannedSource, Samples
from npuspec.plan.passes.deploy import plan_deployments
from npuspec.plan.passes.sample import plan_recipe
from npuspec.plan.passes.stage import plan_stages
from npuspec.spec import Spec
from npuspec.spec.models import Table


def lower(
    spec: Spec,
    program: Program,
    model: PlannedSource,
    samples: Samples | None,
    *,
    entry: str,
    toolchain: dict[str, str],
    device: str | None,
) -> Plan:
    """Return the plan.

    Args:
        spec: a valid spec.
        program: its inputs and outputs, bound to the model's.
        model: the model's files.
        samples: its data, split.
        entry: which of the model's files is read.
        toolchain: the versions that shape the result.
        device: instead of the spec's target and its fallbacks.

    """
    recipe = plan_recipe(spec)
    gates = tuple(PlannedGate(**gate.model_dump()) for gate in spec.gates)
    deployments = plan_deployments(spec, device)
    stages = plan_stages(
        toolchain=toolchain,
        model=model,
        entry=entry,
        samples=samples,
        program=program,
        recipe=recipe,
        gates=gates,
        cache=spec.cache.kind,
        deployments=deployments,
    )
    return Plan(
        toolchain=toolchain,
        model=model,
        samples=samples,
        program=program,
        recipe=recipe,
        gates=gates,
        cache=spec.cache.kind,
        deployments=deployments,
        stages=stages,
        origins=_origins(spec, device),
    )


def _origins(spec: Spec, device: str | None) -> dict[str, str]:
    """Return where values come from that aren't in the spec's own words."""
    origins = {".".join(path): "default" for path in _defaults(spec)}
    origins |= {"dims": "minimum: measured", "outputs": "extents: measured"}
    origins |= {f"outputs.{name}": "spec" for name, output in spec.outputs.items() if output.length is not None}
    if device is not None:
        origins["target"] = "the command line"
    return dict(sorted(origins.items()))


def _defaults(table: Table) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key that has a value without being written."""
    for field, info in type(table).model_fields.items():
        key, value = info.alias or field, getattr(table, field)
        if field not in table.model_fields_set and not isinstance(value, Table):
            if value is not None:
                yield (key,)
            continue
        for name, below in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(below, Table):
                yield from ((key, *([name] if name else []), *rest) for rest in _defaults(below))
