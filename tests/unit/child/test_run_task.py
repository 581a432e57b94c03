"""However a child ends, the caller gets a result or one clear diagnostic."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from npuspec.child import ChildError, run_task
from npuspec.diagnostics import StageError


def failed(task: str, **arguments: Any) -> ChildError:
    with pytest.raises(ChildError) as caught:
        run_task(f"child_tasks:{task}", arguments)
    (fault,) = caught.value.diagnostics
    assert fault.message
    assert isinstance(caught.value, StageError)
    return caught.value


@pytest.mark.parametrize(
    "value", [{}, {"text": "naïve\n\u2028", "none": None, "list": [1, 2.5, True], "path": "a'b\"c\\d"}]
)
def test_a_result_comes_back_as_it_was_given(value: dict[str, Any]) -> None:
    assert run_task("child_tasks:echo", value) == value


def test_a_result_may_be_larger_than_any_pipe() -> None:
    assert run_task("child_tasks:give_much", {"size": 5_000_000}) == "x" * 5_000_000


def test_arguments_may_be_larger_than_any_pipe() -> None:
    assert run_task("child_tasks:echo", {"a": "x" * 5_000_000}) == {"a": "x" * 5_000_000}


def test_progress_is_passed_on_in_order() -> None:
    seen: list[tuple[int, int]] = []
    assert run_task("child_tasks:count", {"total": 50}, lambda done, total: seen.append((done, total))) == 50
    assert seen == [(n + 1, 50) for n in range(50)]


def test_progress_needs_no_listener() -> None:
    assert run_task("child_tasks:count", {"total": 3}) == 3


def test_a_task_that_hangs_is_ended_when_its_time_is_over() -> None:
    seen: list[int] = []
    with pytest.raises(TimeoutError):
        run_task("child_tasks:count_and_hang", {"total": 3}, lambda done, _: seen.append(done), limit=0.2)
    assert seen == [1, 2, 3]


def test_the_time_begins_with_the_first_progress_and_is_no_matter_afterwards() -> None:
    assert run_task("child_tasks:echo", {}, limit=0.001) == {}
    assert run_task("child_tasks:count", {"total": 3}, limit=60) == 3


def test_a_fault_of_the_task_comes_back_with_code_message_and_help() -> None:
    error = failed("refuse")
    fault = error.diagnostics[0]
    assert (fault.code, fault.message, fault.help) == ("wrong-rank", "it is too flat", "fold it")
    assert error.log == ""


def test_all_faults_of_the_task_come_back() -> None:
    with pytest.raises(ChildError) as caught:
        run_task("child_tasks:refuse_twice", {})
    told = [(fault.code, fault.message, fault.help) for fault in caught.value.diagnostics]
    assert told == [("wrong-rank", "it is too flat", ""), ("wrong-shape", "and bent", "straighten it")]
    assert caught.value.code == "wrong-rank"


def test_an_exception_is_one_sentence_and_its_traceback_is_in_the_log() -> None:
    error = failed("fail")
    assert error.code == "stage-aborted"
    assert error.diagnostics[0].message == (
        "the process that ran `child_tasks` failed: LookupError: the needle isn't in the haystack"
    )
    assert "Traceback" in error.log
    assert "in fail" in error.log


@pytest.mark.parametrize(
    ("task", "name"), [("abort", "SIGABRT"), ("crash", "SIGSEGV")], ids=["abort", "segmentation fault"]
)
def test_native_code_that_dies_is_an_abort_with_its_signal(task: str, name: str) -> None:
    error = failed(task)
    assert error.code == "stage-aborted"
    assert f"died (signal {name})" in error.diagnostics[0].message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGRTMIN + 6])
def test_a_killed_child_is_an_abort_even_where_the_signal_has_no_name(number: int) -> None:
    error = failed("take_a_signal", signal=int(number))
    assert error.code == "stage-aborted"
    named = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    assert f"died (signal {named})" in error.diagnostics[0].message


@pytest.mark.parametrize(("task", "how"), [("leave", "SystemExit: "), ("leave_at_once", "exit code ")])
@pytest.mark.parametrize("code", [0, 3])
def test_a_child_that_leaves_without_an_answer_is_an_abort(task: str, how: str, code: int) -> None:
    error = failed(task, code=code)
    assert error.code == "stage-aborted"
    assert f"{how}{code}" in error.diagnostics[0].message


def test_half_a_message_is_an_abort() -> None:
    error = failed("die_in_the_middle_of_a_message")
    assert error.code == "stage-aborted"
    assert "SIGABRT" in error.diagnostics[0].message


def test_a_result_that_is_no_json_is_an_abort() -> None:
    error = failed("give_what_json_has_no_word_for")
    assert error.code == "stage-aborted"
    assert "TypeError" in error.diagnostics[0].message


@pytest.mark.parametrize("task", ["no_such_module:run", "child_tasks:no_such_function"])
def test_a_task_that_does_not_exist_is_an_abort(task: str) -> None:
    with pytest.raises(ChildError, match="no_such") as caught:
        run_task(task, {})
    assert caught.value.code == "stage-aborted"


def test_what_a_library_prints_is_no_message() -> None:
    assert run_task("child_tasks:print_much", {"lines": 10}) == "right"


def test_a_flood_of_errors_neither_blocks_nor_fails() -> None:
    assert run_task("child_tasks:print_much", {"lines": 2_000_000}) == "right"


def test_only_the_end_of_the_log_is_shown() -> None:
    error = failed("print_much_and_die", lines=3_000_000)
    message = error.diagnostics[0].message.splitlines()
    assert message[-1].strip() == "last words"
    assert len(message) <= 13
    assert len(error.log) <= 2**20


def test_a_full_disk_is_said_to_be_full() -> None:
    fault = failed("fill_the_disk").diagnostics[0]
    assert fault.code == "disk-full"
    assert "no space left" in fault.message.lower()
    assert "NPUSPEC_CACHE" in fault.help


def test_a_file_larger_than_allowed_is_a_full_disk_too(tmp_path: Path) -> None:
    fault = failed("exceed_the_largest_file", file=str(tmp_path / "file")).diagnostics[0]
    assert fault.code == "disk-full"
    assert "file too large" in fault.message.lower()


def test_any_other_fault_of_the_system_is_an_abort_with_the_file() -> None:
    error = failed("miss_a_file")
    assert error.code == "stage-aborted"
    assert "/no/such/file" in error.diagnostics[0].message


def test_a_thread_left_behind_does_not_hold_the_answer_up() -> None:
    start = time.monotonic()
    assert run_task("child_tasks:leave_a_thread", {"fail": False}) == "done"
    assert "no more" in failed("leave_a_thread", fail=True).diagnostics[0].message
    assert time.monotonic() - start < 60


def test_what_a_failed_child_printed_is_shown_where_tracebacks_are_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed("fail")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("NPUSPEC_TRACEBACK", "1")
    failed("fail")
    assert "in fail" in capsys.readouterr().err


def test_a_file_of_the_current_folder_is_never_taken_for_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(tmp_path)
    assert not run_task("child_tasks:where", {}).startswith(str(tmp_path))


def test_an_exception_of_the_listener_ends_the_child(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_task("child_tasks:wait", {"pid": str(pid)}, interrupt)
    assert time.monotonic() - start < 60
    assert not Path("/proc", pid.read_text()).exists()
