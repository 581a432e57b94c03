"""What patterns and subgraphs mean in a model is what they mean to NNCF, but for what computes nothing."""

from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino as ov
import pytest
from nncf.openvino.graph.nncf_graph_builder import GraphConverter
from nncf.scopes import get_ignored_node_names_from_ignored_scope
from openvino import opset13 as op

from conftest import MODEL_SHA256, MODEL_SOURCE, ROOT
from npuspec.child import run_task
from npuspec.facts import Match, Parts, parts, signature
from npuspec.facts.scope import parts as asked
from npuspec.sources import Fetched, fetch_model
from npuspec.store import Store


@pytest.fixture(scope="session")
def speech() -> Fetched:
    fetched, faults = fetch_model(MODEL_SOURCE, MODEL_SHA256, folder=ROOT, store=Store())
    assert fetched is not None, faults
    return fetched


@pytest.fixture(scope="session")
def written(speech: Fetched, tmp_path_factory: pytest.TempPathFactory) -> ov.Model:
    """The model as the first stage of `apply` writes it, in a process of its own, and all later ones read it."""
    output = tmp_path_factory.mktemp("read")
    task: dict[str, Any] = {"parameters": {"entry": speech.entry}, "inputs": [], "output": str(output), "data": None}
    run_task("npuspec.stages.read:run", {**task, "model": str(speech.root)})
    return ov.Core().read_model(output / "model.xml")


def found(model: str, *patterns: str, subgraphs: Any = ()) -> dict[str, Any]:
    answer: dict[str, Any] = asked({"model": model, "patterns": patterns, "subgraphs": subgraphs}, lambda *_: None)
    return answer


def part(*inputs: str, to: tuple[str, ...]) -> dict[str, list[str]]:
    return {"inputs": [*inputs], "outputs": [*to]}


PATTERNS = ["/Conv", "/(Conv|Pow)(_1)?$", ".*MatMul.*", r".*layers\.[02]\b", "Maximum_", "(?i)/pow", ".*"]
SUBGRAPHS = [
    (("/Conv",), ("/Log",)),
    (("/Conv", "/Conv_1"), ("/Log",)),
    (("/Pow",), ("/Pow",)),
    (("/Pad",), ("/Add", "/MatMul")),
]


def of_speech(speech: Fetched, *patterns: str, subgraphs: Any = ()) -> Parts:
    return parts(speech, Store(), patterns=patterns, subgraphs=subgraphs, progress=lambda *_: None)


def test_both_mean_what_they_mean_to_nncf(speech: Fetched, written: ov.Model) -> None:
    graph = GraphConverter.create_nncf_graph(written)
    operations = {*signature(speech, Store()).operations}

    def nncfs(**scope: Any) -> tuple[str, ...]:
        names = get_ignored_node_names_from_ignored_scope(nncf.IgnoredScope(**scope), graph)
        return tuple(sorted(operations & names))

    ours = of_speech(speech, *PATTERNS, subgraphs=[part(*begin, to=end) for begin, end in SUBGRAPHS])
    assert [match.names for match in ours.patterns] == [nncfs(patterns=[pattern]) for pattern in PATTERNS]
    assert [*ours.subgraphs] == [nncfs(subgraphs=[nncf.Subgraph([*begin], [*end])]) for begin, end in SUBGRAPHS]
    assert [*ours.ends] == [()] * len(SUBGRAPHS)
    assert all(match.names for match in ours.patterns)
    assert {*ours.patterns[-1].names} == operations


def test_every_operation_is_one_that_nncf_takes_by_its_name_and_its_type(speech: Fetched, written: ov.Model) -> None:
    graph = GraphConverter.create_nncf_graph(written)
    told = signature(speech, Store())
    scope = nncf.IgnoredScope(names=[*told.operations], types=[*told.types])
    assert get_ignored_node_names_from_ignored_scope(scope, graph) == {*told.operations}  # which validates


def test_the_front_end_of_the_speech_model_is_the_part_from_its_input_to_its_logarithm(speech: Fetched) -> None:
    [names] = of_speech(speech, subgraphs=[part("waveform", to=("/Log",))]).subgraphs
    assert {"/Conv", "/Conv_1", "/Pow", "/Pow_1", "/Add", "/MatMul", "/Clip", "/Log", "/Pad"} <= {*names}
    assert not any("acoustic_model" in name for name in names)
    assert {"waveform", "mel_fb"}.isdisjoint(names)


