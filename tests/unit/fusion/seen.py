"""Models as they are looked at and run on the CPU, in this process."""

from pathlib import Path

import openvino as ov
from msgspec import convert

from fusion.toys import write
from npuspec.fusion import Judged
from npuspec.fusion.judge import judge
from npuspec.fusion.measure import run
from npuspec.fusion.model import Executed, Graph
from npuspec.fusion.prepare import look


def seen(toy: ov.Model, folder: Path) -> tuple[Graph, Executed]:
    """Return what there is to look for in a model, and what the CPU executed."""
    prepared = str(folder / "prepared.xml")
    graph = convert(look({"model": str(write(toy, folder / "toy.xml")), "prepared": prepared}, _unheard), Graph)
    told = {"model": prepared, "device": "CPU", "properties": {"INFERENCE_PRECISION_HINT": "f32"}, "core": {}}
    return graph, convert(run(told, _unheard), Executed)


def judged(toy: ov.Model, folder: Path) -> list[Judged]:
    """Return what became of a model's chains on the CPU."""
    graph, executed = seen(toy, folder)
    return [*judge(graph, executed, "CPU")]


def _unheard(_done: int, _total: int) -> None:
    pass
