"""What is tried on a spec: the knobs with their values, and the text that a choice of values makes of the spec's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import tomli

from npuspec.diagnostics import Path
from npuspec.spec import Spec, models
from npuspec.tune.edit import add_gates, drop, put

Point = Mapping[str, Any]
"""A value for each knob."""

KNOBS = ("precision", "batch", "tiles", "layout", "buckets")
"""In the order in which they are tried."""
BATCHES = (1, 2, 4, 8, 16)
_TILES = {"3720": (1, 2), "4000": (2, 4), "5010": (1, 3)}
"""What Intel's compiler takes for THROUGHPUT and for LATENCY; what it makes of either hint is the same otherwise."""
_MOST_SIZES = 5  # of a dimension: each further one doubles the choices of buckets
_USUAL = 300  # samples that calibrate
_MODES = {"batched": ("batched", "quantized", "static"), "quantized": ("quantized", "static"), "static": ("static",)}
"""What a gate may be of instead, where a candidate has no such model."""


@dataclass(frozen=True, slots=True)
class Known:
    """What candidates need to know of a model and its data."""

    platform: str | None
    """The NPU that is compiled for; None where no NPU is meant."""
    samples: int
    attention: bool
    front_end: Mapping[str, list[str]] | None
    """The part of the model that makes a spectrum, by where it begins and ends."""


@dataclass(frozen=True, slots=True)
class Space:
    """The candidates of a spec.

    Attributes:
        text: the spec's.
        knobs: the values of each knob that is tried, in the order in which they are.
        plain: FP16 at batch 1, and else what the spec says.
        left_out: why a knob isn't tried.

    """

    text: str
    known: Known
    knobs: dict[str, tuple[Any, ...]]
    plain: dict[str, Any]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many candidates there are."""
        count = 1
        for values in self.knobs.values():
            count *= len(values)
        return count

    def text_of(self, point: Point) -> str:
        """Return the spec's text with the values of a point; what it says already isn't written."""
        text = self.text
        if "precision" in point:
            text = _with_precision(text, point["precision"], self.known)
        if "batch" in point:
            text = _with_batch(text, point["batch"], self.known)
        if "tiles" in point:
            text = _with_tiles(text, point["tiles"], self.known)
        for name, place in point.get("layout", ()):
            text = put(text, {("inputs", name, "preprocess", "place"): place})
        if "buckets" in point:
            name, sizes = point["buckets"]
            text = put(text, {("dims", name, "sizes"): [*sizes]})
        return _with_gates(text)

    def shown(self, point: Point) -> str:
        """Return a point in words: its precision and batch, and what else isn't as in the plain one."""
        return ", ".join(
            _word(knob, value)
            for knob, value in point.items()
            if knob in ("precision", "batch") or value != self.plain[knob]
        )


def _word(knob: str, value: Any) -> str:
    match knob:
        case "precision":
            return "FP16" if value == "none" else str(value)
        case "layout":
            return ", ".join(f"{name} in the {place}" if place == "model" else f"{name} {place}" for name, place in value)
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
    found: dict[str, tuple[tuple[Any, ...], Any]] = {
        "precision": (_precisions(spec), "none"),
        "batch": (spec.batching.candidates or BATCHES, 1),
    }
    left_out: dict[str, str] = {}
    if known.platform in _TILES:
        throughput, latency = _TILES[known.platform]
        found["tiles"] = (tuple(sorted({throughput, latency})), latency)
        if objective == "throughput":
            found["tiles"] = ((latency,), latency)
            left_out["tiles"] = "an estimate is of one inference at a time, and says nothing of those beside it"
    if layouts := _layouts(spec):
        found["layout"] = layouts, layouts[0]
    else:
        left_out["layout"] = "no input has a preprocess, which may be done in the model or before it"
    if buckets := [*_buckets(spec)]:
        found["buckets"] = tuple(buckets), buckets[0]
    else:
        left_out["buckets"] = "one dimension of buckets with `lengths`, real ones, is needed to weigh sizes"
    for knob in found.keys() - {*only}:
        found[knob] = (found[knob][1],), found[knob][1]
        left_out[knob] = "it wasn't asked for"
    knobs = {knob: found[knob][0] for knob in KNOBS if knob in found}
    return Space(text, known, knobs, {knob: found[knob][1] for knob in knobs}, left_out)


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


def _buckets(spec: Spec) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the sizes as the spec has them, and then without some; the largest stays, or other samples would fit."""
    padded = {name: dim for name, dim in spec.dims.items() if not isinstance(dim, models.FixedDim)}
    for name, dim in padded.items():
        if len(padded) > 1 or not isinstance(dim, models.BucketsDim) or dim.lengths is None:
            return
        *smaller, largest = dim.sizes
        for count in range(min(len(smaller), _MOST_SIZES), -1, -1):
            yield from ((name, (*chosen, largest)) for chosen in combinations(smaller, count))


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
    if size > 1 and known.platform is not None:
        values["properties", "unchecked", "NPU_BATCH_MODE"] = "COMPILER"
    text = put(text, values)
    if size == 1 and "NPU_BATCH_MODE" in properties.get("unchecked", {}):
        text = drop(text, [("properties", "unchecked", "NPU_BATCH_MODE")])
    return text


def _with_tiles(text: str, tiles: int, known: Known) -> str:
    """Set how many tiles an NPU's compiler takes, unless that is what it takes anyway."""
    stated = tomli.loads(text)
    properties = stated.get("properties", {})
    batch = stated.get("batching", {}).get("size", 1)
    hint = properties.get("performance-hint", "LATENCY" if batch == 1 else "THROUGHPUT")
    throughput, latency = _TILES[str(known.platform)]
    if properties.get("tiles", latency if hint == "LATENCY" else throughput) == tiles:
        return text
    return put(text, {("properties", "tiles"): tiles})


def _with_gates(text: str) -> str:
    """Hold what ships to the gates that the spec has for what shipped.

    A gate of a model that there isn't any more is of the one that it was made of; and what is new is held to what the
    model that it is made of had to reach.
    """
    values = tomli.loads(text)
    gates = values.get("gates", [])
    there = {"static"}
    there |= {"quantized"} if values.get("quantization", {}).get("mode", "none") != "none" else set()
    there |= {"batched"} if values.get("batching", {}).get("size", 1) > 1 else set()
    fitted = [_fitted(gate, there) for gate in gates]
    kept = [gate for gate in fitted if gate is not None]
    more = [gate for gate in _held(kept, there) if gate not in kept]
    changes: dict[Path, Any] = {}
    for index, (gate, fit) in enumerate(zip(gates, fitted, strict=True)):
        changes |= {("gates", index, key): fit[key] for key in ("of", "against") if fit and fit.get(key) != gate.get(key)}
    gone: list[Path] = [("gates", index) for index, gate in enumerate(fitted) if gate is None or gate in fitted[:index]]
    return add_gates(drop(put(text, changes), gone), more)


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
            held = {(g["metric"], g.get("output")) for g in gates if g.get("of") == ships}
            return [{**g, "of": ships} for g in measured if (g["metric"], g.get("output")) not in held]
    return []
