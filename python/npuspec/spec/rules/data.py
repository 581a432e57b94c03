"""What is measured and calibrated, and on which samples."""

import re
import warnings
from collections.abc import Iterator
from math import inf

from npuspec.diagnostics import Diagnostic, Path, Severity
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.spec.models import AgreementGate, BudgetGate, DataInput, Gate, Spec, TaskGate

_WORST_AND_BEST: dict[str, tuple[float, float]] = {
    "accuracy": (0, 1),
    "character-error-rate": (inf, 0),  # what is put in between counts too
    "compile-s": (inf, 0),
    "cosine": (-1, 1),
    "frame-agreement": (0, 1),
    "latency-ms": (inf, 0),
    "latency-p95-ms": (inf, 0),
    "max-abs-difference": (inf, 0),
    "size-mib": (inf, 0),
    "sqnr": (-inf, inf),
    "start-ms": (inf, 0),
    "throughput": (0, inf),
    "top-1-agreement": (0, 1),
    "word-error-rate": (inf, 0),
}
"""The worst and the best figure of each metric; of an author's own, neither is known."""
FEW = 100
"""Samples that calibrate, below which a warning is due."""
_MOST_PATTERNS = 4000  # characters


def data_for_an_input(spec: Spec) -> Iterator[Diagnostic]:
    """Samples are of a data input, and they are there when something needs them."""
    if spec.data is None:
        needs: list[Path] = [("quantization",)] if spec.quantization.is_calibrated else []
        needs += [("gates", i) for i, gate in enumerate(spec.gates) if not isinstance(gate, BudgetGate)]
        fault = Diagnostic(
            "no-data",
            "there are no real samples: the spec has no [data]",
            "add it, with `source` and `input`, or give samples in Python: npuspec.apply(…, data=…)",
        )
        for path in needs:
            fault = fault.at(path, "this needs them")
        yield from [fault] if needs else []
        return
    names = [n for n, t in spec.inputs.items() if isinstance(t, DataInput)]
    stated = {"input": spec.data.input, "token-types": spec.data.token_types}
    unknown = [key for key, name in stated.items() if name is not None and name not in names]
    for key in unknown:
        message = f"`{stated[key]}` is no data input of this spec"
        yield Diagnostic("unknown-input", message, did_you_mean(str(stated[key]), names)).at(("data", key))
    if spec.data.input is None or unknown:
        return
    if left := [name for name in names if name not in stated.values()]:
        message = f"samples of one input can't feed a model with several data inputs: nothing feeds `{left[0]}`"
        help_ = "take `input` out, and give `.npz` or `.safetensors` files with an array for each input of the model"
        if spec.data.tokenizer is not None:
            help_ = f'token-types = "{left[0]}", if it takes the type ids of the tokens'
        yield Diagnostic("several-data-inputs", message, help_).at(("data", "input"))


_OF_FILES = ("sha256", "sample-rate", "tokenizer", "tokenizer-sha256", "token-types", "field")


def one_origin(spec: Spec) -> Iterator[Diagnostic]:
    """Samples are read from files, or given by a function, which gives them as the model's inputs take them."""
    data = spec.data
    if data is None:
        return
    if data.source is None and data.function is None:
        message = "`source` is missing: where the samples are"
        help_ = (
            'source = "samples/*.npy"; or code beside the spec that gives them: function = "samples:clips"; '
            "or give samples in Python: npuspec.apply(…, data=…)"
        )
        yield Diagnostic("missing-key", message, help_).at(("data",), "`source` must be stated here")
    elif data.source is not None and data.function is not None:
        message = "`function` does nothing beside a `source`: samples come from one of the two"
        yield Diagnostic("idle-key", message, "take one of them out").at(("data", "function"), part="key")
    elif data.function is not None:
        for key in _OF_FILES:
            if getattr(data, key.replace("-", "_")) is not None:
                message = f"`{key}` does nothing with a `function`"
                help_ = "take it out: it is of files, and a function gives arrays"
                yield Diagnostic("idle-key", message, help_).at(("data", key), part="key")


