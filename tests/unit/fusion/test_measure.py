"""What a device says that it executed."""

from pathlib import Path

import openvino as ov

from fusion import toys
from fusion.seen import seen
from npuspec.fusion.judge import judge
from npuspec.fusion.measure import _profile
from npuspec.fusion.model import Executed
from npuspec.fusion.prepare import prepare


def test_every_node_has_a_time_and_the_whole_is_their_sum(tmp_path: Path) -> None:
    _, executed = seen(toys.cnn(), tmp_path)
    times = {node.name: node.us for node in executed.nodes}
    assert all(times[f"conv{number}"] > 0 for number in range(3))
    assert times["x"] == 0
    assert abs(sum(times.values()) - executed.whole_us) < 1


def test_a_profile_is_judged_as_a_graph_is() -> None:
    toy = toys.cnn(tapped=True)
    graph = prepare(toy)
    compiled = ov.Core().compile_model(toy, "CPU", {"PERF_COUNT": True, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    request.infer()
    nodes = tuple(_profile(compiled, request))
    found = judge(graph, Executed(nodes=nodes, whole_us=1.0), "NPU")
    assert [chain.verdict for chain in found] == ["fused", "apart", "fused"]
    assert found[1].apart == ("relu1",)
