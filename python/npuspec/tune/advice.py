"""Judge advice on a model: each piece by two candidates that differ in nothing else."""

from collections.abc import Iterator

import tomli
from msgspec import structs

from npuspec.tune.edit import put
from npuspec.tune.model import Judgement, Row, Verdict
from npuspec.tune.search import Search

_DIFFERENCE = 0.03
"""What is less is no effect: an estimate isn't a measurement, and a measurement has noise."""
_BATCHES = (4, 8, 16)
_AXES, _CHANNELS = 4, (1, 3, 4)  # of pictures
_UNKNOWN: Judgement = "can't be known here"


def judge(search: Search) -> tuple[Verdict, ...]:
    """Return what comes of each piece of advice on a knob that is tried; what it takes beyond the search is run now."""
    judges = {
        "turbo": ("turbo", _turbo),
        "int8": ("precision", _int8),
        "nhwc": ("layout", _nhwc),
        "batch": ("batch", _batch),
        "caches": ("hint", _caches),
        "buckets": ("buckets", _buckets),
        "hint": ("hint", _hint),
        "async": ("requests", _async),
    }
    asked = {name: found for name, (knob, found) in judges.items() if knob in search.space.asked}
    plain = _changed(search)
    if plain.latency_us is None:
        return tuple(_cant(name, f"the plain candidate can't be timed: {plain.lost}") for name in asked)
    return tuple(verdict for found in asked.values() for verdict in found(search, plain))


def _turbo(search: Search, _plain: Row) -> Iterator[Verdict]:
    if "turbo" not in search.space.knobs:
        yield _cant("turbo", search.space.left_out["turbo"])
        return
    before, after = (_changed(search, turbo=value) for value in (False, True))
    yield compared("turbo", "latency_us", before, after)


def _int8(search: Search, plain: Row) -> Iterator[Verdict]:
    if tomli.loads(search.space.text).get("data") is None:
        yield _cant("int8", "the spec has no samples to calibrate on")
        return
    yield _held(search, plain, "int8", "latency_us", precision="int8")


def _nhwc(search: Search, plain: Row) -> Iterator[Verdict]:
    text = search.space.text_of(search.space.plain)
    for name, port in tomli.loads(text)["inputs"].items():
        shape = port.get("shape", ())
        if len(shape) != _AXES or port.get("layout", "NCHW") != "NCHW" or shape[1] not in _CHANNELS:
            continue
        at = ("inputs", name)
        turned = {(*at, "layout"): "NCHW", (*at, "preprocess", "layout"): "NHWC", (*at, "preprocess", "place"): "model"}
        if port.get("preprocess", {}).get("layout") == "NHWC":
            tried = f"{name} as NHWC, turned in the model and not before it"
        else:
            tried = f"{name} as NHWC, turned in the model"
        row = search.cost(tried, put(text, turned))
        yield compared("nhwc", "latency_us", plain, row)
        return
    yield Verdict(advice="nhwc", verdict="no effect", why="no input has four axes with the channels first")


def _batch(search: Search, plain: Row) -> Iterator[Verdict]:
    if search.bench.platform is not None and not search.bench.side_by_side:
        search = search.side_by_side()
        plain = _changed(search)
    for size in _BATCHES:
        found = _held(search, plain, "batch", "sample_us", batch=size)
        yield found
        if found.verdict == "harms":
            return


def _caches(search: Search, plain: Row) -> Iterator[Verdict]:
    if search.bench.platform is not None:
        spared = (
            f"compiling takes {plain.compile_s:.1f} s on this machine, which a cache spares" if plain.compile_s else ""
        )
        yield _cant("caches", "; ".join(filter(None, (spared, "how long an NPU's driver takes to load isn't known"))))
        return
    starts = search.bench.starts(search.space.text_of(search.space.plain))
    cold, warm = starts["cold"]["load"] * 1e3, starts["warm"]["load"] * 1e3
    yield Verdict(
        advice="caches",
        verdict=_verdict(cold, warm),
        tried="with a compiled model that was kept",
        what="loading",
        before=cold,
        after=warm,
        evidence=f"measured on {search.bench.device}, {starts['warm']['count']} starts",
    )


