"""Lay out the stages, each with the digest that names its result."""

from collections.abc import Callable
from typing import Any

from npuspec.bundle.program import Program
from npuspec.plan.model import Deployment, PlannedGate, PlannedSource, PlannedStage, Recipe, Rewrite, Samples
from npuspec.plan.passes.task import METRIC_TOOLS
from npuspec.store import digest_json

_FORMAT = 3  # of the stages' results: raised when a stage does its work differently


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

    read -> quantize -> rank -> mix -> shape[variant] -> compile[device, variant] -> verify[device]

    What is quantized is shaped beside what isn't, as `shape[quantized, variant]`. Which of `quantize`, `rank`, `mix`
    and `control` there are follows from the recipe's mode.
    """
    stages: dict[str, PlannedStage] = {}
    made_with = {tool: version for tool, version in toolchain.items() if tool not in METRIC_TOOLS}
    shared = {"format": _FORMAT, "toolchain": made_with}

    def add(name: str, verb: Any, inputs: tuple[str, ...], *, on_failure: bool = False, **parameters: Any) -> str:
        key = {**shared, "verb": verb, "inputs": [stages[i].digest for i in inputs], "parameters": parameters}
        stages[name] = PlannedStage(
            name=name, verb=verb, inputs=inputs, parameters=parameters, digest=digest_json(key), on_failure=on_failure
        )
        return name

    read = add("read", "read", (), model=model.digest, entry=entry)
    inputs = [port.model_dump(mode="json") for port in original.inputs]
    selects = [{"kind": s.kind, "output": s.output, "extent": s.extent.model_dump()} for s in rewrite.selects]
    quantized = _add_quantized(add, samples, program, inputs, selects, recipe, gates)
    changes: dict[str, Any] = {}
    if rewrite.masks or rewrite.selects:
        changes = {"original": inputs, "rewrite": rewrite.model_dump(mode="json")}
    static: dict[str, str] = {}
    final: dict[str, str] = {}
    for published, variant in zip(original.variants, program.variants, strict=True):
        told = {"variant": published.model_dump(mode="json"), "layouts": layouts, **changes}
        static[variant.name] = final[variant.name] = add(f"shape[{variant.name}]", "shape", (read,), **told)
        if quantized is not None:
            final[variant.name] = add(f"shape[quantized, {variant.name}]", "shape", (quantized,), **told)
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
            own = {g.function: g.own.model_dump(mode="json") for g in gates if g.own is not None}
            functions: dict[str, Any] = {"functions": own} if own else {}
            add(
                f"verify[{device}]",
                "verify",
                (read, *static.values(), *final.values(), *compiled),
                device=device,
                core=core,
                properties=properties,
                program=program.model_dump(mode="json"),
                original=inputs,
                selects=selects,
                outputs=sorted({g.output for g in gates if g.output} or {o.name for o in program.outputs}),
                samples={**samples.reading, "validation": list(samples.validation)},
                **functions,
                **tasks,
            )
    return tuple(stages.values())


def _add_quantized(
    add: Callable[..., str],
    samples: Samples | None,
    program: Program,
    inputs: list[dict[str, Any]],
    selects: list[dict[str, Any]],
    recipe: Recipe,
    gates: tuple[PlannedGate, ...],
) -> str | None:
    """Add what quantizes the model that was read, and return the stage whose result ships; None if nothing does."""
    mode = recipe.mode
    if mode == "none" or (samples is None and mode != "weights"):
        return None
    fed = {"program": program.model_dump(mode="json"), "original": inputs}
    told = recipe.model_dump(mode="json")
    run = {**fed, "selects": selects}
    outputs = sorted({str(g.output) for g in gates if g.output} or {o.name for o in program.outputs})
    held = [gate.model_dump(mode="json") for gate in gates if gate.of in ("quantized", "batched")]
    made = {}
    if samples is None or mode == "weights":
        made[mode] = add("quantize", "quantize", ("read",), recipe=told, **fed)
    else:
        of = {"samples": {**samples.reading, "calibration": list(samples.calibration)}}
        plain = {**told, "mode": "int8", "max_drop": 0, "drop_type": "absolute"}
        made["int8"] = add("quantize", "quantize", ("read",), recipe=plain, **fed, **of)
        both = ("read", made["int8"])
        rank = add("rank", "rank", both, on_failure=mode != "mixed", outputs=outputs, **run, **of)
        if mode == "mixed":
            made[mode] = add("mix", "mix", (*both, rank), gates=held, **run, **of)
        elif mode == "accuracy-control":
            made[mode] = add("control", "control", ("read",), recipe=told, gates=held, **run, **of)
    if samples is not None and samples.validation:
        of = {"samples": {**samples.reading, "validation": list(samples.validation)}}
        precisions = list(made)
        add(
            "compare",
            "compare",
            ("read", *made.values()),
            precisions=precisions,
            outputs=outputs,
            gates=held,
            **run,
            **of,
        )
    return made[mode]
