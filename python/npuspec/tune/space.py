"""What is tried on a spec: the knobs with their values, and the text that a choice of values makes of the spec's."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import prod
from typing import Any

import tomli

from npuspec.buckets import choose
from npuspec.diagnostics import Path
from npuspec.spec import Spec, models
from npuspec.tune.edit import add_gates, drop, put
from npuspec.tune.estimated import TILES, for_platform

Point = Mapping[str, Any]
"""A value for each knob."""

ESTIMATED = ("precision", "batch", "tiles", "layout", "buckets")
RUNNING = ("hint", "streams", "requests", "turbo")
"""What only a device that runs can tell of."""
KNOBS = (*ESTIMATED, *RUNNING)
"""In the order in which they are tried."""
OBJECTIVES = ("latency", "throughput", "size")
BATCHES = (1, 2, 4, 8, 16)
_RUNNING_VALUES: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "CPU": {"hint": (None, "LATENCY", "THROUGHPUT"), "streams": (-1, 1, 2), "requests": (None, 1, 2, 4, 8)},
    "NPU": {"hint": (None, "LATENCY", "THROUGHPUT"), "requests": (None, 1, 2, 4, 8), "turbo": (False, True)},
}
_PLACES: Mapping[str, Path] = {
    "hint": ("properties", "performance-hint"),
    "streams": ("properties", "num-streams"),
    "requests": ("load", "requests"),
    "turbo": ("properties", "turbo"),
}
_ALONE = {"requests": "one inference at a time needs no more than one request"}
_NOT_THERE = {"streams": "on an NPU they are threads of the host", "turbo": "a CPU has none"}
_UNKNOWABLE = "an estimate is of one inference at a time at one clock: only a device that runs shows it"
_NO_LENGTHS = "it takes one dimension of buckets with `lengths`, real ones, to weigh sizes"
_MOST_SIZES = 5  # of a dimension: each further one doubles the choices of buckets
_USUAL = 300  # samples that calibrate
_MODES = {"batched": ("batched", "quantized", "static"), "quantized": ("quantized", "static"), "static": ("static",)}
"""What a gate may be of instead, where a candidate has no such model."""
_ABOUT = ("metric", "output", "variant", "function", "against", "compared")


@dataclass(frozen=True, slots=True)
class Known:
    """What candidates need to know of a model, its data, and what they are tried on."""

    device: str
    """What is measured on."""
    platform: str | None
    """The NPU whose compiler's estimate counts; None where what is measured does."""
    samples: int
    attention: bool
    front_end: Mapping[str, list[str]] | None
    """The part of the model that makes a spectrum, by where it begins and ends."""
    lengths: Mapping[int, int]
    """How often each real length occurs; empty where the spec has none for one dimension of buckets."""


@dataclass(frozen=True, slots=True)
class Space:
    """The candidates of a spec.

    Attributes:
        text: the spec's.
        knobs: the values of each knob that is tried, in the order in which they are.
        plain: FP16 at batch 1 where these are tried, and else what the spec says.
        left_out: why a knob isn't tried.
        asked: the knobs that are to be tried, as far as they can.

    """

    text: str
    known: Known
    knobs: dict[str, tuple[Any, ...]]
    plain: dict[str, Any]
    left_out: dict[str, str]
    asked: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many candidates there are."""
        return prod(map(len, self.knobs.values()))

    @property
    def points(self) -> Iterator[dict[str, Any]]:
        """All candidates."""
        for values in product(*self.knobs.values()):
            yield dict(zip(self.knobs, values, strict=True))

    def text_of(self, point: Point) -> str:
        """Return the spec's text with the values of a point; what it says already isn't written."""
        text = self.text
        if "precision" in point:
            text = _with_precision(text, point["precision"], self.known)
        if point.get("precision") == "mixed" and self.known.platform is not None:
            text = for_platform(text, self.known.platform)
        if "batch" in point:
            text = _with_batch(text, point["batch"], self.known)
        if "tiles" in point:
            text = _with_tiles(text, point["tiles"], self.known)
        for name, place in point.get("layout", ()):
            text = put(text, {("inputs", name, "preprocess", "place"): place})
        if "buckets" in point:
            name, sizes = point["buckets"]
            text = _with_sizes(text, name, sizes)
        for knob in RUNNING:
            if point.get(knob, self.plain.get(knob)) != self.plain.get(knob):
                value = point[knob]
                text = drop(text, [_PLACES[knob]]) if value is None else put(text, {_PLACES[knob]: value})
        return _with_gates(text, self.text)

    def shown(self, point: Point) -> str:
        """Return a point in words: its precision and batch, and what else isn't as in the plain one."""
        told = [
            _word(knob, value)
            for knob, value in point.items()
            if knob in ("precision", "batch") or value != self.plain[knob]
        ]
        return ", ".join(told) or "as it is"


