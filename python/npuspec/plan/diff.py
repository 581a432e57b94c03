"""Compare two plans: what changed, what follows from it, and why.

What follows comes from the lowered plans: a stage that has another digest is run again. A change is its cause if it can
affect a part of the plan that the stage reads (`plan/effects.py`), and that part differs.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import to_builtins

from npuspec.diagnostics.suggest import toml_key
from npuspec.npu import property_table
from npuspec.plan.effects import Consequence, Effect, effect_of, part_of
from npuspec.plan.model import Deployment, Plan, PlannedStage, folds_of

_SENTENCES = {
    Consequence.NOTHING: "nothing follows from",
    Consequence.RELOAD: "reloaded because",
    Consequence.REMEASURE: "remeasured because",
    Consequence.RECOMPILE: "recompiled because",
    Consequence.REQUANTIZE: "requantized because",
    Consequence.INTERFACE: "the interface changes because",
    Consequence.ACCURACY: "accuracy may change because",
}
_PLAIN = ("gates[", "stage ", "toolchain.")
_MOST_CAUSES = 6
_LONG = 60  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs, and what follows. None means that it wasn't there, or is gone."""

    what: str
    """The path of a setting, `model.sha256`, `toolchain.openvino`; a gate goes by what it measures."""
    before: Any
    after: Any
    consequences: tuple[Consequence, ...]

    def shown(self, value: Any) -> str:
        """Return one of the values as people read it: TOML, or the words that it already is."""
        if value is None:
            return "not stated"
        if isinstance(value, str) and self.what.endswith("sha256"):
            return value[:12]
        if isinstance(value, str) and self.what.startswith(_PLAIN):
            return value
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
        if len(text) <= _LONG:
            return text
        return f"{len(value)} items" if isinstance(value, list) else f"{text[:_LONG]}…"

    @property
    def items(self) -> tuple[list[str], list[str]]:
        """What went out of a list that is too long to be shown, and what came in."""
        if not (isinstance(self.before, list) and isinstance(self.after, list)):
            return [], []
        if not any(self.shown(value).endswith(" items") for value in (self.before, self.after)):
            return [], []
        old, new = ([json.dumps(item, ensure_ascii=False) for item in value] for value in (self.before, self.after))
        return [item for item in old if item not in new], [item for item in new if item not in old]

    def sentence(self) -> str:
        """Return the change in words, such as `quantization.samples 300 → 500`, on one line whatever a plan says."""
        return f"{self.what} {self.shown(self.before)} → {self.shown(self.after)}".replace("\n", "\\n")


@dataclass(frozen=True, slots=True)
class Reason:
    """A consequence of the whole difference, with its causes."""

    consequence: Consequence
    causes: tuple[str, ...]
    """Changes in words; of many the last is how many more there are."""

    @property
    def beginning(self) -> str:
        """What the causes come behind."""
        return _SENTENCES[self.consequence]

    @property
    def sentence(self) -> str:
        """The reason in words, such as `requantized because quantization.samples 300 → 500`."""
        return f"{self.beginning} {', '.join(self.causes)}"


@dataclass(frozen=True, slots=True)
class StageChange:
    """A stage that isn't what it was."""

    name: str
    kind: Literal["new", "gone", "changed"]


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """How two plans differ. Without changes there is nothing to be done."""

    changes: tuple[Change, ...]
    """Sorted by what changed."""
    reasons: tuple[Reason, ...]
    """One for each consequence, in the order of their kinds."""
    stages: tuple[StageChange, ...]
    """In the order in which they are run; those that are gone last."""
    is_new: bool
    """There was no plan before."""

    @property
    def consequences(self) -> tuple[Consequence, ...]:
        """All that follows, the least first; `nothing` only where nothing does."""
        found = {c for change in self.changes for c in change.consequences}
        return tuple(c for c in Consequence if c in found and (c is not Consequence.NOTHING or len(found) == 1))


