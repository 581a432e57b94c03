"""Find ranges of a quantized model that are ruined: 8 bits tell nothing apart of what matters in them.

It is masks that do it most often. What is masked gets a value that no other reaches, such as -1e4 or float32's lowest,
and a range that holds it as well leaves no level to all else. NNCF says nothing of it.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import openvino as ov

from npuspec.diagnostics.suggest import toml_string
from npuspec.facts.graph import STEPS, above, below, constant_of, is_weight

_MASKS = 1000.0  # what is masked is that far from what isn't
_ROUNDED = 2.0**20  # float32 rounds what is greater by more than a tenth, and so it rounds the level of 0
_RARE = 1000.0  # a range is a mean over samples, few of which may be masked
_UNSEEN = 1.0  # the range of a mask that masked nothing
_FEW = 3  # operations that are named in a message
_NEAR = 4  # operations between a mask and the range that holds it
_SUMS = ("Add", "Divide", "Maximum", "Minimum", "Multiply", "Subtract")
_MOVES = frozenset(
    (
        "Broadcast",
        "Concat",
        "Convert",
        "Gather",
        "MaxPool",
        "Pad",
        "ReduceMax",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "StridedSlice",
        "Tile",
        "Transpose",
        "Unsqueeze",
        "VariadicSplit",
    )
)
_THROUGH = _MOVES | {"Maximum", "Minimum"}
"""Types of operations that a range stands in front of for the sake of what follows them."""
_FLAGS = frozenset(
    (
        "Convert",
        "Equal",
        "Greater",
        "GreaterEqual",
        "Less",
        "LessEqual",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "NotEqual",
        "Parameter",
        "Select",
        "Subtract",
    )
)
"""Types of nodes that say what is masked."""
_WHY = {
    "endless": "what its samples hold overflows, as float32's lowest does in a mask, and no value keeps its own",
    "empty": "what its samples hold overflows, as float32's lowest does in a mask, and every value becomes the same",
    "wide": "float32 itself can't hold the small values in so wide a range, and 8 bits hold none of them",
    "masked": "a mask has stretched it, and what isn't masked shares a few of the 256 levels",
    "unseen": "no sample that calibrated had anything to mask, so that nothing is masked any more",
}


def ruined_ranges(model: ov.Model) -> list[dict[str, str]]:
    """Return a trap for each way in which ranges are ruined, with the operations to keep in floating point."""
    found: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize" and (limits := _limits(node)) is not None:
            low, high = float(limits[0].min()), float(limits[1].max())
            if reason := _reason(node, limits, low, high):
                found[reason].append((f"from {low:.3g} to {high:.3g}", _users(node)))
    return [_trap(reason, found[reason]) for reason in _WHY if reason in found]


def _trap(reason: str, ranges: list[tuple[str, set[str]]]) -> dict[str, str]:
    span, names = ranges[0][0], sorted(set().union(*(users for _, users in ranges)))
    named = ", ".join(f"`{name}`" for name in names[:_FEW])
    named += f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    message = f"in front of {named or 'an output'}, values lie in a range {span}: {_WHY[reason]}"
    keep = f"in [quantization.keep], names = [{', '.join(map(toml_string, names))}]"
    help_ = f"add samples that are padded; or {keep}" if reason == "unseen" else keep
    return {"code": "ruined-range", "message": message, "help": help_}


def _limits(node: Any) -> list[Any] | None:
    """Return the lowest and the highest values that are quantized, and what these become."""
    limits = [constant_of(value) for value in above(node)[1:]]
    return None if any(limit is None for limit in limits) else [limit.astype(np.float64) for limit in limits]


def _reason(node: Any, limits: list[Any], low: float, high: float) -> str:
    """Say in one word why a range is ruined; "" if it isn't."""
    if not all(np.isfinite(limit).all() for limit in limits) or high - low > np.finfo(np.float32).max:
        return "endless"
    source, reach = above(node)[0], max(-low, high)
    if is_weight(source):
        return ""
    if (limits[0] == limits[1]).all():
        return "empty"
    if reach > _ROUNDED:
        return "wide"
    if (held := _masked_by(source)) and reach >= max(_MASKS, held / _RARE):
        return "masked"
    return "unseen" if reach < _UNSEEN and _mask(source) else ""


def _users(node: Any) -> set[str]:
    """Return the operations for whose sake values are quantized here."""
    found, waiting = set(), below(node)
    for _ in range(STEPS):
        through = [n for n in waiting if n.get_type_name() in _THROUGH or "nncf_smooth_quant" in n.get_friendly_name()]
        found |= {n.get_friendly_name() for n in waiting if n.get_type_name() != "Result"}
        found -= {n.get_friendly_name() for n in through}
        waiting = [user for n in through for user in below(n)]
    return found


def _masked_by(node: Any, steps: int = _NEAR) -> float:
    """Return what a value holds where it is masked, if it holds others beside that; 0 if it isn't masked."""
    kind, sources = node.get_type_name(), above(node)
    if kind == "Select":
        found = [constant_of(source) for source in sources[1:]]
        return _greatest(found) if sum(values is None for values in found) == 1 else 0
    if kind not in _SUMS and kind not in _MOVES:
        return 0
    masks = [_mask(source) for source in sources] if kind in _SUMS else []
    if any(masks) and not all(masks):
        return max(masks)
    return max((_masked_by(source, steps - 1) for source in sources), default=0) if steps else 0


def _mask(node: Any, steps: int = _NEAR) -> float:
    """Return what a mask that is added holds where it masks; 0 if a value is no such mask."""
    kind, sources, values = node.get_type_name(), above(node), constant_of(node)
    if values is not None:
        return _greatest([values]) if (values == 0).any() else 0
    if not steps:
        return 0
    constants = [constant_of(source) for source in sources]
    if kind == "Multiply":
        return _greatest(constants) if any(source.get_type_name() in _FLAGS for source in sources) else 0
    if kind == "Select":
        return _greatest(constants[1:]) if all(values is not None for values in constants[1:]) else 0
    if kind in _SUMS:
        masks = [_mask(source, steps - 1) for source in sources]
        is_pure = all(mask or values is not None for mask, values in zip(masks, constants, strict=True))
        return max(masks) if is_pure else 0
    return _mask(sources[0], steps - 1) if kind in _MOVES or kind == "FakeQuantize" else 0


def _greatest(found: list[Any]) -> float:
    """Return the greatest magnitude in constants, if it is one that only masks have."""
    greatest = max(
        (float(np.abs(v).max()) for v in found if v is not None and v.dtype.kind == "f" and v.size), default=0
    )
    return greatest if greatest >= _MASKS else 0
