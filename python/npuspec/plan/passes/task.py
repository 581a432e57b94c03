"""What gates on a task need: what is right for each sample, and how an output is read."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from msgspec import structs, to_builtins

from npuspec.diagnostics import Diagnostic, Path
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.facts import Port, Signature, read_lines
from npuspec.plan.model import Decode, Labels, PlannedGate, PlannedSource, Samples
from npuspec.sources import Fetched, fetch_file
from npuspec.spec import Spec, models
from npuspec.spec.models import METRICS

LONGEST_LABEL = 1 << 16  # characters
LONGEST_ENTRY = 256
METRIC_TOOLS = ("jiwer",)
"""Packages that figures are made with, and nothing that is built."""

_ENOUGH = 1000  # entries to look for a likely one in
_SHOWN = 40  # characters of a line
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_AXES = {"class": 1, "ctc": 2}
"""How many axes of an output are read for one sample."""
READABLE = (
    'for each sample, kind = "class" reads [classes] and kind = "ctc" [steps, classes]; a vocabulary has a line for '
    "each place of the last axis"
)
"""What can be read, for the help of what can't."""

Fetch = Callable[..., tuple[Fetched | None, list[Diagnostic]]]


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """The files that gates on a task read, as far as they are here, and what stands in them."""

    decodes: Mapping[str, models.Decode] = field(default_factory=dict)
    """How outputs are read, by their names."""
    labels: Fetched | None = None
    lines: Sequence[str] = ()
    vocabularies: Mapping[str, Fetched] = field(default_factory=dict)
    """By the outputs that are read with them."""
    entries: Mapping[str, Sequence[str]] = field(default_factory=dict)


def metric_tools(spec: Spec) -> tuple[str, ...]:
    """Return the packages that the gates' figures are made with."""
    return (
        METRIC_TOOLS if any(gate.metric in ("word-error-rate", "character-error-rate") for gate in spec.gates) else ()
    )


def _decodes(spec: Spec) -> dict[str, models.Decode]:
    """Return how outputs are read, sorted by name: as is said of them, and where accuracy is measured as a class."""
    implied = dict.fromkeys(_classified(spec), models.Decode(kind="class"))
    stated = {name: table.decode for name, table in spec.outputs.items() if table.decode is not None}
    return dict(sorted({**implied, **stated}.items()))


def _classified(spec: Spec) -> dict[str, int]:
    """Return the outputs whose accuracy is measured, each with the index of the first gate on it."""
    gates = reversed([*enumerate(spec.gates)])
    return {g.output: i for i, g in gates if isinstance(g, models.TaskGate) and g.metric == "accuracy"}


def fetch_tasks(spec: Spec, fetched: Fetch) -> tuple[TaskFiles, list[Diagnostic]]:
    """Fetch and read labels and vocabularies; what can't be had or read is a fault, and left out.

    Args:
        spec: the spec.
        fetched: given `sources.fetch_file`, a source, its pin and its place.

    """
    faults = list[Diagnostic]()

    def fetch(source: str, pin: str | None, at: Path, longest: int) -> tuple[Fetched | None, list[str]]:
        found, more = fetched(fetch_file, source, pin, at=at)
        faults.extend(more)
        if found is None:
            return None, []
        try:
            return found, read_lines(found.only, longest)
        except ValueError as error:
            code = "bad-labels" if at[0] == "data" else "bad-vocabulary"
            help_ = "write it in UTF-8, an entry on each line"
            faults.append(Diagnostic(code, f"`{source}` can't be used: {error}", help_).at(at))
            return None, []

    labels, lines = None, list[str]()
    if spec.data is not None and spec.data.labels is not None:
        at: Path = ("data", "labels")
        labels, lines = fetch(spec.data.labels, spec.data.labels_sha256, at, LONGEST_LABEL)
    vocabularies, entries = {}, {}
    decodes = _decodes(spec)
    for name, decode in decodes.items():
        if decode.vocabulary is not None:
            at = ("outputs", name, "decode", "vocabulary")
            pin = decode.vocabulary_sha256
            found, read = fetch(decode.vocabulary, pin, at, LONGEST_ENTRY)
            if found is not None:
                vocabularies[name], entries[name] = found, read
    files = TaskFiles(decodes, labels, lines, vocabularies, entries)
    return files, [*faults, *_check_labels(spec, files), *_check_blanks(files)]


