"""Preprocessing in the model: what ships takes what the caller gives, and what is padded is what the caller gives."""

import struct
import sys

from msgspec import structs

from npuspec.bundle.program import DataInput, Input, Preprocess, Program, Variant
from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.suggest import toml_key
from npuspec.facts import Port
from npuspec.plan.passes.preprocess import plan_preprocess
from npuspec.spec import Spec, models
from npuspec.spec.axes import varying_axes

_ROUNDING = 2.0**-22  # of the largest number that float32 computes with
_FORMATS = {"float16": "e", "float32": "f", "float64": "d"}
FLOAT_MAX = {"float16": 65504.0, "float32": float.fromhex("0x1.fffffep127"), "float64": sys.float_info.max}
"""The largest value of each dtype of floats."""


def fold_preprocess(spec: Spec, program: Program) -> Program:
    """Return the program of models in whose graphs the steps of some inputs are: those take what the caller gives."""
    data = [port for port in program.inputs if isinstance(port, DataInput)]
    folds = {p.name: p.preprocess for p in data if p.preprocess is not None and _is_folded(spec.inputs[p.name])}

    def taken(port: Input) -> Input:
        if not isinstance(port, DataInput) or (steps := folds.get(port.name)) is None:
            return port
        padding = _given_padding(port.pad_value, steps) or 0.0  # where nothing is padded, there may be no such value
        given = steps.given(port.axes)
        return structs.replace(port, dtype=steps.dtype, axes=given, pad_value=padding, preprocess=None)

    def variant(whole: Variant) -> Variant:
        moved = {name: (whole.shapes[name][0], *steps.given(whole.shapes[name][1:])) for name, steps in folds.items()}
        return structs.replace(whole, shapes={**whole.shapes, **moved})

    inputs, variants = tuple(map(taken, program.inputs)), tuple(map(variant, program.variants))
    return structs.replace(program, inputs=inputs, variants=variants)


def check_fold(spec: Spec, table: models.DataInput, port: Port) -> list[Diagnostic]:
    """Return a fault where the model would make something else of the padding than the pad value."""
    steps = plan_preprocess(table, port)
    if steps is None or not _is_folded(table) or not varying_axes(spec, table):
        return []
    if _given_padding(table.pad_value, steps) is not None:
        return []
    message = (
        f"`{port.name}` is padded before its steps, which are in the model: no {steps.dtype} becomes "
        f"{table.pad_value:g}" + (" in every channel" if len(_channels(steps)) > 1 else "")
    )
    near = nearest_padding(table.pad_value, steps)
    other = "" if near is None else f"pad-value = {near}, which {_given_padding(near, steps):g} becomes, or "
    at = ("inputs", port.name, "pad-value")
    help_ = f'{other}place = "native" in [inputs.{toml_key(port.name)}.preprocess]'
    return [Diagnostic("inexpressible-padding", message, help_).at(at)]


def nearest_padding(value: float, steps: Preprocess) -> float | None:
    """Return the pad value beside one that the steps make of something; None if they make no one value of anything."""
    mean, scale = _channels(steps)[0]
    near = float(f"{(_nearest(steps.dtype, value * scale + mean) - mean) / scale:.9g}")
    return near if _given_padding(near, steps) is not None else None


def _is_folded(table: models.Input) -> bool:
    return isinstance(table, models.DataInput) and table.preprocess is not None and table.preprocess.place == "model"


def _given_padding(value: float, steps: Preprocess) -> float | None:
    """Return what the caller's samples are padded with, so that the steps make `value` of it; None if nothing is so."""
    mean, scale = _channels(steps)[0]
    found = _nearest(steps.dtype, value * scale + mean)
    is_meant = all(
        abs((found - mean) / scale - value) <= _ROUNDING * max(abs(value), abs(found / scale), abs(mean / scale))
        for mean, scale in _channels(steps)
    )
    return found if is_meant else None


def _channels(steps: Preprocess) -> list[tuple[float, float]]:
    """Return the mean and the scale of each channel; one pair where all have the same."""
    count = max(len(steps.mean), len(steps.scale), 1)
    mean, scale = (
        given * count if len(given) == 1 else given for given in (steps.mean or (0.0,), steps.scale or (1.0,))
    )
    return list(zip(mean, scale, strict=True))


def _nearest(dtype: str, value: float) -> float:
    """Return the value of a dtype that is nearest to one."""
    lowest, highest = range_of(dtype)
    value = min(max(value, lowest), highest)
    if (form := _FORMATS.get(dtype)) is None:
        return float(round(value))
    (found,) = struct.unpack(form, struct.pack(form, value))
    return float(found)


def range_of(dtype: str) -> tuple[float, float]:
    """Return the lowest and the highest value of a NumPy dtype."""
    if dtype.startswith("float"):
        highest = FLOAT_MAX[dtype]
        return -highest, highest
    if dtype == "bool":
        return 0, 1
    bits = int(dtype.lstrip("uint"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
