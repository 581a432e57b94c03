"""What each key of the language can affect. `plan/diff.py` holds it against what did change in the lowered plans.

A key reaches *parts* of a plan, which count only where they differ, and has *consequences* of its own where no part of
a plan shows them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from npuspec.npu import property_table


class Consequence(StrEnum):
    """What follows from a change, the least first. What is part of a greater one isn't said beside it."""

    NOTHING = "nothing"
    """Nothing that runs is another."""
    RELOAD = "reload"
    """A session has to open the new bundle; no model in it is another. Part of `recompile`."""
    REMEASURE = "remeasure"
    """The gates are held anew, on other figures or to other limits. Part of `recompile`."""
    RECOMPILE = "recompile"
    """A model is compiled anew, measured, and loaded."""
    REQUANTIZE = "requantize"
    """A model is quantized anew."""
    INTERFACE = "interface changes"
    """Whoever calls a session gives or gets something else."""
    ACCURACY = "accuracy may change"
    """What the model answers may be another."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a plan: the stages that read it, and what follows where it differs."""

    verbs: tuple[str, ...] = ()
    consequences: tuple[Consequence, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a key can affect: parts of the plan, and what follows from any change of it."""

    parts: tuple[str, ...] = ()
    always: tuple[Consequence, ...] = ()


_C = Consequence
_FED = ("quantize", "control", "verify", "budget")
_DEVICE = ("compile", "verify", "budget")

PARTS = {
    "batch": Part(_FED, (_C.RELOAD, _C.INTERFACE)),
    "blob": Part(("compile",)),
    "cache": Part(("budget",), (_C.RELOAD,)),
    "calibration": Part(("quantize", "control"), (_C.ACCURACY,)),
    "core": Part(_DEVICE, (_C.RELOAD,)),
    "decodes": Part(("mix", "control", "compare", "verify")),
    "device": Part(_DEVICE, (_C.RELOAD, _C.ACCURACY)),
    "dims": Part(_FED, (_C.RELOAD, _C.INTERFACE)),
    "entry": Part(("read",)),
    "fallbacks": Part((), (_C.RELOAD,)),
    "folds": Part(("shape",), (_C.ACCURACY,)),
    "given": Part((), (_C.INTERFACE,)),
    "inputs": Part(_FED, (_C.RELOAD,)),
    "labels": Part(("mix", "control", "compare", "verify")),
    "layouts": Part(("shape",)),
    "held": Part(("mix", "control")),
    "load": Part(("budget",), (_C.RELOAD,)),
    "measured": Part(("rank", "compare", "verify", "budget")),
    "model": Part(("read",), (_C.ACCURACY,)),
    "original": Part(_FED),
    "outputs": Part(_FED, (_C.RELOAD, _C.INTERFACE)),
    "overflow": Part(_FED, (_C.RELOAD,)),
    "padding": Part((), (_C.ACCURACY,)),
    "platforms": Part(("ahead", "curve", "gain", "mix"), (_C.RELOAD,)),
    "properties": Part((*_DEVICE, "ahead", "curve", "gain"), (_C.RELOAD,)),
    "recipe": Part(("quantize", "control"), (_C.ACCURACY,)),
    "rewrite": Part(("rank", "mix", "control", "compare", "shape"), (_C.ACCURACY,)),
    "toolchain": Part(("read",), (_C.ACCURACY,)),
    "validation": Part(("compare", "verify")),
    "variants": Part(("quantize", "control", "shape"), (_C.ACCURACY,)),
}
"""`core`, `properties` and `recipe` have a dot and a name behind them: each of their values is a part."""

_PROGRAM = ("batch", "dims", "inputs", "folds", "given", "outputs", "variants", "original", "rewrite")
_KEPT = ("recipe.keep_names",)
_MODEL = Effect(("model", "entry", *_PROGRAM, *_KEPT))
_DATA = Effect(("calibration", "validation", "labels"))
_SIZES = Effect(("variants", "dims", "overflow", "inputs", "given", "outputs", "original", "rewrite"))
_LENGTH = Effect(("outputs", "dims", "overflow", "rewrite"))
_SELECT = Effect(("inputs", "outputs", "overflow", "variants", "rewrite"), (_C.INTERFACE,))
_FILLED = Effect(("inputs", "given", "variants", "original", "rewrite"))
_PADDING = Effect(("inputs", "padding", "original", "rewrite"))
_STEPS = ("inputs", "original", "folds", "layouts", "variants")
_GIVEN = Effect((*_STEPS, "given"), (_C.INTERFACE,))
_COMPUTED = Effect(_STEPS, (_C.ACCURACY,))
_CHUNKS = Effect(("overflow",), (_C.ACCURACY,))
_SESSION = Effect(("load",), (_C.RELOAD,))
_DECODE = Effect(("decodes",))
_LABELS = Effect(("labels",))
_MEASURED = Effect(("measured",))
_GATE = Effect(("measured", "held"), (_C.REMEASURE,))
_NONE = Effect()


def _recipe(*names: str) -> Effect:
    return Effect(tuple(f"recipe.{name}" for name in names))


EFFECTS = {
    "batching.candidates": _NONE,
    "batching.size": Effect(("variants", "batch", "outputs", "layouts")),
    "cache.kind": Effect(("blob", "cache", "properties.NPU_BYPASS_UMD_CACHING")),
    "data.field": _DATA,
    "data.function": _DATA,
    "data.input": _DATA,
    "data.labels": _LABELS,
    "data.labels-sha256": _LABELS,
    "data.sample-rate": _DATA,
    "data.sha256": _DATA,
    "data.source": _DATA,
    "data.token-types": _DATA,
    "data.tokenizer": _DATA,
    "data.tokenizer-sha256": _DATA,
    "dims.*.lengths": _NONE,
    "dims.*.overflow": Effect(("overflow",), (_C.INTERFACE,)),
    "dims.*.overlap": _CHUNKS,
    "dims.*.size": _SIZES,
    "dims.*.sizes": _SIZES,
    "dims.*.stitch": _CHUNKS,
    "dims.*.strategy": _SIZES,
    "gates.*.against": _GATE,
    "gates.*.compared": _GATE,
    "gates.*.figure": _GATE,
    "gates.*.function": _GATE,
    "gates.*.max": _GATE,
    "gates.*.metric": _GATE,
    "gates.*.min": _GATE,
    "gates.*.of": _GATE,
    "gates.*.output": _GATE,
    "gates.*.platform": _GATE,
    "gates.*.variant": _GATE,
    "inputs.*.built": _FILLED,
    "inputs.*.dim": _FILLED,
    "inputs.*.finite": Effect(("inputs", "given")),
    "inputs.*.layout": Effect(_STEPS),
    "inputs.*.of": _FILLED,
    "inputs.*.pad-multiple": Effect(("inputs", "dims", "overflow")),
    "inputs.*.pad-side": _PADDING,
    "inputs.*.pad-value": _PADDING,
    "inputs.*.preprocess.dtype": _GIVEN,
    "inputs.*.preprocess.layout": _GIVEN,
    "inputs.*.preprocess.mean": _COMPUTED,
    "inputs.*.preprocess.place": _COMPUTED,
    "inputs.*.preprocess.resize": Effect(_GIVEN.parts, (_C.INTERFACE, _C.ACCURACY)),
    "inputs.*.preprocess.scale": _COMPUTED,
    "inputs.*.preprocess.swap-channels": _COMPUTED,
    "inputs.*.role": _FILLED,
    "inputs.*.shape": _SIZES,
    "load.batch-wait-ms": _SESSION,
    "load.kind": _SESSION,
    "load.queue": _SESSION,
    "load.requests": _SESSION,
    "load.warm": _SESSION,
    "model.sha256": _MODEL,
    "model.source": _MODEL,
    "outputs.*.decode.blank": _DECODE,
    "outputs.*.decode.kind": _DECODE,
    "outputs.*.decode.separator": _DECODE,
    "outputs.*.decode.vocabulary": _DECODE,
    "outputs.*.decode.vocabulary-sha256": _DECODE,
    "outputs.*.length.axis": _LENGTH,
    "outputs.*.length.dim": _LENGTH,
    "outputs.*.length.divisor": _LENGTH,
    "outputs.*.length.offset": _LENGTH,
    "outputs.*.length.scale": _LENGTH,
    "outputs.*.select.axis": _SELECT,
    "outputs.*.select.dim": _SELECT,
    "outputs.*.select.kind": _SELECT,
    "quantization.activations-range": _recipe("activations_range"),
    "quantization.drop-type": _recipe("drop_type"),
    "quantization.fast-bias-correction": _recipe("fast_bias_correction"),
    "quantization.group-size": _recipe("group_size"),
    "quantization.keep.names": _recipe("keep_names"),
    "quantization.keep.patterns": _recipe("keep_names"),
    "quantization.keep.subgraphs": _recipe("keep_names"),
    "quantization.keep.types": _recipe("keep_types"),
    "quantization.max-drop": _recipe("max_drop"),
    "quantization.mode": Effect(("recipe.mode", *_DATA.parts)),
    "quantization.model-type": _recipe("model_type"),
    "quantization.overflow-fix": _recipe("overflow_fix"),
    "quantization.preset": _recipe("preset"),
    "quantization.samples": Effect(("recipe.subset_size", *_DATA.parts)),
    "quantization.smooth-quant-alpha": _recipe("smooth_quant_alpha"),
    "quantization.weights-mode": _recipe("weights_mode"),
    "target.device": Effect(("device", "fallbacks")),
    "target.fallback": Effect(("fallbacks",)),
    "target.platforms": Effect(("platforms",)),
}
"""Every key but the properties, which `npuspec.npu` knows; `*` stands for a name, and for a gate."""

_NUMERIC = frozenset({
    "ACTIVATIONS_SCALE_FACTOR",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE",
    "EXECUTION_MODE_HINT",
    "INFERENCE_PRECISION_HINT",
    "KV_CACHE_PRECISION",
    "NPU_COMPILATION_MODE_PARAMS",
    "NPU_COMPILER_DYNAMIC_QUANTIZATION",
    "NPU_COMPILER_TYPE",
    "NPU_QDQ_OPTIMIZATION",
})  # fmt: skip
"""Properties that can change what a model answers, and not only how fast; any that isn't known may do so too."""

_NAMED = ("dims", "inputs", "outputs")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|[^."]+')


def part_of(name: str) -> Part:
    """Return what PARTS says of a part by its full name."""
    kind, _, rest = name.partition(".")
    part = PARTS[kind]
    if kind != "properties" or (rest not in _NUMERIC and any(row.name == rest for row in property_table().values())):
        return part
    return Part(part.verbs, (*part.consequences, Consequence.ACCURACY))


def effect_of(what: str) -> Effect:
    """Return what a change can affect: a setting by its path in the plan, or the version of a tool."""
    if what.startswith("gates["):
        return _GATE
    table, *keys = _KEY.findall(what) or [what]
    if table == "code" or what == "toolchain.jiwer":
        return _MEASURED
    if table == "toolchain":
        return Effect(("toolchain", *_PROGRAM, *_KEPT))
    if table == "properties" and keys:
        return _property(keys)
    return EFFECTS.get(".".join([table, *(["*", *keys[1:]] if table in _NAMED else keys)]), _NONE)


def _property(keys: list[str]) -> Effect:
    group, key = keys if len(keys) > 1 else ("", keys[0])
    row = property_table().get(key)
    name = key if row is None or group == "unchecked" else row.name
    return Effect((f"{group if group == 'core' else 'properties'}.{name}",))