def _check_labels(spec: Spec, files: TaskFiles) -> Iterator[Diagnostic]:
    """Each sample has a label where a task is measured, and one that an output can be read as."""
    if any(isinstance(gate, models.TaskGate) for gate in spec.gates):
        empty = [n for n, line in enumerate(files.lines, 1) if not line.strip()]
        yield from _bad_lines(spec, files, empty, "says nothing", "state what is right, or take that sample out")
    for output in sorted(_classified(spec)):
        source, entries = files.decodes[output].vocabulary, files.entries.get(output, ())
        stated, known = [(n, line) for n, line in enumerate(files.lines, 1) if line.strip()], {*entries}
        if source is None:
            wrong = [n for n, line in stated if not _NUMBER.fullmatch(line)]
            help_ = "write the classes' numbers, from 0, or name a `vocabulary` in the output's `decode`"
            yield from _bad_lines(spec, files, wrong, "is no number of a class", help_)
        elif known and (wrong := [n for n, line in stated if line not in known]):
            help_ = (
                did_you_mean(files.lines[wrong[0] - 1][:_SHOWN], islice(entries, _ENOUGH)) or "case and spaces count"
            )
            yield from _bad_lines(spec, files, wrong, f"isn't in `{source}`", help_)


def _bad_lines(spec: Spec, files: TaskFiles, lines: Sequence[int], what: str, help_: str) -> Iterator[Diagnostic]:
    """Tell of the first of some lines, and how many there are."""
    if lines and spec.data is not None:
        others = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        message = f"line {lines[0]} of `{spec.data.labels}`, {files.lines[lines[0] - 1][:_SHOWN]!r}, {what}{others}"
        yield Diagnostic("bad-labels", message, help_).at(("data", "labels"))


def _check_blanks(files: TaskFiles) -> Iterator[Diagnostic]:
    for name, entries in files.entries.items():
        blank = files.decodes[name].blank
        if blank >= len(entries):
            message = f"`blank` is {blank}, and the last of the vocabulary's places is {len(entries) - 1}"
            yield Diagnostic("wrong-decode", message, "count from 0").at(("outputs", name, "decode", "blank"))


def check_decodes(spec: Spec, signature: Signature, files: TaskFiles) -> list[Diagnostic]:
    """Hold what is said of reading outputs against the model's own shapes, as far as these are fixed."""
    gates = _classified(spec)
    faults = list[Diagnostic]()
    for port in signature.outputs:
        if (decode := files.decodes.get(port.name)) is None:
            continue
        table = spec.outputs.get(port.name, models.Output())
        shape, entries = _row(table, port), files.entries.get(port.name)
        if why := misfit(decode.kind, shape, port.dtype, None if entries is None else len(entries)):
            at: Path = ("outputs", port.name, "decode") if table.decode else ("gates", gates[port.name], "output")
            message = f"output `{port.name}` can't be read: {why}"
            faults.append(Diagnostic("wrong-decode", message, READABLE).at(at))
        elif port.name in gates and decode.vocabulary is None and not _is_number(shape, port.dtype) and shape[-1]:
            beyond = [n for n, line in enumerate(files.lines, 1) if _NUMBER.fullmatch(line) and int(line) >= shape[-1]]
            help_ = f"`{port.name}` has {shape[-1]} classes, from 0 on"
            faults += _bad_lines(spec, files, beyond, "is no number of a class", help_)
    return faults


def _row(table: models.Output, port: Port) -> tuple[int | None, ...]:
    """Return an output's shape for one sample, behind what the graph selects of it."""
    shape = port.shape
    if table.select is not None and table.select.kind != "zero-invalid":
        shape = (*shape[: table.select.axis], *shape[table.select.axis + 1 :])
    return shape[1:]


