"""Lower a candidate, measure it, and let a compiler estimate it: by the stages that `apply` runs, kept as its are."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

from msgspec import structs, to_builtins

from npuspec.compilers import Compiler, kernels
from npuspec.diagnostics import Diagnostic, NpuspecError, SpecError, StageError, has_errors
from npuspec.execute.budgets import hold_budgets
from npuspec.execute.evidence import Evidence, gather_estimates, gather_evidence
from npuspec.execute.gates import GateResult
from npuspec.execute.lock import LockKeeper
from npuspec.execute.observer import Observer
from npuspec.execute.stages import StageRunner
from npuspec.npu import is_split
from npuspec.plan import Plan, Prepared
from npuspec.plan.model import PlannedStage
from npuspec.plan.prepare import prepare_document
from npuspec.spec import parse
from npuspec.stages import BLOB, ESTIMATE, MIXED, TIMINGS
from npuspec.store import Store, digest_json
from npuspec.tune.estimated import TILES, alike, for_platform, of_platform
from npuspec.tune.model import Row

_UNKNOWN = ("no-compiler", "compile-timeout", "disk-full", "disk-fault", "own-code", "missing-extra")
"""What says nothing of a candidate, and would be said of each."""
_STARTS = 3
_ELSEWHERE = "what it is of isn't what is tried on"
_UNHELD = "no gate is held: the spec has no samples beyond those that calibrate"
_LONG = 400  # characters of a reason
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate's text and plan; where the platform that guides a mix isn't one of its own, its plan without that."""

    text: str
    prepared: Prepared
    own: Prepared | None = None

    @property
    def plan(self) -> Plan:
        """What will be done."""
        return self.prepared.plan


Step = Callable[[Trial], Figures]


