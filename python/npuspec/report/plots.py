"""The plots of a report, drawn by Vega-Lite into SVG that stands in the page: nothing is drawn or fetched later.

Colours are the page's CSS variables, so that a dark theme and a printer get their own. What a mark is, Vega writes into
its `aria-label`; here it becomes its `title`, which is read out as well and which browsers also show.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import isfinite
from typing import Any

import vl_convert

from npuspec.diagnostics.text import one_line
from npuspec.execute.gates import GateResult
from npuspec.report.model import Agreement, Choice, Latency, Layers, Report, Timeline
from npuspec.spec.models import ACCURACIES

Spec = dict[str, Any]

_VERSION = "6.4"
_COLOURS = [f"var(--c{number})" for number in range(1, 7)]
_ENGINES = {"DPU": _COLOURS[0], "SHAVE": _COLOURS[1], "DMA": _COLOURS[2]}
_SHAPES = ["circle", "diamond", "square", "triangle-up", "cross", "triangle-down"]
_POINT = {"type": "point", "filled": True, "size": 90, "opacity": 1}
_MOST_BARS = 20
_MOST_MARKS, _MOST_VALUES = 20_000, 60
"""A bundle may be a stranger's, and each mark is drawn, each value of a field has a place on an axis or a plot."""
_FIELDS = ("gate", "pair", "where", "precision", "layer", "type", "engine", "bundle")
"""What marks are put apart by."""
_WIDE, _NARROW, _TIMELINE = 620, 330, 2400
_FONT = 13
"""Pixels for which room is made; the page's style has fewer, since the reader's font may be a wider one."""
_INK, _FAINT = "var(--ink)", "var(--line)"
_MARK = re.compile(r'<(path|line) aria-label="([^"]*)" role="graphics-symbol" aria-roledescription="[^"]*"([^>]*)/>')
_CONFIG = {
    "background": None,
    "font": "sans-serif",
    "range": {"category": _COLOURS, "symbol": _SHAPES},
    "axis": {
        **dict.fromkeys(("labelColor", "titleColor"), _INK),
        **dict.fromkeys(("domainColor", "gridColor", "tickColor"), _FAINT),
        "titleFontWeight": "normal",
        "labelFontSize": _FONT,
        "labelLimit": 440,
        "titleFontSize": _FONT,
    },
    "legend": {"labelColor": _INK, "titleColor": _INK, "labelFontSize": _FONT, "labelLimit": 440},
    "header": {"labelColor": _INK, "labelFontSize": _FONT},
    "mark": {"color": _COLOURS[0]},
    "view": {"stroke": _FAINT},
    "text": {"color": _INK},
}


def gates_plot(gates: Iterable[GateResult]) -> str:
    """Draw each figure that is a share beside its limit; nothing where there is none."""
    rows = [
        {
            "gate": _gate(gate),
            "figure": gate.value,
            "limit": bound + (gate.original or 0.0 if gate.compared == "with-original" else 0.0),
            "verdict": "passed" if gate.passed else "failed",
            "told": gate.sentence(),
        }
        for gate in gates
        if 0 <= gate.value <= 1 and gate.metric in ACCURACIES
        for bound in (gate.min, gate.max)
        if bound is not None
    ]
    if not rows:
        return ""
    y = {"field": "gate", "type": "nominal", "title": None, "sort": None}
    title = "figure (dot) and limit (line)"
    scale = {"domain": ["passed", "failed"], "range": ["var(--good)", "var(--bad)"]}
    colour = {"field": "verdict", "title": None, "scale": scale}
    limit = {"x": _amount("limit", title, zero=False)}
    layers = [
        {"mark": {"type": "rule", "color": _INK, "aria": False}, "encoding": {**limit, "x2": {"field": "figure"}}},
        {"mark": {"type": "tick", "thickness": 3, "size": 16, "color": _INK, "aria": False}, "encoding": limit},
        {
            "mark": _POINT,
            "encoding": {"x": _amount("figure", title, zero=False), "color": colour, "description": {"field": "told"}},
        },
    ]
    return _draw({"width": _WIDE - 200, "encoding": {"y": y}, "layer": layers}, rows, "Gates: figures and limits")


def agreement_plot(agreements: Iterable[Agreement]) -> str:
    """Draw which share of the frames agrees, in each variant and padded to each."""
    rows = [
        {
            "pair": f"{row.of} against {row.against}, {row.output}",
            "where": row.where,
            "share": share,
            "told": f"{row.of} against {row.against}, {row.output}, {row.where}: {share:.4g} of {row.frames} frames",
        }
        for row in agreements
        if (share := row.figures.get("frame-agreement")) is not None and row.frames
    ]
    if not rows:
        return ""
    spec = {
        "width": _WIDE - 200,
        "height": {"step": 14, "for": "offset"},
        "mark": _POINT,
        "encoding": {
            "x": _amount("share", "share of frames that agree", zero=False),
            "y": {"field": "where", "type": "nominal", "title": None, "sort": None},
            "yOffset": {"field": "pair", "sort": None},
            **_told_apart("pair"),
        },
    }
    return _draw(spec, rows, "Agreement by variant")


