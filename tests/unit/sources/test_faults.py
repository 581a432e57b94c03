from npuspec.diagnostics import Diagnostic, Label, Severity
from npuspec.sources.faults import Fault


def test_a_fault_becomes_a_diagnostic_about_a_place() -> None:
    fault = Fault("bad-wheel", "message", "help", Severity.NOTE)
    expected = Diagnostic("bad-wheel", "message", "help", (Label(("model", "source")),), Severity.NOTE)
    assert fault.diagnostic(("model", "source")) == expected


def test_a_message_holds_nothing_that_a_terminal_obeys() -> None:
    assert str(Fault("bad-wheel", "a\x1b[2J\r\nb ä")) == "a\ufffd[2J\ufffd\ufffdb ä"
