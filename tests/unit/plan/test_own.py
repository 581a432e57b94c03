"""Code of a spec's own in a plan: which files it is, and what depends on them."""

from pathlib import Path
from typing import Any

import pytest

from builders import DATA, SMALL, TOOLCHAIN, program_of, source_of, spec_of
from npuspec.plan import Plan
from npuspec.plan.diff import own_code
from npuspec.plan.lower import lower
from npuspec.plan.model import PlannedSource
from npuspec.plan.passes.own import read_functions, refused_metrics
from npuspec.plan.passes.sample import split_samples
from npuspec.sources.local import LocalTree
from npuspec.store import digest_bytes

WER = '\n[[gates]]\nmetric = "function"\nfunction = "metrics:wer"\nof = "static"\nmin = 0.5\n'
CER = WER.replace("wer", "cer")
FILES = ("a.npy", "b.npy")


def lowered(text: str, code: dict[str, PlannedSource] | None = None) -> Plan:
    spec = spec_of(text)
    samples, _ = split_samples(spec, source_of(*FILES))
    model = source_of("model.onnx", source="model.onnx")
    return lower(
        spec, program_of(spec), model, samples, entry="model.onnx", toolchain=TOOLCHAIN, device="CPU", code=code
    )


def code_of(text: str, folder: Path, content: str = "def wer(): ...\ndef cer(): ...\n") -> dict[str, PlannedSource]:
    (folder / "metrics.py").write_text(content)
    code, faults = read_functions(spec_of(text), LocalTree(folder))
    assert not faults
    return code


def verify(plan: Plan) -> Any:
    return next(stage for stage in plan.stages if stage.verb == "verify")


def test_functions_of_one_file_are_each_known_by_it(tmp_path: Path) -> None:
    text = SMALL + DATA + WER + CER
    code = code_of(text, tmp_path)
    digest = digest_bytes((tmp_path / "metrics.py").read_bytes())
    assert {name: source.digest for name, source in code.items()} == {"metrics:wer": digest, "metrics:cer": digest}
    plan = lowered(text, code)
    assert [(gate.function, gate.own) for gate in plan.gates] == sorted(code.items())
    assert own_code(plan) == {"metrics:cer": digest, "metrics:wer": digest}
    assert verify(plan).parameters["tasks"]["functions"].keys() == code.keys()


def test_every_fault_is_at_the_gate_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "metrics.py").write_text("def wer(): ...\n")
    text = SMALL + DATA + WER + CER + WER.replace("metrics", "metric")
    code, faults = read_functions(spec_of(text), LocalTree(tmp_path))
    assert [*code] == ["metrics:wer"]
    assert [(fault.code, fault.labels[0].path) for fault in faults] == [
        ("unknown-function", ("gates", 1, "function")),
        ("missing-file", ("gates", 2, "function")),
    ]


def test_measuring_follows_from_the_code_and_not_from_limits(tmp_path: Path) -> None:
    text = SMALL + DATA + WER
    plan = lowered(text, code_of(text, tmp_path))
    stricter = lowered(text.replace("0.5", "0.6"), code_of(text, tmp_path))
    other = lowered(text, code_of(text, tmp_path, "def wer(): return 1\n"))
    assert verify(plan) == verify(stricter)
    assert verify(plan).digest != verify(other).digest
    assert plan.digest != other.digest
    assert [s.digest for s in plan.stages[:-1]] == [s.digest for s in other.stages[:-1]]


def test_a_plan_without_own_code_has_the_stages_that_it_had() -> None:
    assert "functions" not in verify(lowered(SMALL + DATA)).parameters


def test_a_gate_goes_by_its_function() -> None:
    [gate] = lowered(SMALL + DATA + WER).gates
    assert (gate.subject, gate.limits) == ("metrics:wer of static", "at least 0.5")
    [gate] = lowered(SMALL + DATA + WER + 'compared = "with-original"\n').gates
    assert gate.subject == "metrics:wer of static against the original"


@pytest.mark.parametrize(("count", "told"), [(1, "metrics.py ("), (5, " and 2 more")])
def test_who_does_not_allow_it_is_told_what_would_run(tmp_path: Path, count: int, told: str) -> None:
    for number in range(count):
        (tmp_path / f"other{number}.py").touch()
    text = SMALL + DATA + WER
    imports = "".join(f"import other{number}\n" for number in range(count))
    [fault] = refused_metrics(spec_of(text), code_of(text, tmp_path, imports + "def wer(): ...\n"))
    assert (fault.code, fault.labels[0].path) == ("code-not-allowed", ("gates", 0, "function"))
    assert told in fault.message