def _word(knob: str, value: Any) -> str:
    match knob:
        case "precision":
            return {"none": "FP16", "int8": "INT8"}.get(value, str(value))
        case "layout":
            return ", ".join(f"{name} {'in the model' if place == 'model' else place}" for name, place in value)
        case "buckets":
            return f"{value[0]} {'/'.join(map(str, value[1]))}"
    return f"{knob} {value}"


def space_of(text: str, spec: Spec, known: Known, objective: str, only: tuple[str, ...] = KNOBS) -> Space:
    """Return what is to be tried.

    Args:
        text: the spec's.
        spec: the spec.
        known: what is known of its model and data.
        objective: `latency`, `throughput` or `size`.
        only: the knobs that are tried.

    """
    found: dict[str, tuple[tuple[Any, ...], Any]] = {"precision": (_precisions(spec), "none")}
    found["batch"] = _with_first(spec.batching.candidates or BATCHES, 1), 1
    left_out: dict[str, str] = {}
    for knob, (values, why) in {
        "tiles": _tiles(known.platform, objective),
        "layout": (_layouts(spec), "no input has a preprocess, which may be done in the model or before it"),
        "buckets": (_buckets(spec, known.lengths), _NO_LENGTHS),
        **{knob: _running(spec, known, knob, objective) for knob in RUNNING},
    }.items():
        if values:
            found[knob] = values, values[0]
        else:
            left_out[knob] = why
    for knob in KNOBS:
        if knob not in only and found.pop(knob, None) is not None:
            left_out[knob] = "it wasn't asked for"
    knobs = {knob: found[knob][0] for knob in KNOBS if knob in found}
    return Space(text, known, knobs, {knob: found[knob][1] for knob in knobs}, left_out, only)


def _with_first(values: Iterable[int], first: int) -> tuple[int, ...]:
    return tuple(sorted({first, *values}))


def _tiles(platform: str | None, objective: str) -> tuple[tuple[int, ...], str]:
    """Return the numbers of tiles, or why there are none: the one that an NPU takes for LATENCY first."""
    if platform is None:
        return (), "it is an NPU's, and known of one for which is compiled"
    if platform not in TILES:
        return (), f"how many NPU {platform} takes for either hint isn't known"
    if objective == "throughput":
        return (), "an estimate is of one inference at a time, and says nothing of those on the other tiles"
    return (*reversed(TILES[platform]),), ""


def _running(spec: Spec, known: Known, knob: str, objective: str) -> tuple[tuple[Any, ...], str]:
    """Return the values of what only a running device tells of, or why there are none: the spec's own first."""
    if known.platform is not None:
        return (), _UNKNOWABLE
    if knob not in (values := _RUNNING_VALUES[known.device]):
        return (), _NOT_THERE[knob]
    if objective == "size" or (objective == "latency" and knob in _ALONE):
        return (), _ALONE.get(knob, "it changes no size") if objective == "latency" else "it changes no size"
    table, key = _PLACES[knob]
    stated = spec.load.requests if table == "load" else spec.properties.device.get(str(key))
    first = stated if stated is not None else values[knob][0]
    return (first, *(value for value in values[knob] if value != first)), ""


def _precisions(spec: Spec) -> tuple[str, ...]:
    stated = spec.quantization.mode
    tried = ["none", "int8", "mixed"] if spec.data is not None else ["none"]
    return tuple(tried if stated in tried else [*tried, stated])


