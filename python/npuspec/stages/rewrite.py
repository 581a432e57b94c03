"""Put lengths into a static model: masks and selections that its graph makes itself, instead of who calls it.

What is valid is one comparison: each place of an axis has a shortest length at which it is. That is known here, so the
graph holds no arithmetic of lengths, whatever rule an output's length follows, and compares whole numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from npuspec.bundle.program import DataInput, Extent, Input, LengthInput, Variant
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.inspect import port_name, reason
from npuspec.plan.model import Rewrite, Selection
from npuspec.runtime.feed import Array
from npuspec.stages.select import select

_REFERENCE = {"INFERENCE_PRECISION_HINT": "f32"}
_CLOSE = 1e-5  # of the largest value of an output
_MOST = 2**31 - 1


def rewrite_model(model: ov.Model, rewrite: Rewrite, variant: Variant) -> ov.Model:
    """Return a static model with masks and selections in its graph.

    All other ports stay as they are, names and order included; inputs that are added come last.
    """
    result = model.clone()
    before = {node.get_name() for node in result.get_ops()}
    batch = next(iter(variant.shapes.values()))[0]
    added = [op.parameter([batch, 1], np.int32, name=length.name) for length in rewrite.lengths]
    for parameter in added:
        parameter.output(0).set_names({parameter.get_friendly_name()})
    result.add_parameters(added)
    inputs = {port_name(port): port.get_node() for port in result.inputs}
    for mask in rewrite.masks:
        replaced = inputs[mask.name]
        places = replaced.output(0).shape[1]
        valid = _is_valid(inputs[mask.length], _shortest(Extent(dim="", axis=1), places, mask.side), [1, places])
        built = op.convert(valid, replaced.get_element_type().get_type_name())
        for target in replaced.output(0).get_target_inputs():
            target.replace_source_output(built.output(0))
        names = replaced.output(0).get_names()
        replaced.output(0).set_names(set())
        built.output(0).set_names(names)
        result.remove_parameter(replaced)
    outputs = {port_name(port): port.get_node() for port in result.outputs}
    for chosen in rewrite.selects:
        end = outputs[chosen.output]
        source, names = end.input_value(0), end.output(0).get_names()
        made = _selection(source, chosen, inputs[chosen.length], variant.sizes[chosen.extent.dim])
        source.set_names(set())
        made.output(0).set_names(names)
        end.input(0).replace_source_output(made.output(0))
    result.validate_nodes_and_infer_types()
    # OpenVINO numbers nameless operations by a counter of the process.
    new = [n for n in result.get_ordered_ops() if n.get_name() not in before and n.get_type_name() != "Parameter"]
    for number, node in enumerate(new):
        node.set_friendly_name(f"{node.get_type_name()}/rewritten_{number}")
    return result


def _shortest(extent: Extent, places: int, side: str) -> list[int]:
    """Return for each place of an axis the shortest length at which it is valid."""
    found = [-((extent.offset - place * extent.divisor) // extent.scale) for place in range(1, places + 1)]
    clipped = [min(max(0, length), _MOST) for length in found]
    return clipped if side == "right" else clipped[::-1]


def _is_valid(length: Any, shortest: Sequence[int], shape: list[int]) -> Any:
    """Return [batch, …, places, …] of booleans; `shape` has the places on their axis, and 1 on all others."""
    column = op.reshape(_whole(length), _constant([-1, *(1 for _ in shape[1:])]), special_zero=False)
    return op.greater_equal(column, op.reshape(_constant(shortest), _constant(shape), special_zero=False))


def _whole(length: Any) -> Any:
    """Return [batch] or [batch, 1] lengths as int32."""
    return length if length.get_element_type() == ov.Type.i32 else op.convert(length, "i32")


def _constant(values: Sequence[int]) -> Any:
    return op.constant(np.array(values, np.int32))


def _selection(source: Any, chosen: Selection, length: Any, size: int) -> Any:
    """Return the operation that makes a selection of an output: zeros where no step is valid.

    Args:
        source: the output, [batch, …, steps, …].
        chosen: what to make of it.
        length: the lengths, [batch] or [batch, 1].
        size: the largest of them.

    """
    axis, extent = chosen.extent.axis, chosen.extent
    shape, dtype = list(source.shape), source.get_element_type()
    steps = [min(max(1, extent.of(n)), shape[axis]) for n in range(size + 1)]
    row = op.reshape(_whole(length), _constant([-1]), special_zero=False)
    along = [1] * len(shape)
    along[axis] = shape[axis]
    valid = _is_valid(length, _shortest(extent, shape[axis], chosen.side), along)
    kept = op.select(valid, source, op.constant(0, dtype))  # a product would keep NaN
    if chosen.kind == "last-valid":
        last = [n - 1 if chosen.side == "right" else shape[axis] - 1 for n in steps]
        index = op.gather(_constant(last), row, _constant([0]))
        if shape[0] > 1:
            return op.gather(kept, index, _constant([axis]), 1)
        # With a batch axis of 1, OpenVINO's CPU reads other places of short rows than the indices say, or crashes.
        return op.squeeze(op.gather(kept, index, _constant([axis])), _constant([axis]))
    if chosen.kind == "zero-invalid":
        return kept
    count = op.gather(op.constant(steps, dtype), row, _constant([0]))
    shares = op.divide(kept, op.reshape(count, _constant([-1, *(1 for _ in shape[1:])]), special_zero=False))
    return op.reduce_sum(shares, _constant([axis]), keep_dims=False)  # of shares: a sum of values may overflow float16


def check_rewrite(
    before: ov.Model, after: ov.Model, rewrite: Rewrite, original: Sequence[Input], variant: Variant
) -> None:
    """Run a static model before and after, on CPU in float32, with rows of several lengths.

    Raises:
        StageError: `rewrite-failed`, if an output isn't what it was, or not what NumPy selects of it.

    """
    (fed_before, names), (fed_after, left) = _names(before), _names(after)
    gone = {mask.name for mask in rewrite.masks}
    kept = [*(name for name in fed_before if name not in gone), *(port.name for port in rewrite.lengths)]
    if (fed_after, left) != (kept, names) or len({*names}) < len(names):
        raise _failed(variant, f"inputs {kept} and outputs {names} would become {fed_after} and {left}")
    core = ov.Core()
    try:
        old, new = (core.compile_model(model, "CPU", _REFERENCE) for model in (before, after))
    except RuntimeError as error:
        raise _failed(variant, reason(error)) from None
    selects = {chosen.output: chosen for chosen in rewrite.selects}
    for lengths in _lengths(rewrite, variant):
        fed = _feed(original, lengths, variant)
        fed |= {port.name: np.array(lengths[port.dim], np.int32)[:, None] for port in rewrite.lengths}
        was, now = _infer(old, [fed[name] for name in fed_before]), _infer(new, [fed[name] for name in fed_after])
        for name, old_rows, new_rows in zip(names, was, now, strict=True):
            for number, (wanted, found) in enumerate(zip(old_rows, new_rows, strict=True)):
                own = {dim: rows[number] for dim, rows in lengths.items()}
                if not _alike(_selected(wanted, selects[name], own) if name in selects else wanted, found):
                    raise _failed(variant, f"output `{name}` isn't what it was for a sample of length {own}")


def _names(model: ov.Model) -> tuple[list[str], list[str]]:
    return [port_name(port) for port in model.inputs], [port_name(port) for port in model.outputs]


def _lengths(rewrite: Rewrite, variant: Variant) -> Iterator[dict[str, list[int]]]:
    """Yield a length for each row and dimension: short, middle and full ones, others in each row."""
    batch = next(iter(variant.shapes.values()))[0]
    choices = {}
    for dim, size in variant.sizes.items():
        steps = [_shortest(s.extent, 1, "right")[0] for s in rewrite.selects if s.extent.dim == dim]
        low = min(size, max([1, *steps]))
        choices[dim] = (low, (low + size) // 2, size)
    for start in range(3):
        yield {dim: [three[(start + row) % 3] for row in range(batch)] for dim, three in choices.items()}


def _feed(original: Sequence[Input], lengths: Mapping[str, Sequence[int]], variant: Variant) -> dict[str, Array]:
    """Return every input of the original: seeded values, with 0 and 1 where they are whole, lengths, and masks."""
    rng = np.random.default_rng(0)
    sides = {port.name: port.pad_side for port in original if isinstance(port, DataInput)}
    fed: dict[str, Array] = {}
    for port in original:
        if isinstance(port, DataInput):
            shape = variant.shapes[port.name]
            is_float = np.dtype(port.dtype).kind == "f"
            fed[port.name] = (rng.standard_normal(shape) if is_float else rng.integers(0, 2, shape)).astype(port.dtype)
        elif isinstance(port, LengthInput):
            fed[port.name] = np.array(lengths[port.dim], port.dtype).reshape(variant.shapes[port.name])
        else:
            places, own = np.arange(variant.sizes[port.dim]), np.array(lengths[port.dim])[:, None]
            valid = places < own if sides[port.of] == "right" else places >= len(places) - own
            fed[port.name] = valid.astype(port.dtype)
    return fed


def _infer(model: ov.CompiledModel, fed: list[Array]) -> list[Array]:
    """Run a model by the order of its ports: a compiled model's may have other names too."""
    request = model.create_infer_request()  # a new one has no state
    request.infer(fed)
    return [np.array(request.get_output_tensor(number).data) for number in range(len(model.outputs))]


