"""What is said of an input beyond its shape: what its axes mean, and what becomes of a sample before it is padded."""

from collections.abc import Iterator

from npuspec.bundle.program import LARGEST_MEAN, LARGEST_SCALE, LEAST_SCALE
from npuspec.diagnostics import Diagnostic, Path
from npuspec.spec.axes import varying_axes
from npuspec.spec.models import DataInput, FixedDim, Spec


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
            elif layout is table.layout and (layout[0] not in "N?" or "N" in layout[1:]):
                message = f"`{layout}` doesn't have the batch first, and the first axis is the batch"
                yield Diagnostic("wrong-value", message, f"`N{layout[1:].replace('N', '?')}`").at(path)
        yield from _moved_axes(table, at)


def _moved_axes(table: DataInput, at: Path) -> Iterator[Diagnostic]:
    """The caller's axes are the model's in another order, behind the batch."""
    given = table.preprocess.layout if table.preprocess is not None else None
    if given is None:
        return
    if table.layout is None:
        message = f"what the model's own axes of `{at[-1]}` mean is missing"
        yield Diagnostic("missing-key", message, 'add it beside `shape`: layout = "NCHW"').at(at)
    elif len(given) == len(table.layout) and (
        "?" in given or sorted(given) != sorted(table.layout) or given[0] != table.layout[0]
    ):
        message = f"`{given}` doesn't have the axes of `{table.layout}` in another order, the batch first"
        yield Diagnostic("wrong-value", message, "the same letters, such as `NHWC` for `NCHW`").at(
            (*at, "preprocess", "layout")
        )


def channel_numbers(spec: Spec) -> Iterator[Diagnostic]:
    """What is said of channels fits them, and nothing is divided by zero."""
    for name, table in spec.inputs.items():
        if not isinstance(table, DataInput) or table.preprocess is None:
            continue
        at: Path = ("inputs", name, "preprocess")
        mean, scale = table.preprocess.mean, table.preprocess.scale
        yield from _channels(spec, table, at, {"mean": mean, "scale": scale})
        for index, number in enumerate(mean):
            if abs(number) > LARGEST_MEAN:
                yield Diagnostic("wrong-value", "no sample has such a mean", "0.0 leaves a channel as it is").at(
                    (*at, "mean", index)
                )
        for index, number in enumerate(scale):
            if not LEAST_SCALE <= abs(number) <= LARGEST_SCALE:
                yield Diagnostic(
                    "wrong-value", f"nothing is divided by {number:g}", "1.0 leaves a channel as it is"
                ).at((*at, "scale", index))


def resize_of_pictures(spec: Spec) -> Iterator[Diagnostic]:
    """What is resized is a picture of bytes, outside of the model, to sides of which at most one varies."""
    for name, table in spec.inputs.items():
        steps = table.preprocess if isinstance(table, DataInput) else None
        if not isinstance(table, DataInput) or steps is None or steps.resize == "none":
            continue
        at: Path = ("inputs", name, "preprocess")
        if steps.place == "model":
            message = (
                f"pictures of `{name}` come in all sizes, and an NPU takes static shapes: no model can resize them"
            )
            yield Diagnostic("wrong-resize", message, 'place = "native"').at((*at, "resize"))
        if steps.dtype != "uint8":
            message = f"pictures are resized as bytes, and `{name}` isn't said to be given as such"
            yield Diagnostic("wrong-resize", message, 'dtype = "uint8"').at((*at, "dtype"))
        if sorted(table.layout or "") != ["C", "H", "N", "W"] or len(table.shape) != len("NCHW"):
            message = f"which axes of `{name}` are a picture's height, width and channels isn't stated"
            yield Diagnostic("wrong-resize", message, 'add it beside `shape`: layout = "NCHW"').at((*at, "resize"))
            continue
        yield from _resized_axes(spec, table, at)


def _resized_axes(spec: Spec, table: DataInput, at: Path) -> Iterator[Diagnostic]:
    """A picture has 1, 3 or 4 channels; it is stretched to two fixed sides, or scaled to fit into one or two."""
    layout = table.layout or ""
    place = layout.index("C")
    size = table.shape[place]
    count = dim.size if isinstance(dim := spec.dims.get(str(size)), FixedDim) else size
    if count not in (1, 3, 4):
        message = f"pictures of 1, 3 or 4 channels are resized, and `{at[1]}` has {count}"
        yield Diagnostic("wrong-resize", message, "take `resize` out").at((*at, "resize"))
    varying = [layout[axis] for axis in varying_axes(spec, table) if layout[axis] in "HW"]
    resize = table.preprocess.resize if table.preprocess is not None else "none"
    if resize == "stretch" and varying:
        message = f"`{at[1]}` can't be stretched to a size that varies"
        help_ = 'strategy = "fixed" for height and width, or resize = "letterbox" where one of them varies'
        yield Diagnostic("wrong-resize", message, help_).at((*at, "resize"))
    elif len(varying) > 1:
        message = f"height and width of `{at[1]}` both vary: there is nothing that its pictures are to fit into"
        help_ = 'strategy = "fixed" for one of them, or for both'
        yield Diagnostic("wrong-resize", message, help_).at((*at, "resize"))


def _channels(spec: Spec, table: DataInput, at: Path, numbers: dict[str, tuple[float, ...]]) -> Iterator[Diagnostic]:
    """What is said of channels needs an axis of them behind the batch, of that size."""
    axis = (table.layout or "").find("C", 1)
    size = table.shape[axis] if 0 < axis < len(table.shape) else None
    if isinstance(dim := spec.dims.get(str(size)), FixedDim):
        size = dim.size
    for key, values in numbers.items():
        if len(values) > 1 and size is None:
            message = f"which axis of `{at[1]}` the {len(values)} channels are isn't stated"
            yield Diagnostic("missing-key", message, 'add it beside `shape`: layout = "NCHW"').at((*at, key))
        elif len(values) > 1 and len(values) != size:
            channels = f"{size} channels" if isinstance(size, int) else "as many channels as each sample has"
            message = f"`{key}` has {len(values)} numbers, and `{at[1]}` {channels}"
            yield Diagnostic("wrong-value", message, "one number for each channel, or one for all").at((*at, key))
    if table.preprocess is not None and table.preprocess.swap_channels and size is None:
        message = f"which axis of `{at[1]}` the channels are isn't stated"
        yield Diagnostic("missing-key", message, 'add it beside `shape`: layout = "NCHW"').at((*at, "swap-channels"))
