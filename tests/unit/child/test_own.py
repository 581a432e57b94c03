"""A spec's own functions: what is run is what was hashed, and what fails in them is told as theirs."""

import py_compile
import shutil
from pathlib import Path
from typing import Any

import pytest

from npuspec.child import ChildError, run_task
from npuspec.diagnostics import Diagnostic
from npuspec.store import digest_file


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        place = folder / f"{name.replace('__', '/').replace('/init/', '/__init__')}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def arguments(folder: Path, name: str, given: list[Any], task: str) -> dict[str, Any]:
    files = {path.relative_to(folder).as_posix(): digest_file(path) for path in folder.rglob("*.py")}
    return {"folder": str(folder), "name": name, "files": files, "given": given, "how": task}


def ran(folder: Path, name: str, *given: Any, how: str = "call") -> Any:
    return run_task("child_tasks:own", arguments(folder, name, list(given), how))


def fault(folder: Path, name: str, *given: Any, how: str = "call") -> Diagnostic:
    with pytest.raises(ChildError) as caught:
        ran(folder, name, *given, how=how)
    assert "Traceback" not in caught.value.log
    (found,) = caught.value.diagnostics
    assert found.help
    return found


def test_a_function_is_run_with_what_it_is_given(tmp_path: Path) -> None:
    write(tmp_path, metrics="def total(a, b): return a + b", pkg__deep__metrics="import sys\ntwice = lambda a: 2 * a")
    assert ran(tmp_path, "metrics:total", 1, 2) == 3
    assert ran(tmp_path, "pkg.deep.metrics:twice", 4) == 8


def test_it_imports_its_neighbours_and_knows_where_it_lies(tmp_path: Path) -> None:
    write(
        tmp_path,
        pkg__init__="NUMBER = 1",
        pkg__metrics="from pathlib import Path\nfrom . import NUMBER, other\nfrom helpers import text\n"
        "def read(): return [text(Path(__file__)), NUMBER, other.NUMBER, __name__]",
        pkg__other="from pkg import NUMBER as N\nNUMBER = N + 1",
        helpers="def text(path): return (path.parent / 'notes.txt').read_text()",
    )
    (tmp_path / "pkg/notes.txt").write_text("beside it")
    assert ran(tmp_path, "pkg.metrics:read") == ["beside it", 1, 2, "pkg.metrics"]


def test_two_functions_of_one_file_share_it(tmp_path: Path) -> None:
    write(tmp_path, metrics="seen = []\ndef add(n): seen.append(n)\ndef give(n): return seen")
    assert ran(tmp_path, "metrics:add,metrics:give", 5, how="both") == [5]


def test_what_is_loaded_again_and_again_is_imported_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        metrics="import sys\nfrom pathlib import Path\nPath(__file__).with_suffix('.txt').open('x')\n"
        "def finders(): return len(sys.meta_path)",
    )
    once = ran(tmp_path, "metrics:finders")
    (tmp_path / "metrics.txt").unlink()
    assert ran(tmp_path, ",".join(["metrics:finders"] * 5)) == once


def test_what_is_not_known_to_the_plan_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, metrics="def late(name): return __import__(name).NUMBER")
    task = arguments(tmp_path, "metrics:late", ["late_helpers"], "call")
    write(tmp_path, late_helpers="NUMBER = 1")
    with pytest.raises(ChildError) as caught:
        run_task("child_tasks:own", task)
    assert "No module named 'late_helpers'" in str(caught.value)
    assert ran(tmp_path, "metrics:late", "late_helpers") == 1


def test_what_was_compiled_of_other_text_is_not_run(tmp_path: Path) -> None:
    write(tmp_path, metrics="import helpers\ndef number(): return helpers.NUMBER", helpers="NUMBER = 666")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    made = py_compile.compile(str(tmp_path / "helpers.py"), invalidation_mode=unchecked)
    assert made is not None
    shutil.copyfile(made, tmp_path / "helpers.pyc")
    write(tmp_path, helpers="NUMBER = 1")
    assert ran(tmp_path, "metrics:number") == 1
    assert [path.name for path in (tmp_path / "__pycache__").iterdir()] == [Path(made).name]