def keys_of_text(spec: Spec) -> Iterator[Diagnostic]:
    """What text needs stands beside a tokenizer, and what other samples need doesn't."""
    data = spec.data
    if data is None or data.function is not None:
        return
    if data.tokenizer is not None:
        if data.input is None:
            message = "`input` is missing: the input of the model that takes the token ids"
            yield Diagnostic("missing-key", message, "add `input = …`").at(("data",))
        elif data.token_types == data.input:
            message = f"`{data.input}` can't take both the token ids and their type ids"
            yield Diagnostic("wrong-value", message, "name another input, or take it out").at(("data", "token-types"))
    idle = ("sample-rate",) if data.tokenizer is not None else ("tokenizer-sha256", "token-types", "field")
    for key in idle:
        if getattr(data, key.replace("-", "_")) is not None:
            message = f"`{key}` does nothing {'with' if data.tokenizer is not None else 'without'} a `tokenizer`"
            help_ = "take one of them out: sound has a rate, and text a tokenizer"
            if data.tokenizer is None:
                help_ = 'tokenizer = "tokenizer.json", if the files are text; else take it out'
            yield Diagnostic("idle-key", message, help_).at(("data", key), part="key")


def gate_compares_two(spec: Spec) -> Iterator[Diagnostic]:
    """A gate compares two different models that both exist, the later one with what it was made of."""
    is_single = spec.batching.size == 1 and not (
        "size" not in spec.batching.model_fields_set and spec.batching.candidates
    )
    for index, gate in enumerate(spec.gates):
        if isinstance(gate, BudgetGate):
            continue
        if isinstance(gate, AgreementGate):
            yield from _against(spec, gate, ("gates", index, "against"))
        if gate.of == "quantized" and spec.quantization.mode == "none":
            message = "there is no quantized model to gate"
            help_ = 'state quantization.mode = "int8", or gate `static`'
            yield Diagnostic("empty-gate", message, help_).at(("gates", index, "of"))
        if gate.of == "batched" and is_single:
            message = "each inference takes one sample, so that there is no full batch to gate"
            help_ = "state a `batching.size` above 1, or gate `static` or `quantized`"
            yield Diagnostic("empty-gate", message, help_).at(("gates", index, "of"))


def _against(spec: Spec, gate: AgreementGate, at: Path) -> Iterator[Diagnostic]:
    if gate.of == gate.against:
        message = f"a gate that compares `{gate.of}` with itself always passes"
        yield Diagnostic("empty-gate", message, 'against = "original"').at(at)
    elif gate.against == "quantized" and spec.quantization.mode == "none":
        message = "there is no quantized model to compare with"
        help_ = 'state quantization.mode = "int8", or compare with `static`'
        yield Diagnostic("empty-gate", message, help_).at(at)
    elif gate.against == "quantized" and gate.of == "static":
        message = "the quantized model is made of the static one, and is held against it"
        yield Diagnostic("wrong-value", message, 'exchange them: of = "quantized", against = "static"').at(at)


def limits_of_gate(spec: Spec) -> Iterator[Diagnostic]:
    """A gate has a limit that a figure can be on the wrong side of."""
    for index, gate in enumerate(spec.gates):
        if gate.min is None and gate.max is None:
            message = "a gate without `min` and `max` always passes"
            yield Diagnostic("empty-gate", message, "state what must be reached").at(("gates", index))
        elif gate.min is not None and gate.max is not None and gate.min > gate.max:
            message = f"nothing is at least {gate.min:g} and at most {gate.max:g}"
            yield Diagnostic("wrong-value", message, "exchange them").at(("gates", index, "min"))
        elif gate.metric in _WORST_AND_BEST:
            yield from _sides(gate, ("gates", index))