@dataclass(frozen=True, slots=True)
class Bench:
    """What candidates are tried on.

    Attributes:
        name: the spec's, with its folder and its lock.
        model: the SHA-256 of its model.
        device: what is measured on.
        identity: what exactly that is.
        platform: the NPU whose compiler's estimate counts; None where what is measured does.
        compiler: that compiler.
        cpu: what exactly this machine's CPU is.
        side_by_side: whether estimates are of candidates that run several inferences at a time: an estimate is of one,
            so that they are compared on as many tiles.
        allow_code: whether code of the spec's own may run.

    """

    name: str
    folder: Path
    lock: Path
    model: str
    store: Store
    observer: Observer
    device: str
    identity: str
    platform: str | None = None
    compiler: Compiler | None = None
    cpu: str = ""
    side_by_side: bool = False
    allow_code: bool = False
    compiled: set[str] = field(default_factory=set)
    """What was compiled, by the results that it is in."""
    made: list[str] = field(default_factory=list)
    """Those of them whose results weren't there."""

    def prepare(self, text: str) -> Trial:
        """Lower a text.

        Raises:
            SpecError: it can't be lowered, or not without a trap, or has code of its own that isn't allowed.

        """
        if self.platform is None:
            return Trial(text, self._planned(text))
        named = for_platform(text, self.platform)
        prepared = self._planned(of_platform(named, self.platform))
        is_guided = prepared.plan.recipe.mode != "mixed" or named == text
        return Trial(text, prepared, None if is_guided else self._planned(text))

    def _planned(self, text: str) -> Prepared:
        document, faults = parse(text, name=self.name, folder=self.folder)
        if has_errors(faults):
            raise SpecError(faults)
        prepared, faults = prepare_document(document, self.store, device=self.device, allow_code=self.allow_code)
        if prepared is None:
            raise SpecError([fault for fault in faults if fault.severity == "error"])
        if prepared.own and not self.allow_code:
            raise SpecError(prepared.own)
        if prepared.traps:
            raise SpecError(prepared.traps)
        return prepared

    def measure(self, row: Row, text: str) -> Row:
        """Return what can be known of a text; a candidate that can't be made is a row like others.

        The gates on what it answers come first: what fails one isn't compiled to be timed.

        Raises:
            NpuspecError: what is no candidate's fault.

        """
        return self._tried(row, text, self._verified, self._costs, self._budgeted, self._on_cpu)

    def costs(self, row: Row, text: str) -> Row:
        """Return only what a text costs, whatever it answers; see `measure`."""
        return self._tried(row, text, self._costs)

    def starts(self, text: str) -> Mapping[str, Any]:
        """Return how long loading takes, cold and warm, in milliseconds."""
        trial = self.prepare(text)
        stage = _steady(trial.plan, self.device, starts=_STARTS)
        found: Mapping[str, Any] = _read(self._run(trial, [stage.name], stage)[stage.name] / TIMINGS)["starts"]
        return found

    def _tried(self, row: Row, text: str, *steps: Step) -> Row:
        found: Figures = {}
        try:
            trial = self.prepare(text)
            found["batch"] = trial.plan.program.batch
            for step in steps:
                told = step(trial)
                found |= {**told, "gates": (*found.get("gates", ()), *told.get("gates", ()))}
                if found.get("failed"):
                    break
        except NpuspecError as error:
            if error.code in _UNKNOWN:
                raise
            found |= {"failed": True, "lost": _why(error.diagnostics)}
        return structs.replace(row, **found)

    def _verified(self, trial: Trial) -> Figures:
        """Hold the gates on what it answers."""
        plan = structs.replace(trial.plan, gates=tuple(g for g in trial.plan.gates if not g.is_budget))
        name = f"verify[{self.device}]"
        if not any(stage.name == name for stage in plan.stages):
            return {"gates": (_UNHELD,)}
        results = self._run(trial, [name])
        evidence = gather_evidence(plan, results, self.device, trial.prepared.allowed)
        if fallen := [trap for trap in evidence.traps if trap.code not in trial.prepared.allowed]:
            raise StageError(fallen)
        found = {"agreement": _agreement(evidence, plan), **_held(evidence.gates)}
        if self.device == "CPU":
            timed = _read(results[name] / TIMINGS)["latency"]
            ships = "static_ms" if plan.recipe.mode == "none" else "quantized_ms"
            weights = {variant: share for variant, share in shares(plan).items() if variant in timed}
            if weights:
                total = sum(weights.values())
                found["cpu_us"] = sum(share * timed[v][ships] * 1e3 for v, share in weights.items()) / total
        return found

    def _budgeted(self, trial: Trial) -> Figures:
        """Hold the gates on what it costs, as far as they are of what it is tried on."""
        npu, plan = self.platform, trial.plan
        budgets = [gate for gate in plan.gates if gate.is_budget]
        held = [
            gate for gate in budgets if gate.platform == npu or (gate.platform is None and gate.metric == "size-mib")
        ]
        left = [f"{gate.subject} isn't held: {_ELSEWHERE}" for gate in budgets if gate not in held]
        if not held:
            return {"gates": tuple(left)}
        plan = structs.replace(plan, gates=tuple(held), platforms=() if npu is None else (npu,))
        made_for = {self.device, *plan.platforms}
        variants = [variant.name for variant in plan.program.variants]
        names = [f"compile[{place}, {variant}]" for place in sorted(made_for) for variant in variants]
        names += [stage.name for stage in plan.stages if stage.name == f"budget[{self.device}]"]
        results = self._run(trial, names)
        gates = _held(hold_budgets(plan, results, self.device, gather_estimates(plan, results)).values())
        return {**gates, "gates": (*gates["gates"], *left)}

    def _costs(self, trial: Trial) -> Figures:
        if self.platform is None:
            return self._measured(trial)
        return self._estimated(self.prepare(alike(trial.text, self.platform)) if self.side_by_side else trial)

    def _on_cpu(self, trial: Trial) -> Figures:
        """Measure on this machine's CPU what verifying didn't time there."""
        if self.device == "CPU" and any(stage.name == "verify[CPU]" for stage in trial.plan.stages):
            return {}
        bench = replace(self, device="CPU", identity=self.cpu, platform=None, compiled=set(), made=[])
        return {"cpu_us": bench.costs(Row(name="on CPU", point=None), trial.text).latency_us}

    def _measured(self, trial: Trial) -> Figures:
        plan = trial.plan
        stage = _steady(plan, self.device)
        results = self._run(trial, [stage.name], stage)
        variants = _read(results[stage.name] / TIMINGS)["variants"]
        weights = shares(plan)
        made = [results[f"compile[{self.device}, {variant}]"] for variant in weights]
        blobs = [folder / BLOB for folder in made if (folder / BLOB).exists()]
        models = [file for name in _shipped(plan, stage) for file in results[name].glob("model.*")]
        unsteady = [name for name in weights if not variants[name]["stable"]]
        return {
            "latency_us": sum(s * variants[name]["single"]["latency"]["median"] * 1e3 for name, s in weights.items()),
            "sample_us": sum(s * 1e6 / variants[name]["many"]["samples_per_second"] for name, s in weights.items()),
            "p95_us": max(variants[name]["single"]["latency"]["p95"] * 1e3 for name in weights),
            "size_bytes": sum(file.stat().st_size for file in blobs or models),
            "compile_s": sum(_read(folder / TIMINGS)["compile_seconds"] for folder in made),
            "evidence": f"measured on {self.device}, {_of(plan)}" + (", not steady" if unsteady else ""),
            "steady": not unsteady,
        }

    def _estimated(self, trial: Trial) -> Figures:
        plan, weights = trial.plan, shares(trial.plan)
        names = [f"compile[{self.platform}, {variant}]" for variant in weights]
        results = self._run(trial, names)
        told = [_read(results[name] / ESTIMATE) for name in names]
        found: Figures = {
            "size_bytes": sum(estimate["blob_bytes"] for estimate in told),
            "compile_s": sum(_read(results[name] / TIMINGS)["compile_seconds"] for name in names),
            "uncosted": kernels(name for each in told for name in each["uncosted_operations"]),
            "evidence": f"estimated for NPU {self.platform}{_on(plan, names[0])}, {_of(plan)}",
        }
        if any(estimate["latency_us"] is None for estimate in told):
            return found | {"failed": True, "lost": "its compiler estimates nothing"}
        batch = plan.program.batch
        latency = sum(
            share * estimate["latency_us"] * (batch if is_split(estimate["batch_mode"], plan.batch_mode) else 1)
            for share, estimate in zip(weights.values(), told, strict=True)
        )
        return found | {"latency_us": latency, "sample_us": latency / batch}

    def _run(self, trial: Trial, names: Iterable[str], *more: PlannedStage) -> dict[str, Path]:
        """Run stages, and all that they read; return where their results are."""
        planned, needed = (*trial.plan.stages, *more), {*names}
        for stage in reversed(planned):
            needed |= {*stage.inputs} if stage.name in needed else set()
        stages = tuple(stage for stage in planned if stage.name in needed)
        plan = structs.replace(trial.plan, stages=stages)
        counting = _Counting(self.observer)
        runner = StageRunner(
            replace(trial.prepared, plan=plan),
            self.store,
            counting,
            device=self.device,
            identity=self.identity,
            chosen=self._chosen(trial) if any(stage.verb == "mix" for stage in stages) else None,
            compiler=self.compiler,
        )
        try:
            runner.run()
        finally:
            for stage in counting.ended:
                key = runner.results[stage.name].name
                compiled = [f"{key} {number}" for number in range(self._compilations(stage, runner.results))]
                self.compiled.update(compiled)
                self.made.extend(compiled if stage in counting.made else ())
        return runner.results

    def _chosen(self, trial: Trial) -> tuple[str, ...] | None:
        """Return what a mix keeps: as the lock has it, or as `apply` finds it where the platform doesn't guide it."""
        own = trial.own
        held = LockKeeper(self.lock, None).chosen(trial.plan if own is None else own.plan)
        if held is not None or own is None:
            return held
        return tuple(_read(self._run(Trial(trial.text, own), ["mix"])["mix"] / MIXED)["keep"])

    def _compilations(self, stage: PlannedStage, results: Mapping[str, Path]) -> int:
        """Return how many models a stage has compiled for what counts; those that search mixes compile several."""
        if stage.verb in ("gain", "curve"):
            found = _read(results[stage.name] / f"{stage.verb}.json")
            return len(found["tried"] if stage.verb == "gain" else found)
        return int(stage.verb == ("compile" if self.platform is None else "ahead"))