def _buckets(search: Search, plain: Row) -> Iterator[Verdict]:
    if "buckets" not in search.space.plain:
        dims = tomli.loads(search.space.text).get("dims", {}).values()
        if any(dim.get("strategy") != "fixed" for dim in dims):
            yield _cant("buckets", search.space.left_out["buckets"])
        else:
            yield Verdict(advice="buckets", verdict="no effect", why="no dimension is padded")
        return
    name, sizes = search.space.plain["buckets"]
    one = _changed(search, buckets=(name, sizes[-1:]))
    yield structs.replace(compared("buckets", "latency_us", one, plain), tried=f"{name} {'/'.join(map(str, sizes))}")


def _hint(search: Search, _plain: Row) -> Iterator[Verdict]:
    if "hint" not in search.space.plain:
        yield _cant("hint", search.space.left_out["hint"])
        return
    before, after = (_changed(search, hint=value) for value in ("LATENCY", "THROUGHPUT"))
    yield compared("hint", "sample_us", before, after)


def _async(search: Search, plain: Row) -> Iterator[Verdict]:
    if search.bench.platform is not None:
        yield _cant("async", search.space.left_out["requests"])
        return
    many = _changed(search, requests=None) if "requests" in search.space.plain else plain
    stated = tomli.loads(search.space.text).get("load", {}).get("requests")
    if many is plain and stated == 1:
        yield _cant("async", "the spec has one inference at a time: try --objective throughput")
        return
    how = "as the device finds best" if many is not plain or stated is None else f"as the spec says, {stated}"
    one = (plain.latency_us or 0.0) / plain.batch
    yield Verdict(
        advice="async",
        verdict=_verdict(one, many.sample_us or one),
        tried=f"as many inferences at a time {how}",
        what="time for a sample",
        before=one,
        after=many.sample_us,
        evidence=many.evidence,
    )


def _changed(search: Search, **values: object) -> Row:
    """Return what the plain candidate costs with other values."""
    point = {**search.space.plain, **values}
    return search.cost(search.space.shown(point), search.space.text_of(point))


def _held(search: Search, plain: Row, advice: str, figure: str, **values: object) -> Verdict:
    """Judge what changes the answers: what doesn't hold its gates harms, whatever it costs."""
    point = {**search.space.plain, **values}
    name, text = search.space.shown(point), search.space.text_of(point)
    row = search.verdict(name, text)
    found = compared(advice, figure, plain, row if row.latency_us is not None else search.cost(name, text))
    return structs.replace(found, verdict="harms", why=row.lost) if row.failed and found.after is not None else found


def compared(advice: str, figure: str, before: Row, after: Row) -> Verdict:
    """Judge by a figure of two rows, as far as they can be compared."""
    one, other = getattr(before, figure), getattr(after, figure)
    found = Verdict(
        advice=advice,
        verdict=_UNKNOWN,
        tried=after.name,
        what="latency" if figure == "latency_us" else "time for a sample",
        before=one,
        after=other,
        evidence=after.evidence or before.evidence,
    )
    if one is None or other is None:
        return structs.replace(found, why=after.lost or before.lost)
    verdict = _verdict(one, other)
    more, less = {*after.uncosted} - {*before.uncosted}, {*before.uncosted} - {*after.uncosted}
    if (more and verdict != "harms") or (less and verdict != "helps"):
        left_out = ", ".join(sorted(more | less))
        return structs.replace(found, why=f"only one of the two estimates counts {left_out}")
    return structs.replace(found, verdict=verdict)


def _verdict(before: float, after: float) -> Judgement:
    if after < before * (1 - _DIFFERENCE):
        return "helps"
    return "harms" if after > before * (1 + _DIFFERENCE) else "no effect"


def _cant(advice: str, why: str) -> Verdict:
    return Verdict(advice=advice, verdict=_UNKNOWN, why=why)