def _sides(gate: Gate, at: Path) -> Iterator[Diagnostic]:
    """Limits are figures that the metric can have, and one of them is better than the worst."""
    worst, best = _WORST_AND_BEST[gate.metric]
    if isinstance(gate, TaskGate) and gate.compared == "with-original":
        worst, best = worst - best, best - worst  # a figure's distance from another's
    least, most = sorted((worst, best))
    stated = {"min": gate.min, "max": gate.max}
    beyond = {key: figure for key, figure in stated.items() if figure is not None and not least <= figure <= most}
    for key, figure in beyond.items():
        between = f"lies between {least} and {most}" if most < inf else f"is at least {least}"
        help_ = "state a share, such as 0.98" if most < inf else "state a figure that it can have"
        yield Diagnostic("wrong-value", f"`{gate.metric}` {between}, and `{key}` is {figure:g}", help_).at((*at, key))
    if beyond:
        return
    key, sense = ("min", "less") if worst < best else ("max", "more")
    help_ = f"state `{key}`: what must be reached"
    if (limit := stated[key]) is None:
        message = f"{sense} `{gate.metric}` is worse, and without `{key}` the worst model passes"
        yield Diagnostic("empty-gate", message, help_).at(at)
    elif limit == worst:
        message = f"no `{gate.metric}` is {sense} than {limit:g}, so that the worst model passes"
        yield Diagnostic("empty-gate", message, help_).at((*at, key))


def small_calibration(spec: Spec) -> Iterator[Diagnostic]:
    """Ranges that a few samples show are too narrow for the others."""
    recipe = spec.quantization
    if recipe.is_calibrated and recipe.samples < FEW:
        samples = "1 sample is" if recipe.samples == 1 else f"{recipe.samples} samples are"
        message = f"{samples} few to calibrate with: ranges that they don't reach are cut off"
        help_ = "samples = 300, or 500 to 1000 for images; where there are no more, allow this with the reason"
        fault = Diagnostic("small-calibration", message, help_, severity=Severity.WARNING)
        yield fault.at(("quantization", "samples"))


_USED_BY = {
    "weights-mode": ("weights",),
    "group-size": ("weights",),
    "max-drop": ("accuracy-control",),
    "drop-type": ("accuracy-control",),
}
_CALIBRATED = ("int8", "mixed", "accuracy-control")


def idle_recipe_keys(spec: Spec) -> Iterator[Diagnostic]:
    """A key that the mode has no use for would do nothing."""
    recipe = spec.quantization
    if recipe.mode == "none":
        return
    for field in sorted(recipe.model_fields_set - {"mode", "keep"}):
        key = field.replace("_", "-")
        modes = _USED_BY.get(key, _CALIBRATED)
        if recipe.mode not in modes:
            message = f'`{key}` does nothing with mode = "{recipe.mode}"'
            help_ = "it belongs to " + " or ".join(f'mode = "{mode}"' for mode in modes)
            yield Diagnostic("idle-quantization", message, help_).at(("quantization", key), part="key")
    if recipe.mode in _CALIBRATED and recipe.smooth_quant_alpha is not None and recipe.model_type is None:
        message = "`smooth-quant-alpha` does nothing: NNCF moves outliers in transformers only"
        fault = Diagnostic("idle-quantization", message, 'add model-type = "transformer", or take it out')
        yield fault.at(("quantization", "smooth-quant-alpha"), part="key")


def pattern_form(spec: Spec) -> Iterator[Diagnostic]:
    """A pattern is a regular expression; all of them together are short, since reading a wicked one takes long."""
    patterns, at = spec.quantization.keep.patterns, ("quantization", "keep", "patterns")
    if (length := sum(map(len, patterns))) > _MOST_PATTERNS:
        message = f"the patterns have {length:,} characters, and at most {_MOST_PATTERNS:,} are read"
        yield Diagnostic("wrong-value", message, "keep a type of operations, or a subgraph").at(at)
        return
    for index, pattern in enumerate(patterns):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of what another Python may read otherwise
                re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            message = f"`{pattern}` isn't a regular expression: {error}"
            help_ = "a name itself goes in `names`; in a pattern, `\\\\` stands before a character that means itself"
            yield Diagnostic("wrong-value", message, help_).at((*at, index))


def idle_quantization(spec: Spec) -> Iterator[Diagnostic]:
    """A recipe that isn't used is a mistake: most likely the mode was forgotten."""
    if spec.quantization.mode == "none" and (written := spec.quantization.model_fields_set - {"mode"}):
        message = "nothing is quantized, yet a recipe is stated"
        key = min(written).replace("_", "-")
        fault = Diagnostic("idle-quantization", message, 'add mode = "int8", or take the recipe out')
        yield fault.at(("quantization", key), part="key")
