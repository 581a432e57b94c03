"""Put what becomes of a sample into a static model, so that the model takes what the caller gives."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op
from openvino.preprocess import PrePostProcessor

from npuspec.bundle.program import Preprocess
from npuspec.facts.inspect import port_name


def fold(model: ov.Model, folds: Mapping[str, Preprocess], layouts: Mapping[str, str]) -> None:
    """Put steps before inputs of a static model, which is changed; all its other operations stay as they are.

    Args:
        model: one whose inputs are in the model's terms.
        folds: the steps by the names of inputs.
        layouts: what the caller's axes mean, where that is known.

    """
    before = {node.get_name() for node in model.get_ops()}
    for number, parameter in enumerate(model.get_parameters()):
        name = port_name(parameter.output(0))
        if name not in folds:
            continue
        steps = _before(parameter, folds[name], layouts.get(name))
        (taken,), (result,) = steps.get_parameters(), steps.get_results()
        for target in parameter.output(0).get_target_inputs():
            target.replace_source_output(result.input_value(0))
        taken.set_friendly_name(parameter.get_friendly_name())
        taken.output(0).set_names(parameter.output(0).get_names())
        model.replace_parameter(number, taken)
    model.validate_nodes_and_infer_types()
    # OpenVINO numbers nameless operations by a counter of the process.
    new = [n for n in model.get_ordered_ops() if n.get_name() not in before and n.get_type_name() != "Parameter"]
    for number, node in enumerate(new):
        node.set_friendly_name(f"{node.get_type_name()}/preprocessing_{number}")


def _before(parameter: Any, steps: Preprocess, layout: str | None) -> ov.Model:
    """Return a model from what the caller gives to what a parameter takes.

    A model of its own, since OpenVINO's preprocessor also simplifies what it is given: weights would become floats.
    """
    dtype = parameter.get_element_type()
    taken = op.parameter(parameter.get_output_shape(0), dtype)
    processor = PrePostProcessor(ov.Model([op.result(taken)], [taken]))
    shape = steps.given([*taken.output(0).shape][1:])
    tensor = processor.input().tensor().set_element_type(ov.Type(np.dtype(steps.dtype)))
    tensor.set_shape([taken.output(0).shape[0], *shape])
    if layout is not None:
        tensor.set_layout(ov.Layout(layout))
    chain = processor.input().preprocess()
    if steps.order != tuple(range(len(shape))):
        chain.convert_layout([0, *(axis + 1 for axis in steps.order)])
    if steps.swap_channels:
        chain.reverse_channels()
    if steps.mean or steps.scale:
        chain.convert_element_type(dtype if dtype == ov.Type.f64 else ov.Type.f32)
        for add, values in ((chain.mean, steps.mean), (chain.scale, steps.scale)):
            if values:
                add([*values] if len(values) > 1 else values[0])
    return processor.build()
