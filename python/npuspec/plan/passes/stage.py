"""Lay out the stages, each with the digest that names its result."""

from typing import Any

from npuspec.bundle.program import Program
from npuspec.plan.model import Deployment, PlannedGate, PlannedSource, PlannedStage, Recipe, Samples
from npuspec.store import digest_json

_FORMAT = 2  # of the stages' results: raised when a stage does its work differently


def plan_stages(
    *,
    toolchain: dict[str, str],
    model: PlannedSource,
    entry: str,
    samples: Samples | None,
    program: Program,
    recipe: Recipe,
    gates: tuple[PlannedGate, ...],
    cache: str,
    core: dict[str, bool | int | float | str],
    deployments: tuple[Deployment, ...],
) -> tuple[PlannedStage, ...]:
    """Return the stages in the order in which they are run.

    read -> shape[variant] -> quantize[variant] -> compile[device, variant] -> verify[device]
    """
    stages: dict[str, PlannedStage] = {}
    shared = {"format": _FORMAT, "toolchain": toolchain}

    def add(name: str, verb: Any, inputs: tuple[str, ...], **parameters: Any) -> str:
        key = {**shared, "verb": verb, "inputs": [stages[i].digest for i in inputs], "parameters": parameters}
        stages[name] = PlannedStage(name=name, verb=verb, inputs=inputs, parameters=parameters, digest=digest_json(key))
        return name

    read = add("read", "read", (), model=model.digest, entry=entry)
    data = None if samples is None else samples.model_dump(mode="json")
    feed = program.model_dump(mode="json", exclude={"variants"})
    static: dict[str, str] = {}
    final: dict[str, str] = {}
    for variant in program.variants:
        shape = variant.model_dump(mode="json")
        static[variant.name] = final[variant.name] = add(f"shape[{variant.name}]", "shape", (read,), variant=shape)
        if recipe.mode != "none" and data is not None:
            calibration = {k: data[k] for k in ("input", "sample_rate", "calibration")} | {
                "digest": data["source"]["digest"]
            }
            final[variant.name] = add(
                f"quantize[{variant.name}]",
                "quantize",
                (static[variant.name],),
                variant=shape,
                program=feed,
                recipe=recipe.model_dump(mode="json"),
                samples=calibration,
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
        if data is not None and data["validation"]:
            validation = {k: data[k] for k in ("input", "sample_rate", "validation")} | {
                "digest": data["source"]["digest"]
            }
            add(
                f"verify[{device}]",
                "verify",
                (read, *static.values(), *final.values(), *compiled),
                device=device,
                core=core,
                properties=properties,
                program=program.model_dump(mode="json"),
                outputs=sorted({g.output for g in gates if g.output} or {o.name for o in program.outputs}),
                samples=validation,
            )
    return tuple(stages.values())
