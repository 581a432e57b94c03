"""Code beside a spec is found and hashed by what stands in it; none of it is run."""

from pathlib import Path

import pytest

from npuspec.diagnostics import Diagnostic
from npuspec.sources.code import read_code
from npuspec.sources.local import LocalTree
from npuspec.sources.model import digest_of
from npuspec.store import digest_bytes

AT = ("gates", 0, "function")
BOOM = "raise SystemExit('this was run')\n"


def write(folder: Path, **files: str) -> LocalTree:
    for name, text in files.items():
        place = folder / (name.replace("__", "/").replace("/init/", "/__init__") + ".py")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return LocalTree(folder)


def paths(tree: LocalTree, function: str) -> list[str]:
    files, faults = read_code(function, tree, AT)
    assert files is not None, faults
    return [file.path for file in files]


def fault(tree: LocalTree, function: str) -> Diagnostic:
    files, [found] = read_code(function, tree, AT)
    assert files is None
    assert found.labels[0].path == AT
    return found


def test_a_function_is_a_file_beside_the_spec_known_by_its_content(tmp_path: Path) -> None:
    text = BOOM + "def wer(outputs, names, labels): return 0.0\n"
    tree = write(tmp_path, metrics=text, pkg__metrics=text)
    files, faults = read_code("metrics:wer", tree, AT)
    assert files is not None
    assert not faults
    assert [(file.path, file.sha256) for file in files] == [("metrics.py", digest_bytes(text.encode()))]
    assert digest_of(files) == digest_bytes(text.encode())
    assert paths(tree, "pkg.metrics:wer") == ["pkg/metrics.py"]


@pytest.mark.parametrize(
    "line",
    [
        "import helpers",
        "import os, helpers as h",
        "from helpers import mean",
        "def wer(*_):\n    import helpers",
        "try:\n    import helpers\nexcept ImportError:\n    pass",
        "import between",
    ],
)
def test_what_it_imports_from_beside_the_spec_belongs_to_it(tmp_path: Path, line: str) -> None:
    others = {"between": "import helpers, between", "helpers": BOOM, "unused": BOOM, "os": BOOM}
    found = paths(write(tmp_path, metrics=f"{line}\nwer = len\n", **others), "metrics:wer")
    assert [path for path in found if path != "between.py"] == ["helpers.py", "metrics.py"]


def test_packages_come_with_what_python_runs_to_import_them(tmp_path: Path) -> None:
    files = {
        "pkg__init__": BOOM,
        "pkg__metrics": "from . import words\nfrom .deep import count\nfrom ..up import x\nwer = len\n",
        "pkg__words": "from pkg.deep.more import *",
        "pkg__deep__init__": "",
        "pkg__deep__more": "",
        "up": "",
    }
    assert paths(write(tmp_path, **files), "pkg.metrics:wer") == [
        "pkg/__init__.py",
        "pkg/deep/__init__.py",
        "pkg/deep/more.py",
        "pkg/metrics.py",
        "pkg/words.py",
    ]


def test_a_missing_file_is_said_with_the_nearest(tmp_path: Path) -> None:
    found = fault(write(tmp_path, metrics="wer = len"), "metric:wer")
    assert found.code == "missing-file"
    assert "`metric.py`" in found.message
    assert found.help == "did you mean `metrics.py`?"


def test_a_misspelt_function_is_said_with_the_nearest_before_anything_runs(tmp_path: Path) -> None:
    found = fault(write(tmp_path, metrics="def word_errors(): pass\nclass Helper: pass\n"), "metrics:word_error")
    assert (found.code, found.message) == ("unknown-function", "`metrics.py` has no `word_error`")
    assert found.help == "did you mean `word_errors`?"


@pytest.mark.parametrize(
    "text",
    [
        "from helpers import wer",
        "from helpers import mean as wer",
        "import helpers as wer",
        "wer = max",
        "wer: int = 1",
        "if True:\n    async def wer(): pass",
        "class wer: pass",
        "from helpers import *",
        "def __getattr__(name): ...",
    ],
)
def test_a_function_may_come_to_be_in_any_way(tmp_path: Path, text: str) -> None:
    assert "metrics.py" in paths(write(tmp_path, metrics=text), "metrics:wer")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"def wer(:\n", "line 1: invalid syntax"),
        (b"x = 1\ndef wer()\n    pass", "line 2: expected ':'"),
        (b"\x00", "null bytes"),
        (b"wer = '\xff'\n", "line 1"),
        (b"wer = " + b"-" * 200_000 + b"1\n", "nested too deeply"),
        (b"wer = " + b"(" * 5000 + b")" * 5000, "too many nested parentheses"),
        (b"#" * (1 << 18) + b"#", "more than 262144 bytes"),
    ],
)
def test_what_is_not_python_is_a_fault_and_no_crash(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "metrics.py").write_bytes(content)
    found = fault(LocalTree(tmp_path), "metrics:wer")
    assert found.code == "function-failed"
    assert found.message.startswith("`metrics.py` can't be read as Python: ")
    assert why in found.message


def test_an_odd_escape_is_no_fault_and_no_warning(tmp_path: Path) -> None:
    assert paths(write(tmp_path, metrics="wer = '\\d'\n"), "metrics:wer") == ["metrics.py"]


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("wer = len")
    folder = tmp_path / "spec"
    folder.mkdir()
    (folder / "metrics.py").symlink_to(tmp_path / "outside.py")
    (folder / "others.py").write_text("import metrics\nwer = len")
    for function in ("metrics:wer", "others:wer"):
        assert fault(LocalTree(folder), function).code == "path-outside"


def test_a_heap_of_modules_ends(tmp_path: Path) -> None:
    files = {f"m{number}": f"import m{number + 1}\nwer = len" for number in range(102)}
    found = fault(write(tmp_path, **files), "m0:wer")
    assert found.code == "function-failed"
    assert "more than 100 files" in found.message