def diff_plans(before: Plan | None, after: Plan) -> PlanDiff:
    """Compare two plans; without one before, everything is new.

    Where a value comes from makes no difference: a default that is now written out is no change.
    """
    stages = _stage_changes(before, after)
    touched, run = _verbs(before, after)
    followers = _followers(before, after)
    parts = _differing_parts(before, after)
    changes, explained = [], set[str]()
    old_values = {} if before is None else _values(before, beside=after)
    for what, old, new in differing(old_values, _values(after, beside=before)):
        effect = Effect() if _is_idle(what, after) else effect_of(what)
        reached = _reached(effect, parts, touched, followers)
        explained |= reached
        changes.append(Change(what, old, new, _consequences(effect, parts, reached, touched, run)))
    changes += _unexplained(before, after, touched - explained, run)
    return PlanDiff(tuple(changes), _reasons(changes), stages, is_new=before is None)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs, sorted by name, with both values; None where there is none."""
    for what in sorted(old.keys() | new.keys()):
        if not _same(old.get(what), new.get(what)):
            yield what, old.get(what), new.get(what)


def _is_idle(what: str, after: Plan) -> bool:
    """Tell whether a setting is of a recipe that isn't used any more: whatever follows has another cause."""
    return after.recipe.mode == "none" and what.startswith("quantization.") and what != "quantization.mode"


def _values(plan: Plan, beside: Plan | None) -> dict[str, Any]:
    """Return every value by what it is called, but defaults of tables that the other plan hasn't: nobody chose them.

    A digest stands in place of a pin where the sources differ: a model that isn't pinned changes too.
    """
    there = set() if beside is None else {s.path for s in beside.settings}
    values = {s.path: s.value for s in plan.settings if s.origin != "default" or s.path in there}
    keys = {row.name: key for key, row in property_table().items()}
    for deployment in plan.deployments if beside is not None else ():
        for given in deployment.properties:
            if given.origin.startswith("default") and given.name in keys:
                values.setdefault(f"properties.{keys[given.name]}", given.value)
    values |= {f"toolchain.{tool}": version for tool, version in plan.toolchain.items() if version}
    for what, digest in _digests(plan).items():
        if beside is None or digest != _digests(beside).get(what):
            values[what] = digest
    return values


def source_digests(plan: Plan) -> dict[str, str]:
    """Return the digest of each source by what its pin is called."""
    found = {"model.sha256": plan.model.digest}
    if plan.samples is not None:
        found["data.sha256"] = plan.samples.source.digest
        if plan.samples.tokenizer is not None:
            found["data.tokenizer-sha256"] = plan.samples.tokenizer.digest
        if plan.samples.labels is not None:
            found["data.labels-sha256"] = plan.samples.labels.source.digest
    found |= {vocabulary_pin(d.output): d.vocabulary.digest for d in plan.decodes if d.vocabulary is not None}
    return found | {f"code.{name}.sha256": digest for name, digest in own_code(plan).items()}


def vocabulary_pin(output: str) -> str:
    """Return what the pin of an output's vocabulary is called."""
    return f"outputs.{toml_key(output)}.decode.vocabulary-sha256"


def own_code(plan: Plan) -> dict[str, str]:
    """Return the digest of the code of each function of the spec's own, by its name, sorted."""
    sources = [gate.own for gate in plan.gates] + ([] if plan.samples is None else [plan.samples.own])
    return dict(sorted((source.source, source.digest) for source in sources if source is not None))


def _digests(plan: Plan) -> dict[str, str]:
    """Return the digest of each source, and of real lengths, of which nothing is built."""
    return source_digests(plan) | {f"dims.{waste.dim}.lengths.sha256": waste.digest for waste in plan.waste}


def _same(a: Any, b: Any) -> bool:
    return bool(json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True))  # true isn't 1


def _differing_parts(before: Plan | None, after: Plan) -> set[str]:
    devices = _devices(after) & _devices(before or after)
    old = {} if before is None else _parts(before, devices)
    new = _parts(after, devices)
    unread = {"calibration"} if after.recipe.mode == "none" else set[str]()
    return {name for name in old.keys() | new.keys() if not _same(old.get(name), new.get(name))} - unread


def _target(plan: Plan) -> str:
    return next((deployment.device for deployment in plan.deployments), "")


def _devices(plan: Plan) -> set[str]:
    return {deployment.device for deployment in plan.deployments}


_TAKEN = ("minimum", "maximum")
"""What a dimension says of the samples that a session takes as they are."""
_MEASURING = ("compare", "verify", "budget")


