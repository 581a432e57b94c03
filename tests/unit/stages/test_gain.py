"""What is faster in floating point follows from schedules, and from the estimates of mixes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compilers.test_command import command

from npuspec.compilers.schedule import Event
from npuspec.diagnostics import StageError
from npuspec.stages.gain import _counts, spent
from stages.conftest import Recipe, gates
from stages.mixing import Mixer, content, for_npu, write_gain
from stages.quantized import ruined

MATMULS = ("first", "last", "ruinous", "second")
ANSWER = """
import json, sys
model, trace, uncosted = sys.argv[1:]
text = open(model).read()
names = ("first", "last", "ruinous", "second")
floating = {name for name in names if f'"{name}/floating"' in text}
costs = {name: (4 if name in floating else 1) for name in names} | {"last": 1 if "last" in floating else 50}
events, begin = [], 0
for name, cost in costs.items():
    layer = f"{name}/floating" if name in floating else name
    events.append({"ph": "X", "cat": "DPU", "name": f"{layer}?t_MatMul", "ts": begin, "dur": cost})
    begin += cost
json.dump({"traceEvents": events}, open(trace, "w"))
left_out = ["Softmax"] if str(len(floating)) in uncosted else []
made = {"protocol": 1, "ok": True, "compile_seconds": 0.1, "estimated_latency_us": begin}
print(json.dumps(made | {"uncosted_operations": left_out}))
"""


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Mixer:
    return Mixer.of(tmp_path_factory.mktemp("gain"), recipe, ruined())


Find = Callable[..., dict[str, Any]]


@pytest.fixture
def find(mixer: Mixer, tmp_path: Path) -> Find:
    """Run the stage with a compiler for which INT8 is faster, but for the product that is called `last`."""

    def found(uncosted: str = "none", **told: Any) -> dict[str, Any]:
        """Leave out an operation where as many products are floating as `uncosted` names."""
        (tmp_path / "answer.py").write_text(ANSWER)
        script = f"{sys.executable} {tmp_path / 'answer.py'}"
        asked = Path(command(tmp_path, compile_=f"echo blob > $4; {script} $2 $6 {uncosted}"))
        made = mixer("gain", mixer.quantized, mixer.ranked, **for_npu(mixer, asked), **told)
        return dict(content(made, "gain.json"))

    return found


def test_what_costs_more_in_int8_stays_floating_point(find: Find) -> None:
    found = find()
    assert found["floating"] == ["last"]
    assert [row["quantized"] for row in found["tried"]] == [0, 1, 2, 3, 4]
    assert [row["latency_us"] for row in found["tried"]] == [13, 10, 7, 4, 53]


def test_a_mix_that_leaves_out_something_else_is_not_ranked(find: Find) -> None:
    found = find(uncosted="13")
    assert len(found["floating"]) == 2
    assert "last" in found["floating"]


def test_what_stands_in_the_lock_is_not_searched_for(find: Find) -> None:
    assert find(chosen=["first"]) == {"floating": [], "tried": []}


def test_a_compiler_that_refuses_the_model_leaves_harm_alone(mixer: Mixer, tmp_path: Path) -> None:
    answer = '{"protocol": 1, "ok": false, "step": "compile", "error": "no"}'
    refusing = Path(command(tmp_path, compile_=f"echo '{answer}'; exit 1"))
    made = mixer("gain", mixer.quantized, mixer.ranked, **for_npu(mixer, refusing))
    assert content(made, "gain.json") == {"floating": [], "tried": []}


def test_a_compiler_that_can_not_be_run_is_a_fault(mixer: Mixer, tmp_path: Path) -> None:
    answer = '{"protocol": 1, "ok": false, "error": "its disk is full"}'
    broken = Path(command(tmp_path, compile_=f"echo '{answer}'; exit 2"))
    with pytest.raises(StageError, match="its disk is full"):
        mixer("gain", mixer.quantized, mixer.ranked, **for_npu(mixer, broken))


def test_the_real_compiler_tells_what_each_block_takes(mixer: Mixer, npu_compiler: Path) -> None:
    made = mixer("gain", mixer.quantized, mixer.ranked, **for_npu(mixer, npu_compiler))
    found = content(made, "gain.json")
    assert {*found["floating"]} <= {*MATMULS}
    rows = {row["quantized"]: row["latency_us"] for row in found["tried"]}
    assert rows.keys() == {0, 1, 2, 3, 4}
    assert rows[4 - len(found["floating"])] == min(rows.values())


def test_a_mix_keeps_what_gains_nothing_and_then_what_harms(mixer: Mixer) -> None:
    gain = write_gain(mixer.stage.root, floating=["last"])
    free = content(mixer.mix(gain, gates=[]), "mixed.json")
    assert (free["keep"], free["quantized_operations"]) == (["last"], 3)
    held = content(mixer.mix(gain, gates=gates("sqnr", "y0", min=15)), "mixed.json")
    assert held["keep"] == ["last", "ruinous"]
    assert [point["kept"] for point in held["curve"]] == [1, 2]


@pytest.mark.parametrize(
    ("most", "counts"),
    [(0, []), (1, []), (2, [1]), (4, [1, 2, 3]), (9, [1, 2, 4, 5, 7, 8]), (10, [1, 2, 4, 6, 8, 9])],
)
def test_few_mixes_are_tried(most: int, counts: list[int]) -> None:
    assert [*_counts(most)] == counts


def test_what_is_done_at_once_is_shared() -> None:
    def task(layer: str, begin: float, duration: float) -> Event:
        return Event(ph="X", cat="DPU", name=f"{layer}?t_Add/x", ts=begin, dur=duration)

    events = [task("a", 0, 4), task("b", 2, 4), task("b", 2, 4), task("c", 8, 1), Event(ph="M", name="lane")]
    assert spent(events) == {"a": 3, "b": 3, "c": 1}
