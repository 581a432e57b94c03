"""What is said of an input beyond its shape: what its axes mean, and what becomes of a sample before it is padded."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Path
from npuspec.spec.models import DataInput, Spec


def layout_of_axes(spec: Spec) -> Iterator[Diagnostic]:
    """A layout has a letter for each axis, and no letter twice."""
    for name, table in spec.inputs.items():
        if not isinstance(table, DataInput):
            continue
        at: Path = ("inputs", name)
        layouts = {(*at, "layout"): table.layout}
        if table.preprocess is not None:
            layouts[*at, "preprocess", "layout"] = table.preprocess.layout
        for path, layout in layouts.items():
            if layout is None:
                continue
            letters = layout.replace("?", "")
            if len(layout) != len(table.shape) or len(set(letters)) != len(letters):
                message = f"`{layout}` can't name the {len(table.shape)} axes of `{name}`"
                yield Diagnostic("wrong-value", message, "one letter for each axis, such as `NCHW`").at(path)
        if table.preprocess is not None and table.preprocess.layout and table.layout is None:
            message = f"what the model's own axes of `{name}` mean is missing"
            yield Diagnostic("missing-key", message, 'add it beside `shape`: layout = "NCHW"').at(at)


def channel_numbers(spec: Spec) -> Iterator[Diagnostic]:
    """`mean` and `scale` are of the same channels, and nothing is divided by zero."""
    for name, table in spec.inputs.items():
        if not isinstance(table, DataInput) or table.preprocess is None:
            continue
        at: Path = ("inputs", name, "preprocess")
        mean, scale = table.preprocess.mean, table.preprocess.scale
        if mean and scale and len(mean) != len(scale):
            message = f"`mean` has {len(mean)} numbers and `scale` {len(scale)}"
            yield Diagnostic("wrong-value", message, "one of each for every channel").at((*at, "scale"))
        for index, number in enumerate(scale):
            if number == 0:
                yield Diagnostic("wrong-value", "nothing is divided by 0", "1.0 leaves a channel as it is").at(
                    (*at, "scale", index)
                )
