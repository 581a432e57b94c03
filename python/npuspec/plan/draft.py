"""A first spec as text, with comments for someone who has never written one.

Prose is `# …`, with a blank. What is optional is TOML behind a `#` without one, valid once that is taken away.
"""

import textwrap
from collections.abc import Iterator, Sequence

from npuspec.diagnostics.suggest import toml_key, toml_string
from npuspec.facts import Port, Signature
from npuspec.plan.passes.bind import shown
from npuspec.plan.passes.keep import toml_subgraph
from npuspec.plan.recognise import DraftDim, DraftInput, Recognised, recognise

_WIDTH = 110
_MOST_OUTPUTS = 8  # that are listed

_HEAD = """# A first spec, drafted from the model's own inputs. `npuspec check` passes it as it stands.
# Lines that say DECIDE hold a default that only you can judge.
# A line that begins with `#` and a blank explains. Without the blank it is TOML: take the `#` away to use it.
npuspec = 1 # the version of this language
"""

_TARGET = """[target]
device = "NPU"
# Without a fallback, a machine that has no NPU gives an error. With one, it is used instead, and every run says so.
#fallback = ["CPU"]
"""

_PROPERTIES = """# Settings of the device; a plan shows each with its origin.
# `turbo = true` is for later: measure first, since it isn't meant for sustained work and drivers may ignore it.
#[properties]
#performance-hint = "{hint}" # or "{other}"
"""

_BATCHING = """\
# Rows of one inference: the size of `batch` in the shapes. A session takes one sample at a time, so that more
# rows only cost time.
#[batching]
#size = 1
"""

_FIXED_BATCH = """\
# The model fixes its first axis, which npuspec takes for the batch. If it is something else, or one row is
# enough, export the model with a first axis for the batch.
[batching]
size = {batch}
"""

_DATA = """# Real samples: some calibrate, the others are what the gates run on. A folder beside this file, or a wheel.
#[data]
#source = "samples/{glob}" # {what}
#input = {input}
"""

_GATE = """#[[gates]]
#metric = "frame-agreement" # how often the largest value on the last axis is the same one; "cosine" for embeddings
#output = {output}
#of = "{of}"
#against = "{against}" # {why}
#min = 0.9 # DECIDE: measure once, then set it just below
"""

_QUANTIZATION = """# 8-bit integers: smaller, and often faster. Needs [data].
#[quantization]
#mode = "int8"
#preset = "mixed" # for attention, GELU or Swish; "performance" for layers with ReLU
{model_type}{keep}#samples = 300 # how many calibrate; the gates need some that don't
"""

_KEEP = "#keep.subgraphs = [{part}] # the spectrum that this model makes in itself is lost in 8 bits\n"
_TRANSFORMER = '#model-type = "transformer" # this model has attention: without it, it breaks and no error says so\n'

_CACHE = """# How a later start is spared the compilation: "blob" keeps the compiled model in the bundle, "directory" in
# npuspec's cache on each machine, "none" compiles each time.
[cache]
kind = "blob"
"""


def draft_spec(signature: Signature, *, source: str, sha256: str | None) -> str:
    """Return the TOML text of a first spec, which passes `check`.

    Args:
        signature: the model's ports and operations.
        source: the model as the spec is to name it.
        sha256: its pin, if it is to have one.

    Raises:
        SpecError: `unfit-model`, where no spec can state what the model takes.

    """
    found = recognise(signature)
    hint, other = ("LATENCY", "THROUGHPUT") if found.batch == 1 else ("THROUGHPUT", "LATENCY")
    parts = [
        _HEAD,
        _model(source, sha256),
        _TARGET,
        _PROPERTIES.format(hint=hint, other=other),
        *(_dim(dim, found) for dim in found.dims.values()),
        *(_input(data) for data in found.inputs),
        _FIXED_BATCH.format(batch=found.batch) if found.batch > 1 else _BATCHING,
        _outputs(signature.outputs),
        *_measured(found, signature),
        _CACHE,
    ]
    return "\n".join(parts)


def _prose(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )


def _model(source: str, sha256: str | None) -> str:
    lines = ["[model]", f"source = {toml_string(source)}"]
    if sha256 is not None:
        lines.append(f'sha256 = "{sha256}" # what was downloaded; other content is refused')
    return "\n".join(lines) + "\n"