def _parts(plan: Plan, devices: set[str]) -> dict[str, Any]:
    """Return what PARTS names; properties are those of devices that both plans have."""
    program = to_builtins(plan.program)
    original = [to_builtins(port) for port in plan.original]
    data = [port for port in original if port["role"] == "data"]
    samples = plan.samples
    labels = samples and samples.labels
    found = {
        "batch": program["batch"],
        "blob": [s.parameters.get("blob") for s in plan.stages if s.verb == "compile"][:1],
        "cache": plan.cache,
        "calibration": samples and [samples.reading, samples.calibration],
        "decodes": [decode.reading for decode in plan.decodes],
        "device": _target(plan),
        "dims": {name: [dim[key] for key in _TAKEN] for name, dim in program["dims"].items()},
        "entry": [s.parameters.get("entry") for s in plan.stages if s.verb == "read"],
        "fallbacks": [d.device for d in plan.deployments[1:]],
        "folds": {name: to_builtins(s) for name, s in folds_of(plan.original, plan.program).items()},
        "given": [[*(port[key] for key in ("name", "axes", "finite")), _given(port)] for port in data],
        "held": [s.parameters["gates"] for s in plan.stages if s.verb in ("mix", "control")],
        "inputs": program["inputs"],
        "labels": labels and [labels.source.digest, labels.calibration, labels.validation],
        "load": to_builtins(plan.load),
        "layouts": [s.parameters.get("layouts") for s in plan.stages if s.verb == "shape"][:1],
        "measured": [_measured(s) for s in plan.stages if s.verb in _MEASURING],
        "model": plan.model.digest,
        "original": original,
        "outputs": program["outputs"],
        "overflow": {
            name: {key: value for key, value in dim.items() if key not in _TAKEN}
            for name, dim in program["dims"].items()
        },
        "padding": [[port[key] for key in ("name", "pad_value", "pad_side")] for port in data],
        "platforms": plan.platforms,
        "rewrite": to_builtins(plan.rewrite),
        "toolchain": plan.toolchain,
        "validation": samples and [samples.reading, samples.validation],
        "variants": program["variants"],
    }
    found |= {f"recipe.{key}": value for key, value in to_builtins(plan.recipe).items()}
    found |= {f"core.{p.name}": p.value for p in plan.core}
    for deployment in plan.deployments:
        if deployment.device in devices:
            found |= _given_to(deployment, found)
    return found


def _measured(stage: PlannedStage) -> list[Any]:
    """Return the outputs that are compared, the tasks and costs that are measured, and what tasks are measured with."""
    tasks = stage.parameters.get("tasks", {})
    told = [tasks.get(key) for key in ("gates", "toolchain", "functions")]
    return [*(stage.parameters.get(key) for key in ("outputs", "gates", "metrics")), *told]


def _given(port: Mapping[str, Any]) -> list[Any]:
    """Return the dtype that the caller gives, and the order of axes and the size where they aren't the model's."""
    steps = port["preprocess"]
    return [port["dtype"], None] if steps is None else [steps[key] for key in ("dtype", "order", "resize")]


def _given_to(deployment: Deployment, found: dict[str, Any]) -> dict[str, Any]:
    """Return its properties, each with what the devices before it are given."""
    names = {f"properties.{p.name}": p.value for p in deployment.properties}
    return {name: {**found.get(name, {}), deployment.device: value} for name, value in names.items()}


def _stage_changes(before: Plan | None, after: Plan) -> tuple[StageChange, ...]:
    old = {} if before is None else {s.name: s.digest for s in before.stages}
    new = {s.name: s.digest for s in after.stages}
    found = [
        StageChange(name, "changed" if name in old else "new")
        for name, digest in new.items()
        if old.get(name) != digest
    ]
    return (*found, *(StageChange(name, "gone") for name in old if name not in new))


def _verbs(before: Plan | None, after: Plan) -> tuple[set[str], set[str]]:
    """Return the verbs of stages that differ, and of these the ones that are run anew.

    The stages of a fallback that came or went don't count: the target's models are what they were.
    """
    touched, run = set[str](), set[str]()
    for stage, is_run in _differing_stages(before, after):
        touched.add(stage.verb)
        if is_run:
            run.add(stage.verb)
    return touched, run


