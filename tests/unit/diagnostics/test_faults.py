"""Diagnostics, the exceptions that carry them, and the words they suggest."""

import pytest

from npuspec.diagnostics import (
    BundleError,
    DeviceError,
    Diagnostic,
    GateError,
    InputError,
    Label,
    LockError,
    NpuspecError,
    QueueFull,
    RequestTimeout,
    Severity,
    SpecError,
    StageError,
    StalePlanError,
    has_errors,
)
from npuspec.diagnostics.suggest import did_you_mean

EXIT_CODES = {
    StageError: 1,
    GateError: 1,
    QueueFull: 1,
    RequestTimeout: 1,
    SpecError: 2,
    InputError: 2,
    BundleError: 3,
    StalePlanError: 3,
    LockError: 3,
    DeviceError: 4,
}


def test_an_exception_quotes_no_value_of_a_million_characters() -> None:
    error = InputError(Diagnostic("wrong-shape", f"`{'x' * 10**6}` is wrong", "y" * 10**6))
    assert str(error).startswith("`xxx")
    assert "xxx` is wrong [wrong-shape]" in str(error)
    assert len(str(error)) < 4000


@pytest.mark.parametrize("error", EXIT_CODES)
def test_each_exception_has_its_exit_code_and_is_one_of_ours(error: type[NpuspecError]) -> None:
    assert error.exit_code == EXIT_CODES[error]
    assert issubclass(error, NpuspecError)


def test_no_exception_is_without_an_exit_code_of_its_own() -> None:
    assert {c for c in NpuspecError.__subclasses__() if c.__module__ == NpuspecError.__module__} == EXIT_CODES.keys()


def test_a_wrong_input_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match=r"^m \[c\]$"):
        raise InputError(Diagnostic("c", "m"))


def test_an_exception_says_message_code_and_help_of_all_it_carries() -> None:
    error = SpecError(iter([Diagnostic("one", "first", "mend it"), Diagnostic("two", "second")]))
    assert str(error) == "first [one]\n  help: mend it\nsecond [two]"
    assert [d.code for d in error.diagnostics] == ["one", "two"]
    assert error.code == "one"


def test_at_adds_a_label_and_changes_nothing_else() -> None:
    fault = Diagnostic("c", "m", "h", severity=Severity.WARNING)
    there = fault.at(("a", 0), "here").at(("b",), part="key")
    assert there.labels == (Label(("a", 0), "here"), Label(("b",), "", "key"))
    assert (there.code, there.message, there.help, there.severity) == ("c", "m", "h", Severity.WARNING)
    assert fault.labels == ()


@pytest.mark.parametrize(
    ("severity", "stops"), [(Severity.ERROR, True), (Severity.WARNING, False), (Severity.NOTE, False)]
)
def test_only_errors_stop_a_phase(severity: Severity, stops: bool) -> None:
    assert has_errors([Diagnostic("c", "m", severity=severity)]) is stops


def test_the_closest_word_is_suggested() -> None:
    assert did_you_mean("tubro", ["turbo", "tiles"]) == "did you mean `turbo`?"


def test_a_few_known_words_are_listed_in_order_when_none_is_close() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known here: `a`, `b`"


def test_many_known_words_and_none_are_not_listed() -> None:
    assert did_you_mean("zzz", [f"word{i}" for i in range(13)]) == ""
    assert did_you_mean("zzz", []) == ""
