"""What a spec's model costs at several sizes of one dimension, the others at their largest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, SpecError
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.facts import latency, signature
from npuspec.plan.passes.bind import followed_dim, named_shapes, padded_dims
from npuspec.plan.prepare import Prepared
from npuspec.sources import Fetched
from npuspec.spec import Spec, models
from npuspec.store import Store


@dataclass(frozen=True, slots=True)
class Measurable:
    """A model, and what is needed to run it at any size of one dimension."""

    model: Fetched
    dim: str
    minimum: int
    """The shortest size that the model takes."""
    shapes: Mapping[str, Sequence[str | int]]
    fills: Mapping[str, str | int]
    largest: Mapping[str, int]

    def measure(self, sizes: Sequence[int], device: str, progress: Progress) -> dict[int, float]:
        """Return the median latency in milliseconds for each size.

        Raises:
            ChildError: the model can't have a size, or the device can't compile it.

        """
        choices = [{**self.largest, self.dim: size} for size in sizes]
        times = latency(
            self.model, shapes=self.shapes, fills=self.fills, sizes=choices, device=device, progress=progress
        )
        return dict(zip(sizes, times, strict=True))


_NONE = "only a spec with a dimension of `buckets` or `pad` can be measured: --cost states what a size costs"


def measurable(spec: Spec, prepared: Prepared, dim: str | None, store: Store) -> Measurable:
    """Take from a spec and its plan what is needed to measure a padded dimension, the only one if none is named.

    Raises:
        SpecError: `wrong-argument`: there is no such dimension, or it isn't clear which one is meant.

    """
    padded = padded_dims(spec)
    if dim is None and len(padded) == 1:
        [dim] = padded
    if dim is None or dim not in padded:
        found = f"no padded dimension `{dim}`" if dim else f"{len(padded)} padded dimensions, and none is named"
        raise SpecError(Diagnostic("wrong-argument", f"the spec has {found}", did_you_mean(dim or "", padded) or _NONE))
    return Measurable(
        prepared.model,
        dim,
        prepared.plan.program.dims[dim].minimum,
        named_shapes(spec, signature(prepared.model, store)),
        {name: _fill(spec, table) for name, table in spec.inputs.items()},
        {name: sizes[-1] for name, sizes in padded.items()},
    )


def _fill(spec: Spec, table: models.Input) -> str | int:
    """Return what an input is filled with: no padding, and values that every model takes."""
    match table:
        case models.LengthInput():
            return followed_dim(spec, table)
        case models.MaskInput():
            return 1
    return 0
