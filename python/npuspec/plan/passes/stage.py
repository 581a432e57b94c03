"""Lay out the stages, each with the digest that names its result."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec import to_builtins

from npuspec.bundle.program import Load, Program
from npuspec.plan.model import (
    Decode,
    Deployment,
    PlannedGate,
    PlannedSource,
    PlannedStage,
    Recipe,
    Rewrite,
    Samples,
    folds_of,
)
from npuspec.plan.passes.task import METRIC_TOOLS, plan_tasks
from npuspec.store import canonical_json, digest_json

_FORMAT = 4  # of the stages' results: raised when a stage does its work differently
_FORMATS = {"ahead": 5, "curve": 5, "gain": 5}  # of those of single stages, which did so since


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that the stages are told of.

    `original` is the program of the model as it was published, `program` of what ships, and `free` what that would be
    without preprocessing in the graph: models whose lengths are free have none.
    """

    toolchain: dict[str, str]
    model: PlannedSource
    entry: str
    samples: Samples | None
    program: Program
    free: Program
    original: Program
    rewrite: Rewrite
    recipe: Recipe
    gates: tuple[PlannedGate, ...]
    decodes: tuple[Decode, ...]
    layouts: dict[str, str]
    cache: str
    load: Load
    core: dict[str, bool | int | float | str]
    deployments: tuple[Deployment, ...]
    platforms: tuple[str, ...]
    ahead: dict[str, bool | int | float | str]

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """What the model as it was published takes."""
        return [to_builtins(port) for port in self.original.inputs]

    @property
    def fed(self) -> dict[str, Any]:
        """What is fed to a model whose lengths are free."""
        return {"program": to_builtins(self.free), "original": self.inputs}

    @property
    def run(self) -> dict[str, Any]:
        """What is fed to such a model, and what is selected of its outputs."""
        selects = [{"kind": s.kind, "output": s.output, "extent": to_builtins(s.extent)} for s in self.rewrite.selects]
        return {**self.fed, "selects": selects}

    @property
    def outputs(self) -> list[str]:
        """The outputs that are compared."""
        return sorted({g.output for g in self.gates if g.output} or {o.name for o in self.program.outputs})

    def sampled(self, which: Literal["calibration", "validation"], *, tasks: bool = True) -> dict[str, Any]:
        """Return which samples are run, and what they are to come out as."""
        if self.samples is None:
            return {}
        told = plan_tasks(self.gates, self.decodes, self.samples, self.toolchain, which) if tasks else {}
        return {"samples": {**self.samples.reading, which: list(getattr(self.samples, which))}, **told}


class _Stages:
    """The stages so far, by name."""

    def __init__(self, toolchain: dict[str, str]) -> None:
        made_with = {tool: version for tool, version in toolchain.items() if tool not in METRIC_TOOLS}
        self._shared = {"toolchain": made_with}
        self.found: dict[str, PlannedStage] = {}

    def add(self, name: str, verb: Any, inputs: tuple[str, ...], *, on_failure: bool = False, **parameters: Any) -> str:
        """Add one behind those that it reads, and return its name."""
        read = [self.found[i].digest for i in inputs]
        parameters = msgspec.json.decode(canonical_json(parameters))  # as they come back
        key = {"verb": verb, "inputs": read, "parameters": parameters, "format": _FORMATS.get(verb, _FORMAT)}
        self.found[name] = PlannedStage(
            name=name,
            verb=verb,
            inputs=inputs,
            parameters=parameters,
            digest=digest_json({**self._shared, **key}),
            on_failure=on_failure,
        )
        return name


def plan_stages(work: Work) -> tuple[PlannedStage, ...]:
    """Return the stages in the order in which they are run.

    read -> quantize -> rank -> gain[platform] -> mix -> shape[variant] -> compile[device, variant] -> verify[device]
    -> budget[device]

    For each platform there is compile[platform, variant] beside.
    What is quantized is shaped beside what isn't, as `shape[quantized, variant]`. Which of `quantize`, `rank`, `gain`,
    `mix` and `control` there are follows from the recipe's mode.
    """
    stages = _Stages(work.toolchain)
    stages.add("read", "read", (), model=work.model.digest, entry=work.entry)
    shapes = _shapes(work)
    quantized = _quantized(stages, work, shapes[-1])
    static: dict[str, str] = {}
    final: dict[str, str] = {}
    for told, variant in zip(shapes, work.program.variants, strict=True):
        name = variant.name
        static[name] = final[name] = stages.add(f"shape[{name}]", "shape", ("read",), **told)
        if quantized is not None:
            final[name] = stages.add(f"shape[quantized, {name}]", "shape", (quantized,), **told)
    if work.platforms:
        _compiled_ahead(stages, work, static, final)
    for deployment in work.deployments:
        _deployed(stages, work, deployment, static, final)
    return tuple(stages.found.values())


def _shapes(work: Work) -> list[dict[str, Any]]:
    """Return what gives a model the shapes of each variant."""
    changes: dict[str, Any] = {}
    if work.rewrite.masks or work.rewrite.selects:
        changes = {"original": work.inputs, "rewrite": to_builtins(work.rewrite)}
    if folds := folds_of(work.original.inputs, work.program):
        changes["folds"] = {name: to_builtins(steps) for name, steps in folds.items()}
    variants = work.original.variants
    return [{"variant": to_builtins(variant), "layouts": work.layouts, **changes} for variant in variants]


