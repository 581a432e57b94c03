"""Kept answers from run to run: what they spare, and when they aren't trusted."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import npuspec
from npuspec.store import recall as recall_module
from recalled import replace_text, same_times


@pytest.fixture
def spec(toy_spec: Path) -> Path:
    return toy_spec


_IMPORTED = """
import sys
from npuspec.cli.main import main
try:
    main()
except SystemExit as end:
    heavy = ("pydantic", "tomli", "npuspec._native", "openvino", "numpy")
    print([name for name in heavy if name in sys.modules], file=sys.stderr)
    raise
"""


def imported(*arguments: str | Path, python: tuple[str, ...] = ()) -> tuple[str, str]:
    """Run a verb, and return what it prints and which heavy packages it took."""
    ran = subprocess.run(
        [sys.executable, *python, "-c", _IMPORTED, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return ran.stdout, ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("verb", ["check", "plan"])
@pytest.mark.parametrize("python", [(), ("-O",)], ids=["plain", "optimised"])
def test_a_kept_answer_takes_no_heavy_import_and_is_the_same(spec: Path, verb: str, python: tuple[str, ...]) -> None:
    first = npuspec(verb, spec)
    time.sleep(2.1)
    second, heavy = imported(verb, spec, python=python)
    assert "pydantic" in heavy
    third, light = imported(verb, spec, python=python)
    assert light == "[]"
    assert first.out == second == third


def test_files_of_less_than_two_seconds_are_not_trusted(spec: Path) -> None:
    npuspec("check", spec)
    time.sleep(2.1)
    os.utime(spec)
    for _ in range(2):
        assert "pydantic" in imported("check", spec)[1]
    ahead = time.time() + 3600  # another machine's clock
    os.utime(spec, (ahead, ahead))
    time.sleep(2.1)
    for _ in range(2):
        assert "pydantic" in imported("check", spec)[1]


def test_what_is_installed_beside_is_part_of_the_question(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path / "site"
    beside.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(beside), *filter(None, [os.environ.get("PYTHONPATH")])]))
    npuspec("check", spec)
    time.sleep(2.1)
    imported("check", spec)
    assert imported("check", spec)[1] == "[]"
    (beside / "another-2.0.dist-info").mkdir()
    assert "pydantic" in imported("check", spec)[1]


def test_the_program_itself_is_part_of_the_question(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(recall_module.__file__).parent.parent, tmp_path / "copy" / "npuspec")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "copy"))
    npuspec("check", spec)
    time.sleep(2.1)
    imported("check", spec)
    assert imported("check", spec)[1] == "[]"
    module = tmp_path / "copy" / "npuspec" / "spec" / "rules" / "data.py"
    same_times(module, lambda path: replace_text(path, "state a share,", "name  a share,"))
    assert "pydantic" in imported("check", spec)[1]
    # An editor's lock is a link that leads nowhere.
    (module.parent / ".#data.py").symlink_to("nobody@nowhere")
    assert npuspec("check", spec).code == 0


def test_many_at_once_all_say_the_same(spec: Path, own_cache: Path) -> None:
    replace_text(spec, "size = 32", "size = 0")
    del own_cache
    wanted = npuspec("check", spec)
    time.sleep(2.1)
    command = [sys.executable, "-m", "npuspec", "check", str(spec)]
    running = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
        )
        for _ in range(6)
    ]
    assert [(p.communicate(), p.returncode) for p in running] == [((wanted.out, wanted.err), wanted.code)] * 6
