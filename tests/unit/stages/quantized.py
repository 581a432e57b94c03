"""Small models, quantized, and what is asked of them: each is a case for what quantization does to a graph."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op
from runtime.toys import CORE

from npuspec.stages.reference import REFERENCE
from npuspec.stages.switched import SWITCHES

WIDTH = 8


def weights(*shape: int) -> Any:
    """Return a constant of random numbers."""
    return op.constant(np.random.default_rng(shape).standard_normal(shape).astype(np.float32))


def source(*shape: int) -> Any:
    """Return the input x."""
    x = op.parameter([*shape], np.float32, name="x")
    x.output(0).set_names({"x"})
    return x


def model_of(x: Any, *outputs: Any, sinks: Sequence[Any] = ()) -> ov.Model:
    """Return the model that gives these outputs, y0, y1, …, as it is read from a file."""
    results = []
    for number, node in enumerate(outputs):
        node.output(0).set_names({f"y{number}"})
        results.append(op.result(node, name=f"y{number}"))
    return ov.Model(results, [*sinks], [x], "toy") if sinks else ov.Model(results, [x], "toy")


def convolution(x: Any, out: int, into: int, name: str) -> Any:
    """Return a convolution that keeps the length."""
    return op.convolution(x, weights(out, into, 3), [1], [1], [1], [1], name=name)


def product(x: Any, name: str, width: int = WIDTH) -> Any:
    """Return a product with weights."""
    return op.matmul(x, weights(width, width), False, False, name=name)


def chain() -> ov.Model:
    """Return three convolutions, one after the other."""
    x = node = source(1, WIDTH, -1)
    for name in ("first", "second", "third"):
        node = op.relu(convolution(node, WIDTH, WIDTH, name), name=f"{name} relu")
    return model_of(x, node)


def biased() -> ov.Model:
    """Return two convolutions, each with a bias, which quantization corrects."""
    x = node = source(1, WIDTH, -1)
    for name in ("first", "second"):
        node = op.relu(op.add(convolution(node, WIDTH, WIDTH, name), weights(1, WIDTH, 1), name=f"{name} bias"))
    return model_of(x, node)


def read_twice() -> ov.Model:
    """Return a convolution that is read by the addition of its bias, and by another operation."""
    x = source(1, WIDTH, -1)
    first = convolution(x, WIDTH, WIDTH, "first")
    node = op.relu(op.add(first, weights(1, WIDTH, 1), name="bias"))
    return model_of(x, convolution(node, WIDTH, WIDTH, "second"), op.softmax(first, 1, name="beside"))


def branches() -> ov.Model:
    """Return two convolutions that read one activation, joined again, with the activation beside them."""
    x = source(1, WIDTH, -1)
    stem = op.relu(convolution(x, WIDTH, WIDTH, "stem"), name="stem relu")
    left, right = convolution(stem, WIDTH, WIDTH, "left"), convolution(stem, WIDTH, WIDTH, "right")
    joined = op.add(op.add(left, right, name="sum"), stem, name="skip")
    return model_of(x, convolution(joined, WIDTH, WIDTH, "last"), op.softmax(stem, 1))


def moved() -> ov.Model:
    """Return products between which the activations are only moved."""
    x = source(1, -1, WIDTH)
    node = op.gelu(product(x, "first"), "erf")
    node = op.transpose(op.reshape(node, [0, -1, 2, WIDTH // 2], special_zero=True), np.array([0, 2, 1, 3]))
    node = op.reshape(op.transpose(node, np.array([0, 2, 1, 3])), [0, -1, WIDTH], special_zero=True)
    left, right = op.split(node, np.int64(2), 2).outputs()
    node = op.concat([right, left], 2)
    node = op.pad(node, np.array([0, 1, 0]), np.array([0, 1, 0]), "constant", np.float32(0))
    return model_of(x, product(node, "second"), product(node, "third"))


def outlying() -> ov.Model:
    """Return products before which some channels are far larger than others, for smooth quantization."""
    x = source(1, -1, WIDTH)
    scale = op.constant(np.array([30.0] + [1.0] * (WIDTH - 1), np.float32))
    node = op.multiply(op.add(x, np.float32(0.1), name="shift"), scale, name="scaled")
    node = op.relu(product(node, "first"))
    return model_of(x, product(op.multiply(node, scale), "second"))


def ruined() -> ov.Model:
    """Return four products, of which `ruinous` can't be quantized: one of its inputs is far larger than the others.

    Its weights for that input are so small that the others are as much of its result.
    """
    scale = np.ones(WIDTH, np.float32)
    scale[0] = 3000
    x = source(1, -1, WIDTH)
    node = op.relu(product(op.relu(product(x, "first")), "second"))
    random = np.random.default_rng(11).standard_normal((WIDTH, WIDTH)).astype(np.float32)
    node = op.matmul(op.multiply(node, op.constant(scale)), op.constant(random / scale[:, None]), False, False)
    node.set_friendly_name("ruinous")
    return model_of(x, product(op.relu(node), "last"))


def namesakes() -> ov.Model:
    """Return three products of one name, each with weights of its own."""
    x = node = source(1, -1, WIDTH)
    for width in (WIDTH + 1, WIDTH + 2, WIDTH):
        into = node.get_output_partial_shape(0)[2].get_length()
        node = op.relu(op.matmul(node, weights(into, width), False, False, name="same"), name="same relu")
    return model_of(x, node)


def attention() -> ov.Model:
    """Return scaled products of what was made of one input, as in a transformer."""
    x = source(1, -1, WIDTH)
    one = op.constant(np.ones(WIDTH, np.float32))
    node = op.multiply(op.mvn(x, np.array([2]), True, 1e-5, "inside_sqrt"), one)
    query, key, value = (op.add(product(node, name), weights(WIDTH)) for name in ("query", "key", "value"))
    share = op.softmax(op.matmul(query, key, False, True, name="scores"), 2)
    return model_of(x, op.add(product(op.matmul(share, value, False, False, name="context"), "out"), x))


def recurrent() -> ov.Model:
    """Return an operation of several outputs, each of which something reads: its sequence, and its last state."""
    x = source(1, 6, WIDTH)
    state = op.constant(np.zeros((1, 1, WIDTH), np.float32))
    node = op.relu(product(x, "before"))
    made = op.gru_sequence(
        node,
        state,
        op.constant(np.array([6])),
        weights(1, 3 * WIDTH, WIDTH),
        weights(1, 3 * WIDTH, WIDTH),
        weights(1, 3 * WIDTH),
        WIDTH,
        "forward",
        name="sequence",
    )
    sequence, last = made.outputs()
    return model_of(x, product(op.squeeze(sequence, np.array([1])), "after"), op.sigmoid(last))


def stateful() -> ov.Model:
    """Return a model that keeps what it computed for the next call."""
    x = source(1, 4, WIDTH)
    info = ov.op.util.VariableInfo()
    info.data_shape, info.data_type, info.variable_id = ov.PartialShape([1, 4, WIDTH]), ov.Type.f32, "kept"
    variable = ov.op.util.Variable(info)
    before = ov.op.read_value(op.constant(np.ones((1, 4, WIDTH), np.float32)), variable)
    node = op.relu(product(op.add(x, before, name="joined"), "first"))
    kept = ov.op.assign(node, variable)
    return model_of(x, product(node, "second"), sinks=[kept])


def branching() -> ov.Model:
    """Return a model that computes one thing or the other, each with weights of its own."""
    x = source(1, 4, WIDTH)
    node = op.relu(product(x, "before"))
    node.output(0).set_names({"chosen for"})  # NNCF asks for it
    bodies = []
    for name in ("yes", "no"):
        inner = op.parameter([1, 4, WIDTH], np.float32, name=f"{name} in")
        bodies.append((inner, ov.Model([op.result(product(inner, f"{name} product"))], [inner], name)))
    total = op.reduce_sum(x, np.array([0, 1, 2]), False, name="sum of x")
    made = op.if_op(op.greater(total, op.constant(np.float32(0))).output(0))
    made.set_then_body(bodies[0][1])
    made.set_else_body(bodies[1][1])
    made.set_input(node.output(0), bodies[0][0], bodies[1][0])
    output = made.set_output(bodies[0][1].results[0], bodies[1][1].results[0])
    made.set_friendly_name("choice")
    return model_of(x, product(op.relu(output), "after"))


def already() -> ov.Model:
    """Return the chain after a quantizer that the model was published with."""
    x = source(1, WIDTH, -1)
    low, high = op.constant(np.float32(-1)), op.constant(np.float32(1))
    node = op.fake_quantize(x, low, high, low, high, 16, name="published")
    node = op.relu(convolution(node, WIDTH, WIDTH, "first"))
    return model_of(x, convolution(op.fake_quantize(node, low, high, low, high, 256, name="own"), 4, WIDTH, "second"))


def looping() -> ov.Model:
    """Return a model with a loop over the steps, between products."""
    x = source(1, 4, WIDTH)
    part = op.parameter([1, 1, WIDTH], np.float32, name="part")
    body = ov.Model([op.result(op.relu(product(part, "inside")))], [part], "body")
    iterator = op.tensor_iterator()
    iterator.set_body(body)
    iterator.set_sliced_input(part, op.relu(product(x, "before")).output(0), 0, 1, 1, -1, 1)
    output = iterator.get_concatenated_slices(body.results[0].output(0), 0, 1, 1, -1, 1)
    iterator.set_friendly_name("loop")
    return model_of(x, product(output, "after"))


CASES: Mapping[str, Callable[[], ov.Model]] = {
    case.__name__: case
    for case in (
            already, attention, biased, branches, branching, chain, looping, moved, outlying, recurrent, stateful,
    )
}  # fmt: skip


def inputs_of(model: ov.Model, count: int = 3) -> list[NDArray[np.float32]]:
    """Return random inputs; lengths that vary are 6."""
    shape = [6 if axis.is_dynamic else axis.get_length() for axis in model.input("x").partial_shape]
    rng = np.random.default_rng(3)
    return [rng.standard_normal(shape).astype(np.float32) for _ in range(count)]


def infer(
    model: ov.Model, inputs: Sequence[NDArray[np.float32]], switches: Sequence[bool] | None = None
) -> list[NDArray[np.float32]]:
    """Return a model's outputs as its operations define them: in float32, also what is quantized, and nothing fused.

    Every value within is an output too. With fusion, OpenVINO's CPU computes some quantized models wrongly: those in
    which an operation is read by the addition of its bias, and by another operation.
    """
    shown = model.clone()
    names = [f"y{number}" for number in range(len(model.outputs))]
    hidden = [node for node in shown.get_ops() if node.get_type_name() not in ("Assign", "Constant", "Result")]
    shown.add_outputs([output for node in hidden for output in node.outputs()])
    request = CORE.compile_model(shown, "CPU", {**REFERENCE, "LP_TRANSFORMS_MODE": False}).create_infer_request()
    more = {} if switches is None else {SWITCHES: np.array(switches, bool)}
    found = []
    for x in inputs:
        request.reset_state()
        request.infer({"x": x, **more})
        found += [np.array(request.get_tensor(name).data) for name in names]
    return found
