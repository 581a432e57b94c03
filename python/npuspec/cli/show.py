"""A plan in words."""

import json
import re
from collections.abc import Iterator
from typing import Any

from npuspec.bundle.chunks import stride_of
from npuspec.bundle.manifest import CACHES
from npuspec.bundle.program import DataInput, Dim, Extent, Preprocess
from npuspec.diagnostics.suggest import toml_key
from npuspec.diagnostics.text import printable
from npuspec.plan import Plan
from npuspec.plan.model import Decode, PlannedSource, Recipe, Samples, folds_of

_TOLD = re.compile(
    r"(model|target|cache|properties)\..*|gates\[.*|data\.((tokenizer|labels)(-sha256)?|source|function|sha256)"
    r"|dims\..*\.(strategy|sizes?|overflow|overlap|stitch|lengths)"
    r"|inputs\..*\.(shape|role|of|dim|built|pad-value|pad-side|finite)"
    r"|inputs\..*\.preprocess\.(dtype|layout|mean|scale|swap-channels)"
    r"|outputs\..*\.(length|select|decode)\..*|batching\.size"
    r"|quantization\.(mode|preset|model-type|samples|weights-mode|group-size|keep\..*)",
    re.DOTALL,
)
"""Settings that the sections of a plan tell in words of their own."""

_MOST_LISTED = 32  # samples, or files that have several
_MOST_NUMBERS = 4  # of a file's samples


def show_plan(plan: Plan, name: str) -> str:
    """Return the plan as text for people."""
    sections = [
        f"plan of {name}\n  digest {plan.digest}",
        "toolchain\n  " + ", ".join(f"{k} {v}" for k, v in plan.toolchain.items() if v),
        "model\n" + _source(plan.model),
        _inputs(plan),
        _outputs(plan),
        _variants(plan),
        _waste(plan),
        *(_deployment(plan, index) for index in range(len(plan.deployments))),
        _quantization(plan),
        _gates(plan),
        _cache(plan),
        _load(plan),
        _core(plan),
        _stated(plan),
        _defaults(plan),
        "stages\n"
        + "\n".join(
            f"  {s.digest[:12]}  {s.name}" + (f"  <- {', '.join(dict.fromkeys(s.inputs))}" if s.inputs else "")
            for s in plan.stages
        ),
    ]
    return printable("\n\n".join(s for s in sections if s))  # names are a stranger's, as the model is


def _origin(plan: Plan, key: str) -> str:
    return next((f"  ({s.origin})" for s in plan.settings if s.path == key), "")


def _value(plan: Plan, key: str) -> Any:
    return next((s.value for s in plan.settings if s.path == key), None)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _stated(plan: Plan) -> str:
    """List what the spec states and no other section tells: nothing that its author wrote may be missing."""
    rows = [
        f"  {s.path} = {json.dumps(s.value, ensure_ascii=False)}  ({s.origin})"
        for s in plan.settings
        if s.origin != "default" and not _TOLD.fullmatch(s.path)
    ]
    return "settings\n" + "\n".join(rows) if rows else ""


def _defaults(plan: Plan) -> str:
    """List what the spec leaves open, so that no default is a surprise."""
    rows = [f"  {s.path} = {json.dumps(s.value, ensure_ascii=False)}" for s in plan.settings if s.origin == "default"]
    return "defaults\n" + "\n".join(rows)


def _source(source: PlannedSource) -> str:
    count = f", {len(source.files)} files" if len(source.files) > 1 else ""
    return f"  {source.source}\n  sha256 {source.digest}{count}"


def _files(code: PlannedSource) -> str:
    return ", ".join(f"{file.path} sha256 {file.sha256[:12]}" for file in code.files)