def chain(*names: str, size: int = 4) -> ov.Model:
    """A model of one operation after another, beside which another stands."""
    x, y = (op.parameter([1, size], np.float32, name=f"{name} node") for name in "xy")
    x.output(0).set_names({"x"})
    y.output(0).set_names({"y"})
    node: Any = x
    for name in names:
        node = op.add(node, op.constant(np.ones(size, np.float32), name=f"{name} weight"), name=name)
    beside = op.relu(y, name="beside")
    node.output(0).set_names({"a"})
    beside.output(0).set_names({"b"})
    return ov.Model([op.result(node, name="r"), op.result(beside, name="s")], [x, y])


@pytest.fixture
def small(tmp_path: Path) -> str:
    ov.save_model(chain("first", "second", "third"), tmp_path / "m.xml", compress_to_fp16=False)
    return str(tmp_path / "m.xml")


@pytest.mark.parametrize(
    ("begin", "end", "names", "loose"),
    [
        (("second",), ("third",), ["second", "third"], []),
        (("x",), ("a",), ["first", "second", "third"], []),
        (("x",), ("second",), ["first", "second"], []),
        (("third",), ("first",), [], ["third", "first"]),
        (("second", "beside"), ("third",), ["second", "third"], ["beside"]),
        (("second",), ("third", "b"), ["second", "third"], ["b"]),
        (("y",), ("b",), ["beside"], []),
        (("first weight",), ("third",), [], ["first weight", "third"]),
        (("nothing",), ("third",), [], ["nothing", "third"]),
        ((), ("third",), [], ["third"]),
    ],
)
def test_a_subgraph_is_what_lies_on_ways_and_ends_that_do_not_are_told(
    small: str, begin: tuple[str, ...], end: tuple[str, ...], names: list[str], loose: list[str]
) -> None:
    answer = found(small, subgraphs=[part(*begin, to=end)])
    assert (answer["subgraphs"], answer["ends"]) == ((tuple(names),), (tuple(loose),))


def test_a_graph_with_more_ways_than_can_be_counted_takes_no_longer(tmp_path: Path) -> None:
    x = op.parameter([1, 4], np.float32, name="x")
    x.output(0).set_names({"x"})
    node: Any = x
    for step in range(60):  # 2 ** 60 ways
        node = op.add(op.relu(node), op.sigmoid(node), name=f"sum {step}")
    ov.save_model(ov.Model([op.result(node)], [x]), tmp_path / "m.xml", compress_to_fp16=False)
    [names] = found(str(tmp_path / "m.xml"), subgraphs=[part("sum 0", to=("sum 59",))])["subgraphs"]
    assert len(names) == 59 * 3 + 1


def test_a_pattern_is_matched_from_the_beginning_and_finds_no_constant(small: str) -> None:
    answer = found(small, "fir", "irst", ".*weight", "x node", "(first|third)$")
    assert [match["names"] for match in answer["patterns"]] == [("first",), (), (), (), ("first", "third")]
    assert [match["within"] for match in answer["patterns"]] == [None, "first", None, None, None]


def test_a_wicked_pattern_is_given_up_by_its_number_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npuspec.facts.read._PATIENCE", 0.5)
    ov.save_model(chain("a" * 64), tmp_path / "m.xml", compress_to_fp16=False)
    model, faults = fetch_model("m.xml", None, folder=tmp_path, store=Store(tmp_path / "store"))
    assert model is not None, faults
    store, tried = Store(tmp_path / "facts"), [-1]

    def ask(*patterns: str) -> Any:
        return parts(
            model, store, patterns=patterns, subgraphs=(), progress=lambda number, _: tried.append(number)
        ).patterns

    with pytest.raises(TimeoutError):
        ask("a", "(a+)+b", "b")
    assert tried[-1] == 1
    assert not [*(tmp_path / "facts").rglob("fact.json")]
    assert ask("a+") == (Match(names=("a" * 64,), within=None),)
    tried.clear()
    assert ask("a+") == (Match(names=("a" * 64,), within=None),)
    assert not tried  # it was kept
