"""What is to stay floating point is there, or a fault says where and what may have been meant."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from builders import DATA, SMALL, signature_of, spec_of
from npuspec.diagnostics import Diagnostic
from npuspec.facts import Match, Parts
from npuspec.plan import check, prepare
from npuspec.plan.passes.keep import check_keep, match_keep
from npuspec.store import Store

SIGNATURE = signature_of(operations=("/Add", "/Conv", "/Conv_1"))
RECIPE = '\n[quantization]\nmode = "int8"\nsamples = 4\n[quantization.keep]\n'
AT = ("quantization", "keep")


def keeping(keep: str) -> str:
    return SMALL + DATA + RECIPE + keep + "\n"


def of_names(keep: str) -> list[Diagnostic]:
    return check_keep(spec_of(keeping(keep)), SIGNATURE)


def of_parts(keep: str, *patterns: Match, subgraphs: tuple[tuple[str, ...], ...] = ()) -> list[Diagnostic]:
    ends = tuple(("/Conv",) if names == ("/Add",) else () for names in subgraphs)
    parts = Parts(patterns=patterns, subgraphs=subgraphs, ends=ends)
    return match_keep(spec_of(keeping(keep)), SIGNATURE, parts)[1]


@pytest.mark.parametrize(
    ("keep", "at", "help_"),
    [
        ('names = ["/Conv", "/Cnov"]', ("names", 1), "did you mean `/Conv`?"),
        ('types = ["Convolutoin"]', ("types", 0), "did you mean `Convolution`?"),
        ('types = ["Constant"]', ("types", 0), "known here: `Convolution`"),
        (
            'subgraphs = [{ inputs = ["/Cov"], outputs = ["y"] }]',
            ("subgraphs", 0, "inputs", 0),
            "did you mean `/Conv`?",
        ),
        (
            'subgraphs = [{ inputs = ["x"], outputs = ["/Conv", "z"] }]',
            ("subgraphs", 0, "outputs", 1),
            "known here: `/Add`, `/Conv`, `/Conv_1`, `x`, `y`",
        ),
    ],
)
def test_a_name_that_the_model_does_not_have_is_told_with_one_that_may_be_meant(
    keep: str, at: tuple[str | int, ...], help_: str
) -> None:
    [fault] = of_names(keep)
    assert (fault.code, fault.labels[0].path, fault.help) == ("unknown-operation", (*AT, *at), help_)


@pytest.mark.parametrize(
    "keep",
    [
        "",
        'names = ["/Conv", "/Add"]\ntypes = ["Convolution"]',
        'patterns = ["nothing"]',
        'subgraphs = [{ inputs = ["x", "/Add"], outputs = ["y", "/Conv"] }]',
    ],
)
def test_what_the_model_has_is_no_fault(keep: str) -> None:
    assert of_names(keep) == []


def test_a_pattern_that_matches_nothing_is_told_with_what_holds_it() -> None:
    keep = 'patterns = ["/Conv", "Conv", "/Covn"]'
    there, within, nowhere = (Match(names=n, within=w) for n, w in ((("/Conv",), None), ((), "/Conv_1"), ((), None)))
    within_fault, nowhere_fault = of_parts(keep, there, within, nowhere)
    assert (within_fault.code, within_fault.labels[0].path) == ("unknown-operation", (*AT, "patterns", 1))
    assert "`/Conv_1` has it within: begin with `.*`" in within_fault.help
    assert (nowhere_fault.code, nowhere_fault.labels[0].path) == ("unknown-operation", (*AT, "patterns", 2))
    assert nowhere_fault.help == "did you mean `/Conv`?"


PART = '{ inputs = ["/Add", "/Conv"], outputs = ["y"] }'


def test_a_subgraph_without_operations_is_one_fault_and_an_end_on_no_way_is_one_each() -> None:
    empty, loose = of_parts(f"subgraphs = [{PART}, {PART}, {PART}]", subgraphs=((), ("/Conv_1",), ("/Add",)))
    assert (empty.code, empty.labels[0].path) == ("empty-subgraph", (*AT, "subgraphs", 0))
    assert (loose.code, loose.labels[0].path) == ("empty-subgraph", (*AT, "subgraphs", 2, "inputs", 1))
    assert loose.message == "nothing leads from `/Conv` to one of `outputs`"


def test_a_subgraph_with_an_unknown_end_has_no_second_fault() -> None:
    assert of_parts('subgraphs = [{ inputs = ["/Cov"], outputs = ["y"] }]', subgraphs=((),)) == []


def test_all_that_is_matched_is_found_once() -> None:
    keep = 'names = ["/Add"]\npatterns = ["/C", "/Conv"]\nsubgraphs = [{ inputs = ["/Conv"], outputs = ["y"] }]'
    patterns = (Match(names=("/Conv", "/Conv_1"), within=None), Match(names=("/Conv", "/Conv_1"), within=None))
    parts = Parts(patterns=patterns, subgraphs=(("/Add", "/Conv"),), ends=((),))
    assert match_keep(spec_of(keeping(keep)), SIGNATURE, parts) == ({"/Add", "/Conv", "/Conv_1"}, [])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model whose names a wicked pattern can match in more ways than there are, and its samples."""
    x = op.parameter([1, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    node = op.relu(op.add(x, np.float32(1), name="first"), name="a" * 64)
    node.output(0).set_names({"y"})
    ov.save_model(ov.Model([op.result(node)], [x]), tmp_path / "model.xml", compress_to_fp16=False)
    (tmp_path / "samples").mkdir()
    for number in range(6):
        np.save(tmp_path / f"samples/{number}.npy", np.arange(8, dtype=np.float32) + number)
    return tmp_path


def written(folder: Path, keep: str) -> Path:
    text = (
        keeping(keep).replace("model.onnx", "model.xml").replace('device = "NPU"\nfallback = ["CPU"]', 'device = "CPU"')
    )
    (folder / "spec.toml").write_text(text)
    return folder / "spec.toml"


def test_a_plan_holds_the_operations_themselves(folder: Path) -> None:
    spec = written(
        folder, 'names = ["first"]\npatterns = ["a{9}"]\nsubgraphs = [{ inputs = ["x"], outputs = ["first"] }]'
    )
    _, prepared, faults = prepare(spec, Store(folder / "store"))
    assert prepared is not None, faults
    assert prepared.plan.recipe.keep_names == ("a" * 64, "first")
    [stage] = [stage for stage in prepared.plan.stages if stage.verb == "quantize"]
    assert stage.parameters["recipe"]["keep_names"] == ["a" * 64, "first"]


def test_another_pattern_for_the_same_operations_is_another_plan_of_the_same_stages(folder: Path) -> None:
    digests = []
    for keep in ('patterns = ["a{9}"]', 'patterns = ["a+"]', f'names = ["{"a" * 64}"]'):
        _, prepared, faults = prepare(written(folder, keep), Store(folder / "store"))
        assert prepared is not None, faults
        digests.append([stage.digest for stage in prepared.plan.stages])
    assert digests[0] == digests[1] == digests[2]


def test_a_pattern_that_would_take_for_ever_is_given_up_at_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npuspec.facts.read._PATIENCE", 0.5)
    _, faults = check(written(folder, 'patterns = ["a+", "(a+)+b"]'), Store(folder / "store"))
    [fault] = [fault for fault in faults if fault.code == "slow-pattern"]
    assert fault.labels[0].path == (*AT, "patterns", 1)