def _inputs(plan: Plan) -> str:
    program, folds, rows = plan.program, folds_of(plan.original, plan.program), list[str]()
    for port in program.inputs:
        if isinstance(port, DataInput):
            shape = ", ".join(map(str, (f"batch={program.batch}", *port.axes)))
            finite = ", must be finite" if port.finite else ""
            rows.append(
                f"  {port.name} [{shape}] {port.dtype}: padded on the {port.pad_side} with {port.pad_value:g}{finite}"
            )
            rows += _preprocessing(port, folds.get(port.name))
        else:
            built = [mask.name for mask in plan.rewrite.masks if mask.length == port.name]
            builds = f", from which the model builds {' and '.join(built)}" if built else ""
            rows.append(f"  {port.name} {port.dtype}: {port.role} of {port.of} in {port.dim}{builds}")
    rows += [f"  {name}: {dim.minimum} to {dim.maximum}, {_overflow(dim)}" for name, dim in program.dims.items()]
    return "inputs\n" + "\n".join(rows)


def _preprocessing(port: DataInput, folded: Preprocess | None) -> Iterator[str]:
    """Tell what becomes of what the caller gives."""
    if (steps := port.preprocess or folded) is None:
        return
    if folded is None:
        yield f"    made of {steps.dtype} [{', '.join(map(str, steps.given(port.axes)))}]"
    else:
        axes = ", ".join(str(port.axes[index]) for index in steps.order)
        yield f"    made into [{axes}] in the model, after it is padded"
    if steps.resize != "none":
        yield f"    of pictures of any size, which are {_RESIZED[steps.resize]}"
    if steps.swap_channels:
        yield "    with the channels in reverse order"
    if steps.mean or steps.scale:
        mean, scale = (", ".join(f"{number:g}" for number in values) for values in (steps.mean, steps.scale))
        yield f"    normalised: (value - [{mean or 0}]) / [{scale or 1}]"


_RESIZED = {
    "stretch": "stretched to the model's",
    "letterbox": "scaled to fit into the model's",
}


def _overflow(dim: Dim) -> str:
    match dim.overflow:
        case "error":
            return "longer or shorter is an error"
        case "truncate":
            return f"shorter is an error, longer is cut off at {dim.maximum}"
        case "chunk":
            how = "cut in the middle of each overlap" if dim.stitch == "concatenate" else "averaged where they overlap"
            return f"shorter is an error, longer runs in chunks of {dim.maximum} every {stride_of(dim)}, {how}"


def _outputs(plan: Plan) -> str:
    def rule(extent: Extent) -> str:
        scaled = extent.dim if extent.scale == 1 else f"{extent.scale} * {extent.dim}"
        shifted = scaled if extent.offset == 0 else f"{scaled} {'+-'[extent.offset < 0]} {abs(extent.offset)}"
        length = shifted if extent.divisor == 1 else f"({shifted}) // {extent.divisor}"
        return f"axis {extent.axis} cut to {length}"

    kinds = {"last-valid": "last valid step on", "masked-mean": "masked mean over", "zero-invalid": "zero padding on"}
    selected = {s.output: f"{kinds[s.kind]} axis {s.extent.axis} of the model's" for s in plan.rewrite.selects}
    rows = [
        f"  {o.name} {o.dtype}: "
        + "; ".join([*([selected[o.name]] if o.name in selected else []), *map(rule, o.extents)] or ["whole"])
        for o in plan.program.outputs
    ]
    rows += [f"  {decode.output} is read as {_reading(decode)}" for decode in plan.decodes]
    return "outputs (how their lengths follow was measured on the model)\n" + "\n".join(rows)


def _reading(decode: Decode) -> str:
    """Tell what an answer is made of."""
    if decode.vocabulary is None:
        return "a class, called by its number"
    joined = f", joined by {decode.separator!r}" if decode.separator else ""
    kind = f"a text (CTC, blank {decode.blank}{joined})" if decode.kind == "ctc" else "a class"
    return f"{kind}, by {decode.vocabulary.source}\n    sha256 {decode.vocabulary.digest}"


