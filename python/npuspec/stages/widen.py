"""Take weights of 16 bits to the 32 in which a graph reads them, for compilers that would do so in each inference."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from npuspec.stages import MODEL

_NARROW = (ov.Type.f16, ov.Type.bf16)


def widened(model: ov.Model) -> ov.Model:
    """Return a model without conversions of narrow constants; the one that is given is changed.

    OpenVINO writes weights in FP16 with a Convert behind them. An NPU computes in FP16 whatever its weights were, but
    its compiler makes tasks of each such Convert. Without them, it makes the same of them as of weights in FP32.
    """
    for convert in filter(_is_narrow, model.get_ordered_ops()):
        constant = op.constant(convert.input_value(0).get_node().get_data(dtype=np.float32))
        constant.set_friendly_name(convert.get_friendly_name())
        for reader in convert.output(0).get_target_inputs():
            reader.replace_source_output(constant.output(0))
    model.validate_nodes_and_infer_types()
    return model


def widened_file(path: Path, scratch: Path) -> Path:
    """Return the place of an IR without them: where it is, or in `scratch` if it has any."""
    model = ov.Core().read_model(path)
    if not any(map(_is_narrow, model.get_ops())):
        return path
    ov.save_model(widened(model), scratch / MODEL, compress_to_fp16=False)
    return scratch / MODEL


def _is_narrow(node: Any) -> bool:
    if node.get_type_name() != "Convert" or node.get_element_type() != ov.Type.f32:
        return False
    source = node.input_value(0).get_node()
    return source.get_type_name() == "Constant" and source.get_element_type() in _NARROW