def _quantized(stages: _Stages, work: Work, largest: dict[str, Any]) -> str | None:
    """Add what quantizes the model that was read, and return the stage whose result ships; None if nothing does."""
    mode = work.recipe.mode
    if mode == "none" or (work.samples is None and mode != "weights"):
        return None
    fed, recipe = work.fed, to_builtins(work.recipe)
    # What neighbours in a batch cost shows on no model whose lengths are free.
    held = [
        to_builtins(gate) for gate in work.gates if gate.of in ("quantized", "batched") and gate.against != "quantized"
    ]
    made: dict[str, str] = {}
    if mode == "weights":
        made[mode] = stages.add("quantize", "quantize", ("read",), recipe=recipe, **fed)
    else:
        plain = {**recipe, "mode": "int8", "max_drop": 0, "drop_type": "absolute"}
        calibrated = work.sampled("calibration", tasks=False)
        made["int8"] = stages.add("quantize", "quantize", ("read",), recipe=plain, **fed, **calibrated)
        is_ranked = mode == "mixed"
        told = {"outputs": work.outputs, **work.run, **calibrated}
        rank = stages.add("rank", "rank", ("read", made["int8"]), on_failure=not is_ranked, **told)
        judged = {"gates": held, **work.run, **work.sampled("calibration")}
        if mode == "mixed":
            read = ("read", made["int8"], rank)
            gain = [
                stages.add(f"gain[{npu}]", "gain", read, platform=npu, properties=work.ahead, shape=largest, **fed)
                for npu in work.platforms[:1]
            ]
            made[mode] = stages.add("mix", "mix", (*read, *gain), **judged)
        elif mode == "accuracy-control":
            made[mode] = stages.add("control", "control", ("read",), recipe=recipe, **judged)
    if work.samples is not None and work.samples.validation:
        figures = [{**gate, "min": None, "max": None} for gate in held]
        told = {
            "precisions": [*made],
            "outputs": work.outputs,
            "gates": figures,
            **work.run,
            **work.sampled("validation"),
        }
        stages.add("compare", "compare", ("read", *made.values()), **told)
    return made[mode]


def _compiled_ahead(stages: _Stages, work: Work, static: dict[str, str], final: dict[str, str]) -> None:
    """Add what compiles each variant for each platform, and the largest in its other precisions, to be compared."""
    compiled = {f"{npu}, {name}": (npu, shaped) for npu in work.platforms for name, shaped in final.items()}
    largest = work.program.variants[-1].name
    others = {"original": static[largest]} if static != final else {}
    if work.recipe.mode in ("mixed", "accuracy-control"):
        told = stages.found[final[largest]].parameters
        others["int8"] = stages.add(f"shape[int8, {largest}]", "shape", ("quantize",), **told)
    for precision, shaped in others.items():
        compiled |= {f"{npu}, {precision}, {largest}": (npu, shaped) for npu in work.platforms}
    if work.recipe.mode == "mixed":
        told = stages.found[final[largest]].parameters
        npu = work.platforms[0]
        read = ("read", "quantize", "rank", "mix", f"gain[{npu}]")
        stages.add(f"curve[{npu}]", "curve", read, platform=npu, properties=work.ahead, shape=told, **work.fed)
    for name, (npu, shaped) in compiled.items():
        told = {"platform": npu, "properties": work.ahead, "batch": work.program.batch}
        stages.add(f"compile[{name}]", "ahead", (shaped,), **told)


def _deployed(
    stages: _Stages, work: Work, deployment: Deployment, static: dict[str, str], final: dict[str, str]
) -> None:
    """Add what compiles for a device and what measures there."""
    device = deployment.device
    told: dict[str, Any] = {
        "device": device,
        "core": work.core,
        "properties": {p.name: p.value for p in deployment.properties},
    }
    compiled = [
        stages.add(f"compile[{device}, {name}]", "compile", (shaped,), blob=work.cache == "blob", **told)
        for name, shaped in final.items()
    ]
    if work.samples is not None and work.samples.validation:
        run = {**work.run, "program": to_builtins(work.program)}
        measured = {"outputs": work.outputs, **run, **work.sampled("validation")}
        read = ("read", *static.values(), *final.values(), *compiled)
        stages.add(f"verify[{device}]", "verify", read, **told, **measured)
    if metrics := _timed(work.gates, device):
        opened = {"program": to_builtins(work.program), "load": to_builtins(work.load), "cache": work.cache}
        stages.add(f"budget[{device}]", "budget", (*final.values(), *compiled), metrics=metrics, **told, **opened)


TIMED = ("latency-ms", "latency-p95-ms", "start-ms", "throughput")
"""Budgets that a bundle is loaded for; what others hold is known of what made it."""


def _timed(gates: tuple[PlannedGate, ...], device: str) -> list[str]:
    """Return the metrics of budgets that are measured on a device; that of a platform on an NPU, which may be one."""
    return sorted({
        gate.metric
        for gate in gates
        if gate.metric in TIMED and gate.figure != "estimated" and (gate.platform is None or device == "NPU")
    })  # fmt: skip
