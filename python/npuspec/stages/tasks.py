"""How well models do their task: what is read of their outputs, held against the labels."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import nan
from typing import Any

import numpy as np

from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts import read_lines
from npuspec.plan.model import task_key
from npuspec.plan.passes.task import LONGEST_ENTRY, LONGEST_LABEL, READABLE, misfit
from npuspec.runtime.feed import Array
from npuspec.stages.own import OwnMetric, load_functions
from npuspec.stages.request import Request

_MOST_MISREAD = 100  # samples that the evidence shows
_MOST_SHOWN = 200  # characters of a text there


class Task:
    """One figure of one model: its answers for the samples that are added, against what is right.

    Attributes:
        labels: what is right, by the samples' names.
        read: what was read so far, by the samples' names.

    """

    def __init__(
        self,
        metric: str,
        output: str,
        *,
        kind: str,
        labels: Mapping[str, str],
        vocabulary: Sequence[str] | None = None,
        blank: int = 0,
        separator: str = "",
    ) -> None:
        """Take what is measured, of which output, and how that is read.

        Args:
            metric: `accuracy`, `word-error-rate` or `character-error-rate`.
            output: the output's name.
            kind: `class` or `ctc`.
            labels: what is right, by the samples' names.
            vocabulary: what each place of the last axis stands for; a class may be called by its number instead.
            blank: for a text: the place that stands for nothing.
            separator: for a text: what stands between entries.

        Raises:
            StageError: `missing-extra`: the metric needs a package that isn't there.

        """
        self._rate = None if metric == "accuracy" else _rate(metric)
        self._output, self._kind, self._vocabulary = output, kind, vocabulary
        self._blank, self._separator = blank, separator
        self.labels = labels
        self.read: dict[str, str] = {}

    def add(self, sample: str, outputs: Mapping[str, Array]) -> None:
        """Read one sample's outputs, which have no batch axis.

        Raises:
            StageError: `wrong-decode` if the output can't be read, `not-finite` if it holds NaN.

        """
        array, vocabulary = outputs[self._output], self._vocabulary
        where = f"`{sample}`, output `{self._output}`"
        if why := misfit(self._kind, array.shape, str(array.dtype), None if vocabulary is None else len(vocabulary)):
            raise StageError(Diagnostic("wrong-decode", f"{where} can't be read: {why}", READABLE))
        if array.dtype.kind == "f" and np.isnan(array).any():
            help_ = "look for an operation that overflows, or keep it in floating point"
            raise StageError(Diagnostic("not-finite", f"{where}: the output holds NaN", help_))
        self.read[sample] = self._text(array) if self._kind == "ctc" else self._class(array, where)

    def miss(self, sample: str) -> None:
        """Count a sample as one of which nothing could be read."""
        self.read[sample] = ""

    def figure(self) -> float:
        """Return the figure of all samples together: the share of right classes, or the rate of errors."""
        if not self.read:
            return nan
        wanted = [self.labels[sample] for sample in self.read]
        if self._rate is not None:
            return float(self._rate(wanted, [*self.read.values()]))
        return sum(map(str.__eq__, wanted, self.read.values())) / len(wanted)

    def is_right(self, sample: str) -> bool:
        """Tell whether a sample was read as it should be; blanks around a text don't count."""
        read, label = self.read[sample], self.labels[sample]
        return read == label if self._rate is None else read.strip() == label.strip()

    def _text(self, array: Array) -> str:
        places = array.reshape(-1, array.shape[-1]).argmax(axis=-1)
        places = places[np.diff(places, prepend=-1) != 0]
        return self._separator.join(self._entry(place) for place in places if place != self._blank)

    def _class(self, array: Array, where: str) -> str:
        place = int(array.argmax() if array.size > 1 else array.item())
        if self._vocabulary is not None and not 0 <= place < len(self._vocabulary):
            message = f"{where} can't be read: it is {place}, and the vocabulary has {len(self._vocabulary)} entries"
            raise StageError(Diagnostic("wrong-decode", message, READABLE))
        return self._entry(place)

    def _entry(self, place: int) -> str:
        return str(place) if self._vocabulary is None else self._vocabulary[place]


