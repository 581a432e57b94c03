"""What a device makes of chains: real models on this machine's CPU, and answers that a device may give."""

from pathlib import Path

import openvino as ov
import pytest
from openvino import opset13 as op

from fusion import toys
from fusion.seen import judged
from npuspec.fusion.judge import judge
from npuspec.fusion.model import Chain, Executed, Graph, Node, Operation

CHAIN = Chain(
    kind="convolution",
    links=tuple(
        Operation(name=name, type=kind) for name, kind in {"a": "Convolution", "b": "Add", "c": "Relu"}.items()
    ),
)


def graph_of(chain: Chain) -> Graph:
    types = {link.name: link.type for link in chain.links}
    return Graph(chains=(chain,), types=types, inputs={}, outputs={}, first={}, last={})


def node(name: str, *operations: str, kind: str = "Convolution", **more: object) -> Node:
    return Node(**{"name": name, "operations": operations, "type": kind, "us": 2.0, **more})  # type: ignore[arg-type]


def verdict(*nodes: Node) -> str:
    [found] = judge(graph_of(CHAIN), Executed(nodes=nodes, whole_us=10.0), "CPU")
    return found.verdict


@pytest.mark.parametrize(("links", "advised"), [((0, 1), False), ((0, 2), True)])
def test_another_activation_is_advised_only_where_one_is_apart(links: tuple[int, ...], advised: bool) -> None:
    chain = Chain(kind="convolution", links=tuple(CHAIN.links[link] for link in links))
    nodes = tuple(node(link.name, link.name) for link in chain.links)
    [found] = judge(graph_of(chain), Executed(nodes=nodes, whole_us=10.0), "NPU 4000")
    assert found.cause == "device"
    assert ("try an activation" in found.advice) == advised


def test_every_chain_of_a_cnn_is_found_and_fused(tmp_path: Path) -> None:
    found = judged(toys.cnn(), tmp_path)
    assert [[(o.name, o.type) for o in chain.operations] for chain in found] == [
        [(f"conv{n}", "Convolution"), (f"bn{n}", "BatchNormInference"), (f"relu{n}", "Relu")] for n in range(3)
    ]
    assert {chain.verdict for chain in found} == {"fused"}


def test_a_second_consumer_keeps_exactly_its_chain_apart(tmp_path: Path) -> None:
    first, second, third = judged(toys.cnn(tapped=True), tmp_path)
    assert (first.verdict, second.verdict, third.verdict) == ("fused", "apart", "fused")
    assert (second.apart, second.cause) == (("relu1",), "consumer")
    assert second.why == "`bn1` is also read by `tap` (Multiply)"
    assert second.us > 0
    assert 0 < second.share < 1


@pytest.mark.parametrize(
    ("toy", "apart", "cause", "why"),
    [
        (
            toys.after_convolution(toys.quantized_by_column),
            ("last",),
            "quantizer",
            "`quantizer` (FakeQuantize) stands between `conv` and `last`",
        ),
        (
            toys.after_convolution(toys.truncated),
            ("last",),
            "dtype",
            "`down` (Convert) changes the dtype between `conv` and `last`",
        ),
        (
            toys.after_convolution(last=op.sin),
            ("last",),
            "device",
            "CPU runs Sin behind Convolution by itself, and nothing stands between",
        ),
        (
            toys.biased(1, 8, 32, 32),
            ("bias", "last"),
            "shape",
            "the constant of `bias` has the shape [1, 8, 32, 32]: not one value for each channel",
        ),
        (
            toys.joined(1, 8, 1, 1),
            ("added", "last"),
            "dynamic",
            "the other operand of `added`, `other` (Parameter), is no constant",
        ),
    ],
    ids=["quantizer", "dtype", "device", "shape", "dynamic"],
)
def test_what_keeps_a_chain_apart_is_its_cause(
    toy: ov.Model, apart: tuple[str, ...], cause: str, why: str, tmp_path: Path
) -> None:
    [found] = judged(toy, tmp_path)
    assert (found.verdict, found.apart, found.cause, found.why) == ("apart", apart, cause, why)
    assert found.advice


def test_a_quantizer_that_a_device_takes_in_is_no_fault(tmp_path: Path) -> None:
    [found] = judged(toys.after_convolution(toys.quantized), tmp_path)
    assert found.verdict == "fused"


def test_a_normalisation_that_openvino_knows_is_one_but_for_its_scale(tmp_path: Path) -> None:
    linear, norm = judged(toys.normalised(), tmp_path)
    assert ([o.name for o in linear.operations], linear.verdict) == (["matmul", "bias", "gelu"], "fused")
    assert [(o.name, o.type) for o in norm.operations] == [("divided", "MVN"), ("gamma", "Multiply"), ("beta", "Add")]
    assert (norm.verdict, norm.apart, norm.cause) == ("apart", ("gamma", "beta"), "shape")


def test_a_normalisation_that_openvino_does_not_know_runs_in_pieces(tmp_path: Path) -> None:
    [norm] = judged(toys.written_out(), tmp_path)
    names = {"mean", "square", "squares", "mean-squared", "variance", "epsilon", "root", "centred", "divided"}
    assert {operation.name for operation in norm.operations} == names
    assert (norm.kind, norm.verdict, norm.cause) == ("normalisation", "apart", "written-out")
    assert norm.why.startswith("OpenVINO finds no normalisation in what is written out, and CPU runs it in ")


def test_one_node_is_fused_under_whatever_name() -> None:
    assert verdict(node("a", "a", "b", "c")) == "fused"
    assert verdict(node("a", "a")) == "fused"
    assert verdict(node("x", "b", "c")) == "fused"
    assert verdict(node("b", "b", kind="FullyConnected")) == "fused"
    assert verdict(node("a", "a", kind="Convolution on DPU")) == "fused"


def test_what_no_device_names_is_not_judged() -> None:
    assert verdict(node("x", "x")) == "unknown"
    assert verdict(node("c", "c", kind="Subgraph")) == "unknown"


def test_what_a_compiler_renamed_is_not_taken_for_fused() -> None:
    assert verdict(node("a", "a"), node("moved", kind="Relu on DMA")) == "fused"
    assert verdict(node("a", "a"), node("renamed", "renamed", kind="Sigmoid on SHAVE")) == "fused"
    assert verdict(node("a", "a"), node("renamed", "renamed", kind="Relu on SHAVE")) == "unknown"
    assert verdict(node("a", "a", "c"), node("renamed", "renamed", kind="Relu on SHAVE")) == "fused"


def test_another_precision_is_a_cause() -> None:
    nodes = node("a", "a", "b", precision="i8"), node("c", "c", kind="Subgraph", precision="f32")
    [found] = judge(graph_of(CHAIN), Executed(nodes=nodes, whole_us=10.0), "CPU")
    assert (found.cause, found.why) == ("dtype", "`b` runs in i8 and `c` in f32")
    assert (found.us, found.share) == (2.0, 0.2)


def test_a_time_that_an_estimate_leaves_out_is_said_to_be() -> None:
    nodes = node("a", "a", "b"), node("c", "c", kind="HSwish on SHAVE", counted=False)
    [found] = judge(graph_of(CHAIN), Executed(nodes=nodes, whole_us=10.0), "NPU 4000")
    assert not found.counted
