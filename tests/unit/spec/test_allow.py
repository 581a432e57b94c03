"""Warnings that are meant are left out, and what is allowed in vain is said."""

from pathlib import Path as FilePath

import pytest

from builders import SMALL, spec_of
from npuspec.diagnostics import Diagnostic, Severity
from npuspec.diagnostics.codes import CODES
from npuspec.diagnostics.model import Edit
from npuspec.plan import check, prepare
from npuspec.spec import apply_allowances, parse, validate, without_allowed
from npuspec.store import Store
from toy_specs import INT8

BARE = SMALL.replace(SMALL[SMALL.index("[[allow]]") : SMALL.index("[dims")], "")
ERROR = Diagnostic("wrong-value", "wrong", "")
NOTE = Diagnostic("few-pictures", "few", "", severity=Severity.NOTE)


def warning(code: str = "hidden-fallback") -> Diagnostic:
    return Diagnostic(code, "doubtful", "", severity=Severity.WARNING)


def allowing(*codes: str) -> str:
    return BARE + "".join(f'[[allow]]\ncode = "{code}"\nreason = "why"\n' for code in codes)


def left(diagnostics: list[Diagnostic], *codes: str, unknowable: tuple[str, ...] = ()) -> list[Diagnostic]:
    return apply_allowances(spec_of(allowing(*codes)), diagnostics, unknowable=unknowable)


def codes_of(diagnostics: list[Diagnostic]) -> list[str]:
    return [d.code for d in diagnostics]


def test_without_allowances_everything_stays() -> None:
    found = [ERROR, warning(), NOTE]
    assert left(found) == found


def test_only_warnings_of_an_allowed_code_are_left_out() -> None:
    found = [ERROR, warning(), warning("no-cache"), NOTE, warning()]
    assert left(found, "hidden-fallback") == [ERROR, warning("no-cache"), NOTE]


@pytest.mark.parametrize(
    ("code", "fault", "severity"),
    [
        ("hiden-fallback", "unknown-code", "error"),
        ("", "unknown-code", "error"),
        ("HIDDEN-FALLBACK", "unknown-code", "error"),
        ("wrong-value", "not-allowable", "error"),
        ("few-pictures", "not-allowable", "error"),
        ("no-cache", "unused-allowance", "warning"),
        ("unused-allowance", "unused-allowance", "warning"),
    ],
)
def test_what_can_not_be_allowed_or_is_not_there_is_a_fault(code: str, fault: str, severity: str) -> None:
    found = left([ERROR, NOTE], code)
    assert codes_of(found) == ["wrong-value", "few-pictures", fault]
    assert found[-1].severity is Severity(severity)
    assert found[-1].labels[0].path == ("allow", 0, "code")
    assert codes_of(found[-1:]) != [code] or code == "unused-allowance"


def test_an_error_and_a_note_stay_whatever_is_allowed() -> None:
    assert left([ERROR, NOTE], "wrong-value", "few-pictures")[:2] == [ERROR, NOTE]


def test_a_code_that_is_almost_right_is_named() -> None:
    assert left([], "hiden-fallback")[0].help == "did you mean `hidden-fallback`?"
    assert left([], "wrong-value")[0].help == "npuspec explain wrong-value"


def test_the_same_code_twice_is_once_in_vain() -> None:
    found = left([warning()], "hidden-fallback", "no-cache", "hidden-fallback")
    assert [(d.code, d.labels[0].path) for d in found] == [
        ("unused-allowance", ("allow", 1, "code")),
        ("unused-allowance", ("allow", 2, "code")),
    ]
    assert [d.edits for d in found] == [(Edit(("allow", n), "entry"),) for n in (1, 2)]


def test_what_could_not_be_looked_for_is_not_in_vain() -> None:
    assert left([], "random-calibration", unknowable=("random-calibration",)) == []
    assert codes_of(left([], "random-calibration")) == ["unused-allowance"]
    twice = left([], *["random-calibration"] * 2, unknowable=("random-calibration",))
    assert [d.labels[0].path for d in twice] == [("allow", 1, "code")]


@pytest.mark.parametrize("code", sorted(code for code, doc in CODES.items() if doc.severity is Severity.WARNING))
def test_every_warning_can_be_allowed(code: str) -> None:
    if code != "unused-allowance":
        assert left([warning(code)], code) == []


def test_allowed_warnings_are_hidden_beside_errors_too() -> None:
    document, _ = parse(allowing("hidden-fallback") + "[batching]\nsize = 1\ncandidates = [2]\n")
    spec, diagnostics = validate(document)
    assert spec is None
    assert codes_of(diagnostics) == ["wrong-value"]
    assert without_allowed(spec_of(allowing("hidden-fallback")), [ERROR, warning()]) == [ERROR]


@pytest.mark.parametrize("reason", ['reason = ""', ""])
def test_an_allowance_needs_its_reason(reason: str) -> None:
    document, _ = parse(allowing("hidden-fallback").replace('reason = "why"', reason))
    spec, [fault] = validate(document)
    assert spec is None
    assert fault.labels[0].path[:2] == ("allow", 0)


def add(spec: FilePath, *codes: str) -> None:
    spec.write_text(spec.read_text() + "".join(f'[[allow]]\ncode = "{code}"\nreason = "why"\n' for code in codes))


def test_a_model_that_can_not_be_read_makes_no_allowance_vain(toy_spec: FilePath) -> None:
    add(toy_spec, "missing-model-type")
    assert codes_of(check(toy_spec, Store())[1]) == ["unused-allowance"]
    (toy_spec.parent / "model" / "model.xml").write_text('<net name="m" version="11"><layers>')
    assert codes_of(check(toy_spec, Store())[1]) == ["not-a-model"]
    (toy_spec.parent / "model" / "model.xml").unlink()
    assert codes_of(check(toy_spec, Store())[1]) == ["missing-file"]


def test_samples_that_can_not_be_split_make_no_allowance_vain(toy_spec: FilePath) -> None:
    add(toy_spec, "random-calibration", "small-calibration", "ungated-quantization")
    toy_spec.write_text(toy_spec.read_text() + INT8)
    assert codes_of(check(toy_spec, Store())[1]) == ["unused-allowance"]
    toy_spec.write_text(toy_spec.read_text().replace("samples = 2", "samples = 7"))
    assert codes_of(check(toy_spec, Store())[1]) == ["too-few-samples"]


def test_no_plan_shows_no_warning_that_is_allowed(toy_spec: FilePath) -> None:
    toy_spec.write_text(toy_spec.read_text().replace('"CPU"\nfallback = []', '"NPU"\nfallback = ["CPU"]'))
    add(toy_spec, "hidden-fallback")
    (toy_spec.parent / "model" / "model.xml").unlink()
    assert codes_of(prepare(toy_spec, Store())[2]) == ["missing-file"]
