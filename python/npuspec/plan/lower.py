"""The pure part of lowering: a spec, and everything that had to be found out about it, become a plan."""

from collections.abc import Iterable, Mapping

from msgspec import structs

from npuspec.bundle.program import Load, Program
from npuspec.plan.model import Decode, Plan, PlannedSource, Samples, Waste
from npuspec.plan.passes.deploy import plan_ahead, plan_batch_mode, plan_core, plan_deployments
from npuspec.plan.passes.fold import fold_preprocess
from npuspec.plan.passes.preprocess import plan_layouts
from npuspec.plan.passes.rewrite import plan_rewrite, rewritten
from npuspec.plan.passes.sample import plan_recipe
from npuspec.plan.passes.stage import Work, plan_stages
from npuspec.plan.passes.trace import plan_gates, trace_settings
from npuspec.spec import Spec


def lower(
    spec: Spec,
    program: Program,
    model: PlannedSource,
    samples: Samples | None,
    *,
    entry: str,
    toolchain: dict[str, str],
    device: str | None,
    waste: tuple[Waste, ...] = (),
    code: Mapping[str, PlannedSource] | None = None,
    given: str | None = None,
    decodes: tuple[Decode, ...] = (),
    matched: Iterable[str] = (),
) -> Plan:
    """Return the plan.

    Args:
        spec: a valid spec.
        program: its inputs and outputs, bound to those of the model as it was published.
        model: the model's files.
        samples: its data, split.
        entry: which of the model's files is read.
        toolchain: the versions that shape the result.
        device: instead of the spec's target and its fallbacks.
        waste: what its real lengths show.
        code: the files that each of its own functions is made of.
        given: the origin of samples that aren't the spec's.
        decodes: how its outputs are read.
        matched: operations that stay floating point by a pattern or as part of a subgraph.

    """
    recipe = plan_recipe(spec, matched)
    gates = tuple(structs.replace(gate, own=(code or {}).get(str(gate.function))) for gate in plan_gates(spec))
    core = plan_core(spec)
    deployments = plan_deployments(spec, device)
    rewrite = plan_rewrite(spec, program)
    free = rewritten(program, rewrite)
    shipped = fold_preprocess(spec, free)
    load = Load(
        requests=spec.load.requests,
        queue=spec.load.queue,
        batch_wait_ms=spec.load.batch_wait_ms,
        warm=spec.load.warm,
    )
    work = Work(
        toolchain=toolchain,
        model=model,
        entry=entry,
        samples=samples,
        program=shipped,
        free=free,
        original=program,
        rewrite=rewrite,
        recipe=recipe,
        gates=gates,
        decodes=decodes,
        layouts=plan_layouts(spec, shipped),
        cache=spec.cache.kind,
        load=load,
        core={p.name: p.value for p in core},
        deployments=deployments,
        platforms=tuple(sorted(spec.target.platforms)),
        ahead=plan_ahead(spec),
    )
    return Plan(
        toolchain=toolchain,
        model=model,
        samples=samples,
        program=shipped,
        original=program.inputs,
        rewrite=rewrite,
        batch_mode=plan_batch_mode(spec, deployments),
        recipe=recipe,
        gates=gates,
        load=load,
        cache=spec.cache.kind,
        core=core,
        platforms=work.platforms,
        deployments=deployments,
        stages=plan_stages(work),
        settings=trace_settings(spec, device, given),
        waste=waste,
        decodes=decodes,
    )