def _variants(plan: Plan) -> str:
    rows = [
        f"  {v.name}: " + ", ".join(f"{n} {list(shape)}" for n, shape in v.shapes.items())
        for v in plan.program.variants
    ]
    folds = folds_of(plan.original, plan.program)
    moved = [f"`{name}`" for name, steps in folds.items() if steps.order != (*range(len(steps.order)),)]
    layout = f"  layout: {plan.layout}; " + (
        f"the model itself moves the axes of {' and '.join(moved)}" if moved else "no axis of the model is moved"
    )
    batch = f"  batch: {plan.program.batch} sample(s) an inference{_origin(plan, 'batching.size')}"
    modes = [f"  {_MODES[plan.batch_mode]}"] if plan.batch_mode is not None else []
    return "static shapes\n" + "\n".join([*rows, layout, batch, *modes])


_MODES = {
    "PLUGIN": "on an NPU its plugin splits the batch: the compiled model is of one sample, and runs once for each",
    "COMPILER": "on an NPU the batch is compiled and run as one (NPU_BATCH_MODE)",
}


def _waste(plan: Plan) -> str:
    rows = []
    for waste in plan.waste:
        sizes = sorted({variant.sizes[waste.dim] for variant in plan.program.variants})
        refused = plan.program.dims[waste.dim].overflow == "error"
        source = _value(plan, f"dims.{toml_key(waste.dim)}.lengths")
        filled = ", ".join(f"{count} to {size}" for size, count in zip(sizes, waste.samples, strict=True))
        alone = f", and with {sizes[-1]} alone {waste.padding_of_one:.1%}" if len(sizes) > 1 else ""
        rows += [
            f"  {waste.dim}: {waste.padding:.1%} of what is computed is padding{alone}",
            f"    {waste.lengths} lengths of {source}, sha256 {waste.digest[:12]}",
            f"    padded: {filled}",
        ]
        if waste.longer:
            rows.append(f"    longer than {sizes[-1]}: {waste.longer}, {'refused' if refused else 'which fill it'}")
    return "waste of padding, from real lengths\n" + "\n".join(rows) if rows else ""


def _core(plan: Plan) -> str:
    rows = [f"  {p.name} = {_toml(p.value)}  ({p.origin})" for p in plan.core]
    rows += [f"  compile ahead of time for {', '.join(plan.platforms)}"] if plan.platforms else []
    return "OpenVINO\n" + "\n".join(rows) if rows else ""


def _cache(plan: Plan) -> str:
    rows = [f"  {plan.cache}{_origin(plan, 'cache.kind')}", f"  {CACHES[plan.cache]}"]
    for deployment in plan.deployments:
        if deployment.device == "NPU":
            bypassed = any(p.name == "NPU_BYPASS_UMD_CACHING" and p.value is True for p in deployment.properties)
            rows.append(f"  the driver's own cache: {'bypassed' if bypassed else 'in use, where its compiler is'}")
    return "cache\n" + "\n".join(rows)


def _load(plan: Plan) -> str:
    load, batch = plan.load, plan.program.batch
    requests = load.requests or "as many as the device finds best, and one more"
    rows = [f"  infer requests of each variant: {requests}", f"  requests that may wait: {load.queue}"]
    rows += [f"  a batch waits {load.batch_wait_ms:g} ms to be full"] if batch > 1 else []
    rows += [f"  answered on {load.warm} until the target is ready"] if load.warm else []
    return "session\n" + "\n".join(rows)


def _deployment(plan: Plan, index: int) -> str:
    deployment = plan.deployments[index]
    title = f"{deployment.device}, " + ("the target" if index == 0 else "a fallback")
    rows = [f"  {p.scope:7} {p.name} = {_toml(p.value)}  ({p.origin})" for p in deployment.properties]
    rows += [f"  left out: {key}, which {deployment.device} doesn't know" for key in deployment.left_out]
    return title + "\n" + "\n".join(rows)


_SEARCHED = {
    "mixed": ", and the most harmful operations until the gates hold",
    "accuracy-control": ", and what NNCF finds to cost more than max-drop",
}