def _selected(row: Array, chosen: Selection, lengths: Mapping[str, int]) -> Array:
    """Return what becomes of one row of an output, by NumPy."""
    axis, steps = chosen.extent.axis - 1, chosen.extent.of(lengths[chosen.extent.dim])
    size = row.shape[axis]
    valid = slice(0, steps) if chosen.side == "right" else slice(size - steps, size)
    place = (*(slice(None),) * axis, valid)
    found = select(row[place], chosen.kind, axis)
    if chosen.kind != "zero-invalid":
        return found
    whole = np.zeros_like(row)
    whole[place] = found
    return whole


def _alike(wanted: Array, got: Array) -> bool:
    if wanted.shape != got.shape or wanted.dtype != got.dtype:
        return False
    if wanted.dtype.kind != "f":
        return np.array_equal(wanted, got)
    largest = np.abs(wanted, where=np.isfinite(wanted), out=np.zeros_like(wanted)).max(initial=0)
    return np.allclose(got, wanted, rtol=_CLOSE, atol=_CLOSE * float(largest), equal_nan=True)


def _failed(variant: Variant, why: str) -> StageError:
    message = f"lengths can't be put into the graph of variant {variant.name}: {why}"
    return StageError(
        Diagnostic("rewrite-failed", message, 'build masks "outside", and leave `select` out of the spec')
    )