class _Counting(Observer):
    """Shows which stage runs, leaves no line of it, and remembers which ended, and which of them ran."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.ended: list[PlannedStage] = []
        self.made: list[PlannedStage] = []

    def started(self, stage: PlannedStage, number: int, count: int) -> None:
        self._observer.started(stage, number, count)

    def progressed(self, stage: PlannedStage, done: int, total: int) -> None:
        self._observer.progressed(stage, done, total)

    def finished(self, stage: PlannedStage, seconds: float | None) -> None:
        self.ended.append(stage)
        if seconds is not None:
            self.made.append(stage)


def shares(plan: Plan) -> dict[str, float]:
    """Return the variants that a latency is the mean of, with their weights: by real lengths, or else the largest."""
    variants = [variant.name for variant in plan.program.variants]
    if len(plan.waste) == 1 and len(plan.waste[0].samples) == len(variants) and any(plan.waste[0].samples):
        samples = plan.waste[0].samples
        return {name: count / sum(samples) for name, count in zip(variants, samples, strict=True) if count}
    return {variants[-1]: 1.0}


def _steady(plan: Plan, device: str, *, starts: int = 0) -> PlannedStage:
    """Return the stage that measures what ships where nothing but it runs."""
    variants, known = [variant.name for variant in plan.program.variants], {stage.name: stage for stage in plan.stages}
    compiled = [known[f"compile[{device}, {variant}]"] for variant in variants]
    final = [known[name] for stage in compiled for name in stage.inputs]
    opened = {"program": plan.program, "load": plan.load, "cache": plan.cache, "starts": starts}
    told = {key: compiled[0].parameters[key] for key in ("device", "core", "properties")}
    parameters: dict[str, Any] = {**told, **to_builtins(opened)}
    read = [*final, *compiled]
    key = {"verb": "steady", "inputs": [stage.digest for stage in read], "parameters": parameters}
    return PlannedStage(
        name=f"steady[{device}]",
        verb="steady",
        inputs=tuple(stage.name for stage in read),
        parameters=parameters,
        digest=digest_json(key),
    )


def _shipped(plan: Plan, steady: PlannedStage) -> Iterator[str]:
    """Yield the stages whose models are those of the variants that count."""
    places = [variant.name for variant in plan.program.variants]
    yield from (steady.inputs[places.index(name)] for name in shares(plan))


def _held(gates: Iterable[GateResult]) -> Figures:
    """Return what gates say, and whether one of them failed."""
    told = {"gates": tuple(gate.sentence() for gate in gates)}
    failed = [gate.sentence() for gate in gates if not gate.passed]
    return {**told, **({"failed": True, "lost": f"gate not met: {failed[0]}"} if failed else {})}


def _on(plan: Plan, compiled: str) -> str:
    """Return on how many tiles, as far as that is known."""
    stage = next(stage for stage in plan.stages if stage.name == compiled)
    told, platform = stage.parameters["properties"], stage.parameters["platform"]
    if platform not in TILES:
        return ""
    tiles = told.get("NPU_TILES", TILES[platform][told["PERFORMANCE_HINT"] != "THROUGHPUT"])
    return f" on {tiles} tile{'s' * (tiles != 1)}"


def _of(plan: Plan) -> str:
    weights = shares(plan)
    if len(plan.program.variants) == 1:
        return "its only size"
    return f"mean over {plan.waste[0].lengths} real lengths" if len(weights) > 1 else f"{[*weights][-1]}"


def _agreement(evidence: Evidence, plan: Plan) -> float | None:
    pairs = evidence.agreement["pairs"] if evidence.agreement is not None else ()
    ships = "static" if plan.recipe.mode == "none" else "quantized"
    found = [row for row in pairs if (row["of"], row["against"]) == (ships, "original")]
    return min((row["frame-agreement"] for row in found), default=None)


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _why(faults: Iterable[Diagnostic]) -> str:
    first, *_ = faults
    lines = [line for line in first.message.splitlines() if not line.strip().startswith("Exception from ")]
    return f"{shorten(' '.join(lines), _LONG)} [{first.code}]"
