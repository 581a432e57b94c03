"""Samples that the caller gives, in place of those that the spec names."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from npuspec.bundle.program import Program
from npuspec.plan.passes.trace import CALLER, CALLER_INSTEAD
from npuspec.sources import Fetched
from npuspec.spec import Document, Spec, models

Given = Callable[[Program], Fetched]
"""Takes the samples once the model is known."""

_SOURCE = "data given to apply"


def with_given(document: Document) -> Document:
    """Return the document with [data] for samples that are given: of its own, only what is known of each stays."""
    kept = {key: value for key, value in _own(document).items() if key.startswith("labels")}
    return replace(document, values={**document.values, "data": {"source": _SOURCE, **kept}})


def origin_of(document: Document) -> str:
    """Return who says where the samples come from that are given for a spec."""
    return CALLER_INSTEAD if _own(document).keys() & {"source", "function"} else CALLER


def _own(document: Document) -> Mapping[str, Any]:
    own = document.values.get("data")
    return own if isinstance(own, dict) else {}


def for_one_input(spec: Spec) -> Spec:
    """Name the input that given samples are for, if there is only one: they needn't name it."""
    names = [name for name, table in spec.inputs.items() if isinstance(table, models.DataInput)]
    if spec.data is None or len(names) > 1:
        return spec
    return spec.model_copy(update={"data": spec.data.model_copy(update={"input": names[0]})})