def _differing_stages(before: Plan | None, after: Plan) -> Iterator[tuple[PlannedStage, bool]]:
    old = {} if before is None else {s.name: s for s in before.stages if not s.on_failure}
    new = {s.name: s for s in after.stages if not s.on_failure}
    targets = {_target(plan) for plan in (before, after) if plan is not None}
    both = _devices(after) & _devices(before or after)
    for name in [*new, *(name for name in old if name not in new)]:
        stage = new.get(name) or old[name]
        device = stage.parameters.get("device")
        moved = len(targets) > 1 and device == _target(after)
        counts = device is None or device in both or (device in targets and len(targets) > 1)
        if counts and (moved or name not in old or name not in new or old[name].digest != new[name].digest):
            yield stage, name in new


def _followers(*plans: Plan | None) -> dict[str, set[str]]:
    """Return each verb with all that read what it made, directly or not, and itself."""
    found = defaultdict[str, set[str]](set)
    for plan in plans:
        verbs = {} if plan is None else {stage.name: stage.verb for stage in plan.stages}
        for stage in () if plan is None else reversed(plan.stages):
            found[stage.verb].add(stage.verb)
            for name in verbs.keys() & stage.inputs:  # a damaged plan may name others
                found[verbs[name]] |= found[stage.verb]
    return found


def _reached(effect: Effect, parts: set[str], touched: set[str], followers: Mapping[str, set[str]]) -> set[str]:
    """Return the verbs that a change has reached: those that read what differs, and those that follow them."""
    first = {verb for name in effect.parts if name in parts for verb in part_of(name).verbs} & touched
    return {verb for start in first for verb in followers[start]} & touched


def _consequences(
    effect: Effect, parts: set[str], reached: set[str], touched: set[str], run: set[str]
) -> tuple[Consequence, ...]:
    differing = [part_of(name) for name in effect.parts if name in parts]
    found: set[Consequence] = {c for part in differing for c in part.consequences if c is not Consequence.ACCURACY}
    # What no stage reads, such as a recipe without quantization, can't change what the model answers.
    if any(Consequence.ACCURACY in p.consequences and (not p.verbs or touched & {*p.verbs}) for p in differing):
        found.add(Consequence.ACCURACY)
    found |= {*effect.always}
    return _ordered(found | _made(reached & run))


def _made(verbs: set[str]) -> set[Consequence]:
    """Return what it means that stages are run anew."""
    kinds = {
        **dict.fromkeys(("quantize", "mix", "control"), Consequence.REQUANTIZE),
        **dict.fromkeys(("ahead", "compile", "curve", "gain"), Consequence.RECOMPILE),
        **dict.fromkeys(_MEASURING, Consequence.REMEASURE),
    }
    return {kinds[verb] for verb in verbs & kinds.keys()}


def _ordered(found: set[Consequence]) -> tuple[Consequence, ...]:
    if Consequence.RECOMPILE in found:
        found = found - {Consequence.RELOAD, Consequence.REMEASURE}
    return tuple(c for c in Consequence if c in found) or (Consequence.NOTHING,)


def _unexplained(before: Plan | None, after: Plan, verbs: set[str], run: set[str]) -> list[Change]:
    """Return a change for the first stage that differs though nothing that it reads does.

    Another npuspec of the same version made it, or made the plan.
    """
    if before is None:
        return []
    old = {s.name: s.digest[:12] for s in before.stages}
    new = {s.name: s.digest[:12] for s in after.stages}
    for stage, _ in _differing_stages(before, after):
        if stage.verb in verbs:
            what, digests = f"stage {stage.name}", (old.get(stage.name), new.get(stage.name))
            return [Change(what, *digests, _ordered(_made(verbs & run) | {Consequence.ACCURACY}))]
    return []


def _reasons(changes: list[Change]) -> tuple[Reason, ...]:
    reasons = []
    for consequence in Consequence:
        causes = [change.sentence() for change in changes if consequence in change.consequences]
        if causes:
            more = [f"{len(causes) - _MOST_CAUSES} more changes"] if len(causes) > _MOST_CAUSES + 1 else []
            shown = causes if not more else causes[:_MOST_CAUSES] + more
            reasons.append(Reason(consequence, tuple(shown)))
    return tuple(reasons)
