"""A metric of the spec's own is given all outputs with their names and labels, and gives one number."""

from collections.abc import Callable
from fractions import Fraction
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npuspec.child.own import OwnFunction
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.stages import own as own_module
from npuspec.stages.own import OwnMetric, load_functions
from npuspec.stages.request import Request
from npuspec.store import digest_bytes

OUTPUTS: list[dict[str, Any]] = [
    {"y": np.full((2, 3), number, np.float32), "z": np.ones((), np.int64)} for number in range(3)
]


def metric(run: Callable[..., Any], labels: dict[str, str] | None = None) -> OwnMetric:
    made = OwnMetric(OwnFunction("metrics:mean", Path("/"), run), labels)
    for number, outputs in enumerate(OUTPUTS):
        made.add(f"talk.yml:{number}", outputs)
    return made


def fault(made: OwnMetric) -> Diagnostic:
    with pytest.raises(StageError) as caught:
        made.figure()
    return caught.value.diagnostics[0]


def test_a_function_is_given_outputs_names_and_labels_in_one_order() -> None:
    labels = {f"talk.yml:{number}": f"label {number}" for number in range(5)}

    def run(outputs: Any, names: Any, given: Any) -> float:
        assert names == ["talk.yml:0", "talk.yml:1", "talk.yml:2"]
        assert given == ["label 0", "label 1", "label 2"]
        assert [sample.keys() for sample in outputs] == [{"y", "z"}] * 3
        assert outputs[2]["y"].shape == (2, 3)
        return float(sum(sample["y"].sum() for sample in outputs))

    assert metric(run, labels).figure() == 18


def test_without_labels_it_is_given_none() -> None:
    assert metric(lambda _outputs, names, labels: len(names) if labels is None else 0).figure() == 3


def test_what_is_kept_is_a_copy_of_what_was_added() -> None:
    made = OwnMetric(OwnFunction("metrics:mean", Path("/"), lambda outputs, *_: outputs[0]["y"][0]))
    buffer = np.ones(1000, np.float32)
    made.add("a", {"y": buffer[:1]})
    buffer[:] = 5
    assert made.figure() == 1


@pytest.mark.parametrize("value", [1, 0.25, np.float32(0.5), np.int64(3), Fraction(1, 2)])
def test_any_finite_number_is_a_figure(value: Any) -> None:
    found = metric(lambda *_: value).figure()
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ("0.5", "'0.5'"),
        (float("nan"), "nan"),
        (np.float32("inf"), "inf"),
        (10**400, "1000000000"),
        (np.array([0.5]), "array([0.5])"),
        ({"wer": 0.5}, "{'wer': 0.5}"),
        (1j, "1j"),
    ],
)
def test_what_is_no_finite_number_is_refused(value: Any, shown: str) -> None:
    found = fault(metric(lambda *_: value))
    assert found.code == "function-result"
    assert found.message.startswith("`metrics:mean` gave ")
    assert shown in found.message
    assert len(found.message) < 150


def test_a_function_that_fails_is_told_as_its_own() -> None:
    found = fault(metric(lambda *_: 1 / 0))
    assert found.code == "function-failed"
    assert "ZeroDivisionError" in found.message


def test_what_does_not_fit_in_memory_is_refused_before_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_module, "MOST_BYTES", 80)
    made = OwnMetric(OwnFunction("metrics:mean", Path("/"), lambda *_: 0))
    made.add("a", OUTPUTS[0])
    made.add("b", OUTPUTS[1])
    with pytest.raises(StageError, match=r"more than 80 bytes, up to `c`") as caught:
        made.add("c", OUTPUTS[2])
    assert caught.value.code == "outputs-too-large"


def request(folder: Path, **parameters: Any) -> Request:
    arguments: dict[str, Any] = {
        "parameters": parameters,
        "inputs": [],
        "output": str(folder),
        "model": "",
        "data": None,
    }
    return Request.of({**arguments, "folder": str(folder)})


def test_a_stage_imports_the_functions_that_the_plan_names(tmp_path: Path) -> None:
    text = b"def own_mean(outputs, names, labels): return 0.5"
    (tmp_path / "toy_own_metrics.py").write_bytes(text)
    planned = {"files": [{"path": "toy_own_metrics.py", "sha256": digest_bytes(text)}]}
    functions = load_functions(request(tmp_path, tasks={"functions": {"toy_own_metrics:own_mean": planned}}))
    made = OwnMetric(functions["toy_own_metrics:own_mean"])
    assert isnan(made.figure())
    made.add("a", OUTPUTS[0])
    assert made.figure() == 0.5
    assert load_functions(request(tmp_path)) == {}