def misfit(kind: str, shape: Sequence[int | None], dtype: str, entries: int | None) -> str | None:
    """Say why an output can't be read.

    Args:
        kind: `class` or `ctc`.
        shape: its shape for one sample; None is what isn't known yet.
        dtype: NumPy's name of its dtype.
        entries: how many the vocabulary has, if there is one.

    """
    if kind == "class" and _is_number(shape, dtype):
        return None
    axes = _AXES[kind]
    if len(shape) < axes or any(n not in (1, None) for n in shape[:-axes]):
        return f"for each sample it is [{', '.join('?' if n is None else str(n) for n in shape)}] {dtype}"
    if shape[-1] is not None and entries not in (shape[-1], None):
        return f"its last axis has {shape[-1]} places, and the vocabulary {entries} entries"
    return f"its last axis has {shape[-1]} place(s): there is nothing to choose" if shape[-1] in (0, 1) else None


def _is_number(shape: Sequence[int | None], dtype: str) -> bool:
    """Tell whether an output is one number, which is the class's own."""
    return not dtype.startswith("float") and all(n == 1 for n in shape)


def plan_decodes(files: TaskFiles) -> tuple[Decode, ...]:
    """Return how outputs are read; all that is named is here."""
    return tuple(
        Decode(
            output=name,
            kind=decode.kind,
            vocabulary=None
            if decode.vocabulary is None
            else PlannedSource.of(decode.vocabulary, files.vocabularies[name]),
            blank=decode.blank,
            separator=decode.separator,
        )
        for name, decode in files.decodes.items()
    )


def label_samples(
    spec: Spec, samples: Samples, files: TaskFiles, texts: Mapping[str, Sequence[str]] | None
) -> tuple[Samples, list[Diagnostic]]:
    """Say which line of the labels is each sample's.

    Args:
        spec: the spec.
        samples: the data, split.
        files: what is here of the labels.
        texts: where the data are text: what stands for each text in each file.

    """
    if files.labels is None or spec.data is None or spec.data.labels is None:
        return samples, []
    names = sorted(file.path for file in samples.source.files)
    help_ = f"a line for each, in the order of their sorted paths: the first is for `{names[0]}`"
    if texts is not None:
        names = [f"{path}:{n}" for path, found in sorted(texts.items()) for n in range(1, len(found) + 1)]
        help_ = (
            "a line for each, file by file in the order of their paths: repeated texts have one too, blank ones none"
        )
    if len(names) != len(files.lines):
        message = f"`{spec.data.labels}` has {len(files.lines)} lines, and there are {len(names)} samples"
        return samples, [Diagnostic("bad-labels", message, help_).at(("data", "labels"))]
    lines = {name: number for number, name in enumerate(names, 1)}
    labels = Labels(
        source=PlannedSource.of(spec.data.labels, files.labels),
        calibration=tuple(lines[name] for name in samples.calibration),
        validation=tuple(lines[name] for name in samples.validation),
    )
    return structs.replace(samples, labels=labels), []


def plan_tasks(
    gates: Sequence[PlannedGate],
    decodes: Sequence[Decode],
    samples: Samples | None,
    toolchain: Mapping[str, str],
    which: Literal["calibration", "validation"],
) -> dict[str, Any]:
    """Return what a stage that runs some of the samples is told of tasks and own metrics; nothing without either."""
    measured = [gate for gate in gates if METRICS.get(gate.metric) in ("task", "function")]
    if not measured or samples is None:
        return {}
    keys = ("metric", "output", "function", "of")
    told = {tuple(str(getattr(gate, key) or "") for key in keys) for gate in measured}
    read = {gate.output for gate in measured}
    tasks: dict[str, Any] = {
        "gates": [dict(zip(keys, gate, strict=True)) for gate in sorted(told)],
        "decodes": [d.reading for d in decodes if d.output in read],
        "toolchain": {tool: toolchain[tool] for tool in METRIC_TOOLS if tool in toolchain},
        "functions": {g.function: to_builtins(g.own) for g in measured if g.function and g.own},
    }
    if samples.labels is not None:
        tasks |= {"labels": samples.labels.source.digest, "lines": list(getattr(samples.labels, which))}
    return {"tasks": tasks}
