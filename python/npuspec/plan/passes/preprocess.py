"""What becomes of a sample before the model's own operations, in terms of the model's axes."""

from npuspec.bundle.program import Preprocess, Program
from npuspec.diagnostics import Diagnostic
from npuspec.facts import Port
from npuspec.spec import Spec, models


def plan_preprocess(table: models.DataInput, port: Port) -> Preprocess | None:
    """Return the steps, without the batch axis; None where the caller gives what the model takes."""
    written = table.preprocess
    if written is None:
        return None
    model = table.layout[1:] if table.layout else ""
    moved = [written.layout[1:].index(letter) for letter in model] if written.layout else range(len(table.shape) - 1)
    return Preprocess(
        dtype=written.dtype or port.dtype,
        order=tuple(moved),
        channels=model.index("C") if "C" in model else None,
        swap_channels=written.swap_channels,
        mean=written.mean,
        scale=written.scale,
        resize=written.resize,
    )


def plan_layouts(spec: Spec, program: Program) -> dict[str, str]:
    """Return what the axes of the model's inputs mean, where the spec says so or there is a batch.

    The device's plugins read it: the NPU's splits a batch that layouts name, and leaves any other to its compiler.
    """
    found = {}
    for name, shape in sorted(program.variants[0].shapes.items()):
        table = spec.inputs.get(name)
        layout = _layout(table) if isinstance(table, models.DataInput) else None
        if program.batch > 1:
            found[name] = "N" + (layout or "?" * len(shape))[1:]
        elif layout is not None:
            found[name] = layout
    return found


def _layout(table: models.DataInput) -> str | None:
    """Return what the axes mean of what ships."""
    given = table.preprocess.layout if table.preprocess is not None and table.preprocess.place == "model" else None
    return given or table.layout


def check_preprocess(table: models.DataInput, port: Port) -> list[Diagnostic]:
    """Return a fault where whole numbers are to be made of fractions: each would be rounded without a word."""
    written = table.preprocess
    if written is None or port.dtype.startswith("float"):
        return []
    at = ("inputs", port.name, "preprocess")
    faults = []
    if written.dtype is not None and written.dtype != port.dtype:
        message = f"`{port.name}` is of {port.dtype}, and {written.dtype} isn't made into that"
        faults.append(Diagnostic("wrong-type", message, "give what the model takes").at((*at, "dtype")))
    for key in ("mean", "scale"):
        if getattr(written, key):
            message = f"`{port.name}` is of {port.dtype}, and `{key}` would make fractions"
            faults.append(Diagnostic("wrong-type", message, "only an input of floats is normalised").at((*at, key)))
    return faults