def latency_plot(latencies: Sequence[Latency]) -> str:
    """Draw latency against the size of a bucket, for each device and batch by itself."""
    rows = [
        {
            "where": f"{row.where}, {row.kind}, batch {row.batch}",
            "places": row.places,
            "ms": row.ms,
            "precision": row.precision,
            "told": f"{row.variant}, {row.precision}, batch {row.batch}, {row.kind} on {row.where}: {row.ms:.4g} ms",
        }
        for row in latencies
    ]
    spec = {
        "facet": {"column": {"field": "where", "title": None, "sort": None}},
        "spec": {
            "width": _NARROW - 60,
            "height": 220,
            "encoding": {"x": _amount("places", "size of the variant"), "y": _amount("ms", "ms an inference")},
            "layer": [
                {
                    "mark": {"type": "line", "color": _FAINT, "aria": False},
                    "encoding": {"detail": {"field": "precision"}},
                },
                {"mark": _POINT, "encoding": _told_apart("precision")},
            ],
        },
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    return _draw(spec, rows, "Latency against the size of the bucket") if rows else ""


def choice_plot(choice: Choice) -> str:
    """Draw accuracy against latency, and the line of those that no other beats."""
    rows = [
        {
            "name": f"{c.name} ({choice.taken})" if c.taken else c.name,
            "accuracy": c.accuracy,
            "latency": c.latency,
            "kind": "best" if c.best else "beaten",
            "number": number,
            "told": f"{c.name}: {c.accuracy:.4g} at {c.latency:.5g}" + (", best of its choice" if c.best else ""),
        }
        for number, c in enumerate(choice.candidates)
    ]
    colour = {"field": "kind", "title": None, "scale": {"domain": ["best", "beaten"], "range": _COLOURS[:2]}}
    is_best = {"filter": {"field": "kind", "equal": "best"}}
    shape = {"field": "kind", "title": None, "scale": {"domain": ["best", "beaten"], "range": _SHAPES[:2]}}
    spec = {
        "width": _WIDE - 240,
        "height": 260,
        "encoding": {
            "x": _amount("latency", choice.latency, zero=False, padding=20),
            "y": _amount("accuracy", "accuracy", zero=False, padding=15),
        },
        "layer": [
            {
                "transform": [is_best],
                "mark": {"type": "line", "interpolate": "step-after", "color": _COLOURS[0], "aria": False},
            },
            {
                "mark": _POINT,
                "encoding": {"color": colour, "shape": shape, "description": {"field": "told"}},
            },
            *(
                {**_name(dy), "transform": [{"filter": f"datum.number % 2 == {turn}"}]}
                for turn, dy in enumerate((-9, 13))
            ),
        ],
    }
    return _draw(spec, rows, choice.title)


def layers_plot(layers: Layers) -> str:
    """Draw the operations that take longest."""
    rows = [
        {
            "layer": layer.name,
            "ms": layer.ms,
            "type": layer.type,
            "told": f"{layer.name}, {layer.type}, {layer.how}: {layer.ms:.3f} ms, {layer.share:.1%}",
        }
        for layer in layers.layers[:_MOST_BARS]
    ]
    return _bars(rows, "layer", f"Operations that take longest in {layers.variant}", height=15)


def types_plot(layers: Layers) -> str:
    """Draw how the time divides among the types of operations."""
    taken: dict[str, float] = defaultdict(float)
    for layer in layers.layers:
        taken[layer.type] += layer.ms
    whole = layers.ms or 1.0
    rows = [
        {"type": type_, "ms": ms, "told": f"{type_}: {ms:.3f} ms, {ms / whole:.1%}"}
        for type_, ms in sorted(taken.items(), key=lambda item: -item[1])[:_MOST_BARS]
    ]
    return _bars(rows, "type", f"Time of {layers.variant} by type of operation", height=18)


def timeline_plot(timeline: Timeline) -> str:
    """Draw what each engine does when."""
    rows = [
        {"engine": t.engine, "kind": t.kind, "begin": t.begin, "end": t.end, "told": told}
        for t in timeline.tasks
        for count in (f", {t.count} tasks" if t.count > 1 else "",)
        for told in (f"{t.name}: {t.begin:.1f} to {t.end:.1f} us{count}",)
    ]
    spec = {
        "width": _TIMELINE,
        "height": {"step": 20},
        "mark": {"type": "bar", "height": {"band": 0.8}},
        "encoding": {
            "x": {**_amount("begin", "us"), "axis": {"tickCount": 40, "orient": "bottom"}},
            "x2": {"field": "end"},
            "y": {"field": "engine", "type": "nominal", "title": None, "sort": [*timeline.engines]},
            "color": {
                "field": "kind",
                "title": "engine",
                "scale": {"domain": [*_ENGINES], "range": [*_ENGINES.values()]},
                "legend": {"orient": "top"},
            },
            "description": {"field": "told"},
        },
    }
    return _draw(spec, rows, f"Schedule of {timeline.variant} on NPU {timeline.platform}")


def overview_plot(reports: Iterable[Report]) -> str:
    """Draw the latency of one sample in each bundle, for each device by itself."""
    rows = [
        {
            "bundle": f"{report.name}, batch {row.batch}",
            "where": f"{row.where}, {row.kind}",
            "variant": row.variant,
            "ms": row.ms / row.batch,
            "told": f"{report.name}, {row.variant}, {row.precision}, batch {row.batch}: {row.ms / row.batch:.4g} ms",
        }
        for report in reports
        for row in report.latencies
    ]
    spec = {
        "facet": {"row": {"field": "where", "title": None, "sort": None}},
        "spec": {
            "width": _WIDE - 200,
            "mark": _POINT,
            "encoding": {
                "x": _amount("ms", "ms a sample"),
                "y": {"field": "bundle", "type": "nominal", "title": None},
                "description": {"field": "told"},
            },
        },
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    return _draw(spec, rows, "Latency of a sample in each bundle") if rows else ""


def _gate(gate: GateResult) -> str:
    beside = f" against {gate.against}" if gate.against else ""
    where = f", {gate.variant}" if gate.variant else ""
    return f"{gate.function or gate.metric} of {gate.of}{beside}, {gate.output}{where}"


def _amount(field: str, title: str, *, zero: bool = True, padding: int = 0) -> Spec:
    scale = {"zero": zero, "padding": padding}
    return {"field": field, "type": "quantitative", "title": title, "axis": {"tickCount": 6}, "scale": scale}


def _told_apart(field: str) -> Spec:
    """Tell marks apart by colour and by shape, for those who don't see the one."""
    channel = {"field": field, "title": None, "sort": None}
    return {"color": channel, "shape": channel, "description": {"field": "told"}}


def _name(dy: int) -> Spec:
    """Write what a candidate is called above or below its mark: neighbours take turns."""
    mark = {"type": "text", "align": "left", "dx": 7, "dy": dy, "color": _INK, "fontSize": _FONT, "aria": False}
    return {"mark": mark, "encoding": {"text": {"field": "name"}}}


def _bars(rows: Sequence[Spec], field: str, title: str, *, height: int) -> str:
    spec = {
        "width": _WIDE - 200,
        "height": {"step": height},
        "mark": "bar",
        "encoding": {
            "x": _amount("ms", "ms"),
            "y": {"field": field, "type": "nominal", "title": None, "sort": None},
            "color": {"value": _COLOURS[0]},
            "description": {"field": "told"},
        },
    }
    return _draw(spec, rows, title)


def _draw(spec: Spec, rows: Sequence[Spec], title: str) -> str:
    """Return a plot as SVG for a page; text of a stranger is escaped by Vega."""
    drawn = [*islice(_few(rows), _MOST_MARKS)]
    said = {"text": f"{len(drawn)} of {len(rows)} are drawn", "color": _INK, "fontWeight": "normal", "anchor": "start"}
    left_out = {"title": said} if len(drawn) < len(rows) else {}
    whole = _plain({**spec, **left_out, "data": {"values": drawn}, "description": title})
    svg = vl_convert.vegalite_to_svg(whole, _VERSION, config=_CONFIG, show_warnings=False)
    return _MARK.sub(r"<\1\3><title>\2</title></\1>", svg)


def _few(rows: Iterable[Spec]) -> Iterator[Spec]:
    """Yield rows as long as what they are put apart by has few values."""
    seen: dict[str, set[Any]] = {field: set() for field in _FIELDS}
    for row in rows:
        fields = [field for field in _FIELDS if field in row]
        if all(row[field] in seen[field] or len(seen[field]) < _MOST_VALUES for field in fields):
            for field in fields:
                seen[field].add(row[field])
            yield row


def _plain(value: Any) -> Any:
    """Return JSON whose texts stand on one line, with nothing for a number that isn't one."""
    match value:
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case str():
            return one_line(value)
        case float() if not isfinite(value):
            return None
    return value