def _quantization(plan: Plan) -> str:
    if plan.recipe.mode == "none":
        return f"quantization\n  none{_origin(plan, 'quantization.mode')}"
    recipe, samples = plan.recipe, plan.samples
    kept = [*recipe.keep_names, *recipe.keep_types]
    kept += [f"what matches `{pattern}`" for pattern in _value(plan, "quantization.keep.patterns") or ()]
    kept += [
        f"from {', '.join(part['inputs'])} to {', '.join(part['outputs'])}"
        for part in _value(plan, "quantization.keep.subgraphs") or ()
    ]
    rows = [f"  {recipe.mode}{_origin(plan, 'quantization.mode')}"]
    if recipe.mode == "weights":
        rows.append(f"  weights {recipe.weights_mode}{_origin(plan, 'quantization.weights-mode')}, {_group(recipe)}")
    else:
        rows += [
            f"  preset {recipe.preset}{_origin(plan, 'quantization.preset')}",
            f"  model type {recipe.model_type or 'none'}{_origin(plan, 'quantization.model-type')}",
        ]
    rows.append(f"  kept in floating point: {', '.join(kept) or 'nothing'}{_SEARCHED.get(recipe.mode, '')}")
    if samples is not None and recipe.mode != "weights":
        rows += [
            f"  calibrated on {len(samples.calibration)} samples{_origin(plan, 'quantization.samples')}:",
            *_listed(samples.calibration),
        ]
    return "quantization\n" + "\n".join(rows)


def _group(recipe: Recipe) -> str:
    """Tell what shares a scale."""
    if not recipe.weights_mode.startswith("int4") or recipe.group_size == -1:
        return "a scale for each channel"
    return (
        "a scale for as many as NNCF chooses" if recipe.group_size is None else f"a scale for each {recipe.group_size}"
    )


def _gates(plan: Plan) -> str:
    rows = [f"  {g.subject}: {g.limits}" for g in plan.gates]
    if plan.samples is None:
        return "gates\n" + ("\n".join(rows) or "  none: nothing will be measured")
    rows += dict.fromkeys(f"  {g.function} is code: {_files(g.own)}" for g in plan.gates if g.own is not None)
    rows += [
        f"  on {len(plan.samples.validation)} samples, none of which calibrates:",
        *_listed(plan.samples.validation),
    ]
    return _data(plan.samples) + "\n\ngates\n" + "\n".join(rows)


def _data(samples: Samples) -> str:
    rows = ["data", _source(samples.source)]
    if samples.own is not None:
        rows.append(f"  given by code: {_files(samples.own)}")
    if samples.tokenizer is not None:
        rows.append("  made tokens of by" + _source(samples.tokenizer)[1:])
    if samples.labels is not None:
        rows.append("  labelled by" + _source(samples.labels.source)[1:])
    if samples.repeated:
        rows.append(f"  left out as repeated: {samples.repeated}")
    return "\n".join(rows)


def _listed(names: tuple[str, ...]) -> list[str]:
    """List samples: all if they are few, and else how many each file has and which they are, as far as they fit."""
    if len(names) <= _MOST_LISTED:
        return [f"    {name}" for name in names]
    numbers: dict[str, list[str]] = {}
    for name in names:
        path, _, number = name.partition(":")
        numbers.setdefault(path, []).append(number)
    rows = [f"    {path}" + (_numbered(found) if found[0] else "") for path, found in numbers.items()]
    more = [f"    and {len(rows) - _MOST_LISTED} more files"] if len(rows) > _MOST_LISTED else []
    return rows[:_MOST_LISTED] + more


def _numbered(found: list[str]) -> str:
    more = ", …" if len(found) > _MOST_NUMBERS else ""
    texts = "1 text" if len(found) == 1 else f"{len(found)} texts"
    return f": {texts}, number {', '.join(found[:_MOST_NUMBERS])}{more}"