def test_what_changed_since_it_was_hashed_is_not_run(tmp_path: Path) -> None:
    write(tmp_path, metrics="def number(): return 1")
    task = arguments(tmp_path, "metrics:number", [], "call")
    write(tmp_path, metrics="raise SystemExit('run')")
    with pytest.raises(ChildError) as caught:
        run_task("child_tasks:own", task)
    assert caught.value.code == "unreadable-file"
    (tmp_path / "metrics.py").unlink()
    with pytest.raises(ChildError, match=r"`metrics.py` can't be read"):
        run_task("child_tasks:own", task)


@pytest.mark.parametrize("name", ["numpy", "npuspec", "child_tasks"])
def test_a_module_that_runs_here_already_is_not_replaced(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: "def number(): return 1"})
    found = fault(tmp_path, f"{name}:number")
    assert found.code == "function-failed"
    assert f"`{name}`" in found.message


def test_a_failure_shows_the_lines_of_its_own_and_what_was_raised(tmp_path: Path) -> None:
    write(
        tmp_path,
        metrics="import helpers\n\ndef wer(count):\n    return helpers.share(1, count)",
        helpers="def share(a, b):\n    return a / b",
    )
    found = fault(tmp_path, "metrics:wer", 0)
    assert found.code == "function-failed"
    assert found.message == (
        "`metrics:wer` failed:\n"
        "    metrics.py:4, in wer: return helpers.share(1, count)\n"
        "    helpers.py:2, in share: return a / b\n"
        "    ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import numpy\ndef wer(): return numpy.zeros(3).reshape(2)", "metrics.py:2, in wer"),
        ("def wer(): raise SystemExit(3)", "SystemExit: 3"),
        ("def wer(): return next(iter([]))", "StopIteration"),
        ("def wer(): wer()", "RecursionError"),
        ("def wer(): raise ValueError('x' * 5000)", "xxx…"),
        (
            "class Odd(BaseException):\n    def __str__(self): 1 / 0\ndef wer(): raise Odd",
            "Odd: <exception str() failed>",
        ),
        (
            "def wer():\n    try:\n        1 / 0\n    except Exception as e:\n        raise KeyError('k') from e",
            "KeyError: 'k'",
        ),
        ("import missing_module\ndef wer(): ...", "metrics.py:1, in <module>: import missing_module"),
        ("def wer(one): ...", "missing 1 required positional argument"),
    ],
)
def test_whatever_is_raised_is_one_fault(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, metrics=text)
    found = fault(tmp_path, "metrics:wer")
    assert found.code == "function-failed"
    assert told in found.message
    assert "child/" not in found.message
    assert len(found.message) < 1500


def test_what_is_made_bit_by_bit_may_fail_on_the_way(tmp_path: Path) -> None:
    write(
        tmp_path,
        samples="def some(n):\n    for i in range(n):\n        yield 6 // (2 - i)",
        none="def some(n): return n",
    )
    assert ran(tmp_path, "samples:some", 2, how="each") == [3, 6]
    assert "samples.py:3, in some" in fault(tmp_path, "samples:some", 3, how="each").message
    assert "TypeError: 'int' object is not iterable" in fault(tmp_path, "none:some", 3, how="each").message


@pytest.mark.parametrize(
    ("text", "name", "message", "help_"),
    [
        ("from helpers import *", "share", "`metrics.py` has no `share`", "did you mean `shares`?"),
        ("wer = 3", "wer", "`metrics:wer` is of type int, and can't be called", "name a function that stands in it"),
    ],
)
def test_what_cannot_be_called_is_said(tmp_path: Path, text: str, name: str, message: str, help_: str) -> None:
    write(tmp_path, metrics=text, helpers="def shares(): ...")
    found = fault(tmp_path, f"metrics:{name}")
    assert (found.code, found.message, found.help) == ("unknown-function", message, help_)


def test_it_may_start_processes_of_its_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        metrics="import math, multiprocessing\ndef roots(numbers):\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        return pool.map(math.sqrt, numbers)",
    )
    assert ran(tmp_path, "metrics:roots", [4, 9]) == [2.0, 3.0]
