"""Lay out the stages, each with the digest that names its result."""

from typing import Any

from npuspec.bundle.program import Program
from npuspec.plan.model import Deployment, PlannedGate, PlannedSource, PlannedStage, Recipe, Rewrite, Samples
from npuspec.plan.passes.task import METRIC_TOOLS
from npuspec.store import digest_json

_FORMAT = 2  # of the stages' results: raised when a stage does its work differently


def plan_stages(
    *,
    toolchain: dict[str, str],
    model: PlannedSource,
    entry: str,
    samples: Samples | None,
    program: Program,
    original: Program,
    rewrite: Rewrite,
    recipe: Recipe,
    gates: tuple[PlannedGate, ...],
    tasks: dict[str, Any],
    layouts: dict[str, str],
    cache: str,
    core: dict[str, bool | int | float | str],
    deployments: tuple[Deployment, ...],
) -> tuple[PlannedStage, ...]:
    """Return the stages in the order in which they are run.

    read -> shape[variant] -> quantize[variant] -> compile[device, variant] -> verify[device]
    """
    stages: dict[str, PlannedStage] = {}
    made_with = {tool: version for tool, version in toolchain.items() if tool not in METRIC_TOOLS}
    shared = {"format": _FORMAT, "toolchain": made_with}

    def add(name: str, verb: Any, inputs: tuple[str, ...], **parameters: Any) -> str:
        key = {**shared, "verb": verb, "inputs": [stages[i].digest for i in inputs], "parameters": parameters}
        stages[name] = PlannedStage(name=name, verb=verb, inputs=inputs, parameters=parameters, digest=digest_json(key))
        return name

    read = add("read", "read", (), model=model.digest, entry=entry)
    feed = program.model_dump(mode="json", exclude={"variants"})
    inputs = [port.model_dump(mode="json") for port in original.inputs]
    changes: dict[str, Any] = {}
    if rewrite.masks or rewrite.selects:
        changes = {"original": inputs, "rewrite": rewrite.model_dump(mode="json")}
    static: dict[str, str] = {}
    final: dict[str, str] = {}
    for published, variant in zip(original.variants, program.variants, strict=True):
        name, shape = f"shape[{variant.name}]", published.model_dump(mode="json")
        static[variant.name] = final[variant.name] = add(
            name, "shape", (read,), variant=shape, layouts=layouts, **changes
        )
        if recipe.mode != "none" and samples is not None:
            final[variant.name] = add(
                f"quantize[{variant.name}]",
                "quantize",
                (static[variant.name],),
                variant=variant.model_dump(mode="json"),
                program=feed,
                recipe=recipe.model_dump(mode="json"),
                samples={**samples.reading, "calibration": list(samples.calibration)},
            )
    for deployment in deployments:
        device = deployment.device
        properties = {p.name: p.value for p in deployment.properties}
        compiled = [
            add(
                f"compile[{device}, {name}]",
                "compile",
                (final[name],),
                device=device,
                core=core,
                properties=properties,
                blob=cache == "blob",
            )
            for name in final
        ]
        if samples is not None and samples.validation:
            add(
                f"verify[{device}]",
                "verify",
                (read, *static.values(), *final.values(), *compiled),
                device=device,
                core=core,
                properties=properties,
                program=program.model_dump(mode="json"),
                original=inputs,
                selects=[
                    {"kind": s.kind, "output": s.output, "extent": s.extent.model_dump()} for s in rewrite.selects
                ],
                outputs=sorted({g.output for g in gates if g.output} or {o.name for o in program.outputs}),
                samples={**samples.reading, "validation": list(samples.validation)},
                **tasks,
            )
    return tuple(stages.values())
