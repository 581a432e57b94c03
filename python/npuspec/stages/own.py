"""A figure that a function of the spec's own makes of all samples' outputs."""

import reprlib
from collections.abc import Mapping
from math import isfinite, nan
from numbers import Real

import numpy as np

from npuspec.child.own import OwnFunction, load_function, wrong_result
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.runtime.feed import Array
from npuspec.stages.request import Request

MOST_BYTES = 1 << 31  # of all samples' outputs, which are in memory at once


def load_functions(request: Request) -> dict[str, OwnFunction]:
    """Import the functions that a stage is to run, by their names; see `load_function`."""
    named = request.parameters.get("tasks", {}).get("functions", {})
    if not named or request.folder is None:
        return {}
    return {
        name: load_function(request.folder, name, {file["path"]: file["sha256"] for file in code["files"]})
        for name, code in named.items()
    }


class OwnMetric:
    """Gathers one model's outputs, and gives them to a function: `function(outputs, names, labels) -> float`.

    `outputs` is a list with a dict of output names to arrays for each sample, without the batch axis and cut to the
    valid part; `names` are the samples' names in the plan, `labels` what is right for each, or None where there are
    none.
    """

    def __init__(self, function: OwnFunction, labels: Mapping[str, str] | None = None) -> None:
        """Begin.

        Args:
            function: the function.
            labels: what is right for each sample, by its name.

        """
        self._function, self._labels = function, labels
        self._outputs: list[dict[str, Array]] = []
        self._names: list[str] = []
        self._left = MOST_BYTES
        self._is_whole = True

    def add(self, sample: str, outputs: Mapping[str, Array]) -> None:
        """Keep a copy of one sample's outputs.

        Raises:
            StageError: `outputs-too-large`: all that was added doesn't fit.

        """
        self._left -= sum(array.nbytes for array in outputs.values())
        if self._left < 0:
            most = f"more than {MOST_BYTES} bytes, up to `{sample}`"
            message = f"`{self._function.name}` takes the outputs of all samples at once, and these are {most}"
            help_ = "select of the outputs what it looks at, or give fewer samples"
            raise StageError(Diagnostic("outputs-too-large", message, help_))
        self._outputs.append({name: np.array(array) for name, array in outputs.items()})
        self._names.append(sample)

    def miss(self, _sample: str) -> None:
        """Leave a sample without outputs, and so all of them without a figure."""
        self._is_whole = False

    def figure(self) -> float:
        """Run the function; of no samples, or where one was missed, there is no figure, but NaN.

        Raises:
            StageError: `function-failed`, or `function-result`: it gives no finite number.

        """
        if not self._names or not self._is_whole:
            return nan
        labels = None if self._labels is None else [self._labels[name] for name in self._names]
        found = self._function(self._outputs, [*self._names], labels)
        try:
            figure = float(found) if isinstance(found, Real) else nan
        except OverflowError:
            figure = nan
        if not isfinite(figure):
            shown = f"gave {reprlib.repr(found)}, and a finite number is wanted"
            raise wrong_result(self._function.name, shown, "give one figure of all samples, as a float")
        return figure