def _layouts(spec: Spec) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Return where each input's steps may be done, as the spec says first."""
    stated = {
        name: table.preprocess.place
        for name, table in sorted(spec.inputs.items())
        if isinstance(table, models.DataInput) and table.preprocess is not None and table.preprocess.resize == "none"
    }
    other = {"model": "native", "native": "model"}
    turned = [tuple({**stated, name: other[place]}.items()) for name, place in stated.items()]
    return (tuple(stated.items()), *turned) if stated else ()


def bucketed(spec: Spec) -> tuple[str, models.BucketsDim] | None:
    """Return the one dimension that is padded, with its name, if it has buckets and real lengths."""
    padded = {name: dim for name, dim in spec.dims.items() if not isinstance(dim, models.FixedDim)}
    name, dim = next(iter(padded.items()), ("", None))
    if len(padded) != 1 or not isinstance(dim, models.BucketsDim) or dim.lengths is None:
        return None
    return name, dim


def _buckets(spec: Spec, lengths: Mapping[int, int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the sizes as the spec has them, then without some, then those that waste the least.

    The largest stays, or other samples would fit.
    """
    found = bucketed(spec)
    if found is None:
        return ()
    name, dim = found
    *smaller, largest = dim.sizes
    counts = range(min(len(smaller), _MOST_SIZES), -1, -1)
    fewer = [(*chosen, largest) for count in counts for chosen in combinations(smaller, count)]
    within = Counter({largest: 1})
    for length, number in lengths.items():
        within[min(max(length, 1), largest)] += number
    choices = choose(within, {size: Fraction(size) for size in within}, len(dim.sizes) + 1)
    better = [choice.sizes for choice in choices if len(choice.sizes) >= len(dim.sizes)]
    return tuple((name, sizes) for sizes in dict.fromkeys([*fewer, *better]))


def _with_precision(text: str, mode: str, known: Known) -> str:
    stated = tomli.loads(text).get("quantization", {})
    if mode == stated.get("mode", "none"):
        return text
    if mode == "none":
        return drop(text, [("quantization",)])
    values: dict[Path, Any] = {("quantization", "mode"): mode}
    if known.attention and "model-type" not in stated:
        values["quantization", "model-type"] = "transformer"
        values["quantization", "preset"] = stated.get("preset", "mixed")
    if "samples" not in stated and known.samples * 2 // 3 < _USUAL:
        values["quantization", "samples"] = max(1, known.samples * 2 // 3)
    if mode == "int8" and known.front_end is not None:
        kept = stated.get("keep", {}).get("subgraphs", [])
        values["quantization", "keep", "subgraphs"] = [*kept, {**known.front_end}]
    return put(text, values)


def _with_sizes(text: str, name: str, sizes: Sequence[int]) -> str:
    """Set sizes, and hold each gate on a variant of all those that get its samples."""
    values = tomli.loads(text)
    stated = values["dims"][name]["sizes"]
    if stated == [*sizes]:
        return text
    gets = {
        f"{name}{upto}": [f"{name}{size}" for low, size in pairwise((0, *sizes)) if low < upto and size > above]
        for above, upto in pairwise((0, *stated))
    }
    changes: dict[Path, Any] = {("dims", name, "sizes"): [*sizes]}
    more: list[Mapping[str, Any]] = []
    for index, gate in enumerate(values.get("gates", ())):
        for number, variant in enumerate(gets.get(gate.get("variant"), ())):
            if number:
                more.append({**gate, "variant": variant})
            else:
                changes["gates", index, "variant"] = variant
    return add_gates(put(text, changes), more)


def _with_batch(text: str, size: int, known: Known) -> str:
    """Set the batch, left whole to an NPU's compiler, since its plugin would take it apart."""
    stated = tomli.loads(text)
    batching, properties = stated.get("batching", {}), stated.get("properties", {})
    candidates = batching.get("candidates", ())
    if size not in candidates and candidates:
        text = drop(text, [("batching", "candidates")])
    if size == batching.get("size", None if candidates else 1) == 1:
        return text
    values: dict[Path, Any] = {("batching", "size"): size}
    if size > 1 and properties.get("performance-hint") == "LATENCY":
        values["properties", "performance-hint"] = "THROUGHPUT"
    is_npu = known.platform is not None or known.device == "NPU"
    if size > 1 and is_npu:
        values["properties", "unchecked", "NPU_BATCH_MODE"] = "COMPILER"
    text = put(text, values)
    if size == 1 and "NPU_BATCH_MODE" in properties.get("unchecked", {}):
        text = drop(text, [("properties", "unchecked", "NPU_BATCH_MODE")])
    split = [("allow", i) for i, entry in enumerate(stated.get("allow", ())) if entry.get("code") == "split-batch"]
    return drop(text, split) if size == 1 or is_npu else text


def _with_tiles(text: str, tiles: int, known: Known) -> str:
    """Set how many tiles an NPU's compiler takes, unless that is what it takes anyway."""
    stated = tomli.loads(text)
    properties = stated.get("properties", {})
    batch = stated.get("batching", {}).get("size", 1)
    hint = properties.get("performance-hint", "LATENCY" if batch == 1 else "THROUGHPUT")
    throughput, latency = TILES[str(known.platform)]
    if properties.get("tiles", latency if hint == "LATENCY" else throughput) == tiles:
        return text
    return put(text, {("properties", "tiles"): tiles})


def _with_gates(text: str, before: str) -> str:
    """Hold what ships to the gates that the spec has for what shipped before.

    A gate of a model that there isn't any more is of the one that it was made of; and what is new is held to what the
    model that it is made of had to reach.
    """
    values = tomli.loads(text)
    gates = values.get("gates", [])
    there, were = _models(values), _models(tomli.loads(before))
    fitted = [_fitted(gate, there) for gate in gates]
    kept = [gate for gate in fitted if gate is not None]
    more = [] if there <= were else [gate for gate in _held(kept, there) if gate not in kept]
    changes: dict[Path, Any] = {}
    for index, (gate, fit) in enumerate(zip(gates, fitted, strict=True)):
        changes |= {("gates", index, key): value for key, value in (fit or {}).items() if value != gate.get(key)}
    gone: list[Path] = [("gates", index) for index, gate in enumerate(fitted) if gate is None or gate in fitted[:index]]
    return add_gates(drop(put(text, changes), gone), more)


def dropped(before: str, after: str) -> tuple[str, ...]:
    """Return the gates of a text that another has none for any more, in words: there is nothing to compare."""
    there = _models(tomli.loads(after))
    gates = [gate for gate in tomli.loads(before).get("gates", ()) if _fitted(gate, there) is None]
    return tuple(" ".join(f"{key} = {value}" for key, value in gate.items()) for gate in gates)


def _models(values: Mapping[str, Any]) -> set[str]:
    """Return the models that are made of a spec, by what gates call them."""
    there = {"static"}
    there |= {"quantized"} if values.get("quantization", {}).get("mode", "none") != "none" else set()
    return there | ({"batched"} if values.get("batching", {}).get("size", 1) > 1 else set())


def _fitted(gate: Mapping[str, Any], there: set[str]) -> dict[str, Any] | None:
    """Return a gate of models that are there; None where it would compare one with itself."""
    if "of" not in gate:
        return {**gate}
    fit = {**gate, "of": next(m for m in _MODES[gate["of"]] if m in there)}
    if "against" in gate:
        fit["against"] = next((m for m in _MODES.get(gate["against"], ()) if m in there), gate["against"])
    return None if fit["of"] == fit.get("against") else fit


def _held(gates: list[dict[str, Any]], there: set[str]) -> list[dict[str, Any]]:
    """Return gates on what ships for each figure of what it was made of that nothing holds it to."""
    ships = next(model for model in _MODES["batched"] if model in there)
    for of in [model for model in _MODES[ships][1:] if model in there]:
        measured = [gate for gate in gates if gate.get("of") == of and gate.get("against", "original") == "original"]
        if measured:
            held = {tuple(map(g.get, _ABOUT)) for g in gates if g.get("of") == ships}
            return [{**g, "of": ships} for g in measured if tuple(map(g.get, _ABOUT)) not in held]
    return []
