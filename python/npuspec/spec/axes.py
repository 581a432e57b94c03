"""What an input's shape says: which of its axes is the batch, and which vary."""

from npuspec.spec.models import DataInput, Spec

BATCH = "batch"
"""The name that [batching]'s size has in an input's shape."""


def varying_axes(spec: Spec, data: DataInput) -> list[int]:
    """Return the axes of an input whose size varies from sample to sample."""
    return [i for i, a in enumerate(data.shape) if a in spec.dims and spec.dims[str(a)].strategy != "fixed"]