def _rate(metric: str) -> Callable[[list[str], list[str]], float]:
    try:
        import jiwer  # noqa: PLC0415  an extra: only specs with a gate on texts need it
    except ImportError:
        message = f"`{metric}` needs the package jiwer"
        raise StageError(Diagnostic("missing-extra", message, "pip install 'npuspec[metrics]'")) from None
    return {"word-error-rate": jiwer.wer, "character-error-rate": jiwer.cer}[metric]


class Tasks:
    """What gates on tasks and own metrics ask for: a figure of each model that is held to one, and of the original."""

    def __init__(self, request: Request, samples: Sequence[str]) -> None:
        """Take what the plan says of tasks, which may be nothing, for these samples in the plan's order."""
        told = request.parameters.get("tasks", {"gates": [], "decodes": []})
        self._gates: list[dict[str, str]] = told["gates"]
        labels: dict[str, str] | None = None
        if request.labels is not None and "lines" in told:
            lines = read_lines(request.labels, LONGEST_LABEL)
            labels = {name: lines[number - 1] for name, number in zip(samples, told["lines"], strict=True)}
        vocabularies = {name: read_lines(file, LONGEST_ENTRY) for name, file in request.vocabularies.items()}
        decodes = {decode["output"]: decode for decode in told["decodes"]}
        functions = load_functions(request)
        self._makers: dict[tuple[str, ...], Callable[[], Task | OwnMetric]] = {}
        for gate in self._gates:
            if gate["function"]:
                maker: Callable[[], Task | OwnMetric] = partial(OwnMetric, functions[gate["function"]], labels)
            else:
                output = gate["output"]
                how = {key: decodes[output][key] for key in ("kind", "blank", "separator")}
                how |= {"labels": labels or {}, "vocabulary": vocabularies.get(output)}
                maker = partial(Task, gate["metric"], output, **how)
            for model in (gate["of"], "original"):
                self._makers.setdefault(task_key(gate, model), maker)
        self.begin()

    def begin(self) -> None:
        """Forget what was added, and nothing of what was read to judge it by."""
        self._measures = {key: make() for key, make in self._makers.items()}

    def add(self, model: str, sample: str, outputs: Mapping[str, Array]) -> None:
        """Add what a model gave for a sample; see `Task.add` and `OwnMetric.add`."""
        for (*_, of), measure in self._measures.items():
            if of == model:
                measure.add(sample, outputs)

    def miss(self, model: str, sample: str) -> None:
        """Add that what a model gave for a sample is of no use; see `Task.miss` and `OwnMetric.miss`."""
        for (*_, of), measure in self._measures.items():
            if of == model:
                measure.miss(sample)

    def rows(self) -> list[dict[str, Any]]:
        """Return the figures for the evidence, each with samples that were misread."""
        rows = []
        for gate in self._gates:
            measure, original = self._measures[task_key(gate, gate["of"])], self._measures[task_key(gate, "original")]
            row: dict[str, Any] = {**gate, "figure": measure.figure(), "original": original.figure()}
            if isinstance(measure, Task) and isinstance(original, Task):
                row |= _misread(measure, original)
            rows.append(row)
        return rows


def _misread(task: Task, original: Task) -> dict[str, Any]:
    wrong = [name for name in task.read if not task.is_right(name)]
    misread = {
        name: {
            "label": task.labels[name][:_MOST_SHOWN],
            "read": task.read[name][:_MOST_SHOWN],
            "original": original.read[name][:_MOST_SHOWN],
        }
        for name in wrong[:_MOST_MISREAD]
    }
    return {"samples": len(task.read), "wrong": len(wrong), "misread": misread}