def _dim(dim: DraftDim, found: Recognised) -> str:
    users = [toml_key(data.port.name) for data in found.inputs if dim.name in data.shape]
    sharing = ""
    if len(users) > 1:
        sharing = (
            f" In one sample, {_listed(users)} have the same size in it; name another dimension if they may differ."
        )
    lines = [_prose(f"{_sentence(dim.means)}{sharing}"), f"[dims.{dim.name}]"]
    if dim.strategy == "fixed":
        lines += [
            'strategy = "fixed" # every sample has this size; "pad" and "buckets" take shorter ones too',
            f"size = {dim.size} # DECIDE: the size that the model was trained with",
        ]
    else:
        buckets = sorted({max(1, dim.size // 4), max(1, dim.size // 2), dim.size})
        lines += [
            'strategy = "pad" # an NPU takes static shapes only: a shorter sample is padded to `size`',
            f"# Or `buckets`, with `sizes = {buckets}` for `size`: each sample takes the smallest that holds it.",
            f"size = {dim.size} # DECIDE: the longest sample; padding costs time, and may change results",
            'overflow = "error" # a longer sample is refused, and never cut',
        ]
    return "\n".join(lines) + "\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(f'`{name}`' for name in names[:-1])} and `{names[-1]}`"


def _input(data: DraftInput) -> str:
    lines = [_prose(f"{shown(data.port)} in the model; taken for {data.means}. {data.note}".rstrip())]
    lines.append(f"[inputs.{toml_key(data.port.name)}]")
    if data.role == "data":
        lines.append(f"shape = [{', '.join(map(_axis, data.shape))}]")
        if data.pad_value is not None:
            lines.append(f"pad-value = {data.pad_value}")
        if data.layout:
            lines.append(f'#layout = "{data.layout}" # what the axes mean, for a preprocess that moves them')
    else:
        what = (
            "filled by npuspec: how long a sample is"
            if data.role == "length"
            else "filled by npuspec: 1 where a sample is valid, 0 where it is padded"
        )
        lines += [f'role = "{data.role}" # {what}', f"of = {toml_string(data.of)}"]
    return "\n".join(lines) + "\n"


def _axis(axis: str | int) -> str:
    return toml_string(axis) if isinstance(axis, str) else str(axis)


def _outputs(outputs: Sequence[Port]) -> str:
    """Tell of the outputs; a spec needs no word on them."""
    names = [f"{toml_key(port.name)} {shown(port)}" for port in outputs[:_MOST_OUTPUTS]]
    more = f", and {len(outputs) - _MOST_OUTPUTS} more" if len(outputs) > _MOST_OUTPUTS else ""
    listed = "\n".join(f"#   {name}" for name in names)
    return f"# Outputs need no table: how long each is follows from the inputs, and is measured.\n{listed}{more}\n"


def _measured(found: Recognised, signature: Signature) -> Iterator[str]:
    """Yield what needs samples, to be uncommented together or from the top."""
    data = found.data()
    if len(data) > 1:
        names = _listed([toml_key(given.port.name) for given in data])
        text = (
            f"[data], [[gates]] and [quantization] need samples, which feed one input. This model has {len(data)} that "
            f"the caller gives: {names}."
        )
        yield _prose(text) + "\n"
        return
    (given,) = data
    yield _DATA.format(input=toml_string(given.port.name), **_files(given)) + _rate(given)
    output = _gated(signature.outputs)
    if output is not None:
        yield _GATE.format(output=output, of="static", against="original", why="what fixing the shapes costs")
    yield _QUANTIZATION.format(
        model_type=_TRANSFORMER if signature.attention else "",
        keep="" if signature.front_end is None else _KEEP.format(part=toml_subgraph(signature.front_end)),
    )
    if output is not None:
        yield _GATE.format(output=output, of="quantized", against="original", why="what all of it costs")


def _files(given: DraftInput) -> dict[str, str]:
    if _is_sound(given):
        return {"glob": "**/*.wav", "what": "mono recordings; .npy files do as well"}
    return {"glob": "**/*.npy", "what": "one sample a file, without the batch axis, as numpy.save writes it"}


def _rate(given: DraftInput) -> str:
    return (
        "#sample-rate = 16000 # DECIDE: nothing is resampled, and other files are refused\n" if _is_sound(given) else ""
    )


def _is_sound(given: DraftInput) -> bool:
    return "waveform" in given.means and len(given.shape[1:]) == 1


def _gated(outputs: Sequence[Port]) -> str | None:
    """Return, for TOML, the first output that may hold scores: several numbers with a fraction on its last axis."""
    scores = (o.name for o in outputs if len(o.shape) > 1 and o.shape[-1] != 1 and o.dtype.startswith("float"))
    return next(map(toml_string, scores), None)
