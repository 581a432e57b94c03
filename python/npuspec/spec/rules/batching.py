"""How many samples one inference takes."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.spec.models import Spec


def idle_batch(spec: Spec) -> Iterator[Diagnostic]:
    """A session takes one sample at a time: a batch is computed for one result."""
    if spec.batching.size > 1:
        message = f"each inference computes {spec.batching.size} rows, and a session fills them all with one sample"
        help_ = "size = 1, unless the model has no other batch"
        yield Diagnostic("idle-batch", message, help_, severity=Severity.WARNING).at(("batching", "size"))
