"""A compiler is a command that keeps to a protocol; one that doesn't is said to."""

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compilers import toys
from conftest import Start
from helpers import ends
from npuspec.compilers import VARIABLE, compiler_of, find_compiler
from npuspec.diagnostics import SpecError, StageError

VERSION = '{"protocol": 1, "compiler": "toy 1", "platforms": ["4000"]}'
MADE = (
    '{"protocol": 1, "ok": true, "compile_seconds": 0.5, "estimated_latency_us": 7.5, "batch_mode": "PLUGIN", '
    '"new": "ignored"}'
)


def command(folder: Path, version: str = VERSION, compile_: str = "exit 0") -> str:
    """Return a command that answers what it is told to."""
    script = folder / "compiler"
    script.write_text(f"#!/bin/sh\nif [ $1 = version ]; then echo '{version}'; else {compile_}; fi\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def test_the_real_one_compiles_and_says_what_it_expects(npu_compiler: Path, tmp_path: Path) -> None:
    compiler = find_compiler(f"{sys.executable} {npu_compiler}")
    assert compiler is not None
    assert "intel_npu_compiler" in compiler.identity
    assert {"3720", "4000", "5010"} <= {*compiler.platforms}
    model = toys.write(toys.fine(), tmp_path)
    again = compiler_of(compiler.as_json())
    made = again.compile(model, "4000", tmp_path / "blob", {"NPU_TURBO": True}, tmp_path / "trace")
    assert (tmp_path / "blob").stat().st_size > 1000
    assert (tmp_path / "trace").stat().st_size > 1000
    assert made.latency_us is not None
    assert 0 < made.latency_us < 1000
    assert made.requirements is not None
    assert "npu=4000" in made.requirements


def test_the_environment_names_it_and_an_option_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, command(tmp_path))
    found = find_compiler()
    assert found is not None
    assert (found.identity, found.platforms) == ("toy 1", ("4000",))
    (tmp_path / "other").mkdir()
    other = find_compiler(command(tmp_path / "other", VERSION.replace("toy 1", "toy 2")))
    assert other is not None
    assert other.identity == "toy 2"


def test_where_nothing_is_named_openvinos_own_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert find_compiler() is None  # OpenVINO's package for Linux has none


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("no JSON", "JSON is malformed"),
        ('{"protocol": 2, "compiler": "toy", "platforms": []}', "it speaks protocol 2, and npuspec 1"),
        ('{"protocol": 1, "error": "there is no wine"}', "there is no wine"),
        ("[]", "object"),
    ],
)
def test_what_does_not_keep_to_the_protocol_is_no_compiler(tmp_path: Path, version: str, why: str) -> None:
    with pytest.raises(SpecError, match=why) as caught:
        find_compiler(command(tmp_path, version))
    assert caught.value.code == "no-compiler"


def test_a_quote_that_is_open_is_said() -> None:
    with pytest.raises(SpecError, match="No closing quotation"):
        find_compiler("'unclosed")


def test_what_is_not_there_is_no_compiler(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"can't compile for NPUs: .*No such file") as caught:
        find_compiler(str(tmp_path / "missing"))
    assert caught.value.code == "no-compiler"


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ("echo no JSON", "no-compiler", "JSON is malformed"),
        ('echo \'{"protocol": 1, "error": "disk full"}\'; exit 2', "no-compiler", "disk full"),
        ("kill -9 $$", "no-compiler", ""),
        (
            'echo \'{"protocol": 1, "ok": false, "step": "abort", "error": "bang"}\'; exit 1',
            "compiler-aborted",
            "NPU 4000: the compiler's process ended without an answer\n    bang",
        ),
        (
            'echo \'{"protocol": 1, "ok": false, "step": "timeout", "error": "30 s"}\'; exit 1',
            "compile-timeout",
            "30 s",
        ),
    ],
)
def test_a_command_that_fails_says_how(tmp_path: Path, answer: str, code: str, told: str) -> None:
    compiler = find_compiler(command(tmp_path, compile_=answer))
    assert compiler is not None
    with pytest.raises(StageError) as caught:
        compiler.compile(tmp_path / "m.xml", "4000", tmp_path / "blob", {}, tmp_path / "trace")
    assert caught.value.code == code
    assert told in caught.value.diagnostics[0].message


def test_what_it_does_not_know_is_none(tmp_path: Path) -> None:
    compiler = find_compiler(command(tmp_path, compile_=f"echo '{MADE}'"))
    assert compiler is not None
    made = compiler.compile(tmp_path / "m.xml", "4000", tmp_path / "blob", {}, tmp_path / "trace")
    assert (made.seconds, made.latency_us, made.requirements, made.uncosted) == (0.5, 7.5, None, ())
    assert made.batch_mode == "PLUGIN"


def test_ctrl_c_ends_the_command_and_all_that_it_started(tmp_path: Path) -> None:
    script = command(tmp_path, compile_=f"sleep 600 & echo $! > {tmp_path / 'pid'}; wait")
    code = (
        "from pathlib import Path\nfrom npuspec.compilers import find_compiler\n"
        f"compiler = find_compiler({script!r})\n"
        "compiler.compile(Path('m'), '4000', Path('b'), {}, Path('t'))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    pid = tmp_path / "pid"
    while not pid.exists() or not pid.read_text().strip():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    assert ends(pid)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            ('"estimated_latency_us": 7.5', '"estimated_latency_us": -7.5'),
            "Expected `float` >= 0.0 - at `$.est",
        ),
        (('"estimated_latency_us": 7.5', '"estimated_latency_us": NaN'), "JSON is malformed: invalid character"),
        (('"compile_seconds": 0.5', '"compile_seconds": Infinity'), "JSON is malformed: invalid character"),
        (('"PLUGIN"', "7"), "Expected `str | null`, got `int` - at `$.batch_mode`"),
        (('"protocol": 1', '"protocol": 2'), "it speaks protocol 2, and npuspec 1"),
    ],
)
def test_figures_that_can_be_none_are_refused_in_a_line(tmp_path: Path, changes: tuple[str, str], told: str) -> None:
    compiler = find_compiler(command(tmp_path, compile_=f"echo '{MADE}'".replace(*changes)))
    assert compiler is not None
    with pytest.raises(StageError) as caught:
        compiler.compile(tmp_path / "m.xml", "4000", tmp_path / "blob", {}, tmp_path / "trace")
    assert caught.value.code == "no-compiler"
    assert told in caught.value.diagnostics[0].message
    assert "\n" not in caught.value.diagnostics[0].message


ENDLESS = """
import resource
from npuspec.compilers import find_compiler
from npuspec.diagnostics import SpecError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    find_compiler(sys.argv[1])
except SpecError as error:
    print(error.code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_an_answer_that_is_too_long_is_not_read(tmp_path: Path, start: Start) -> None:
    long = tmp_path / "long"
    long.write_text("#!/bin/sh\nhead -c 300000000 /dev/zero\n")
    long.chmod(0o755)
    code, grown = start(ENDLESS, long).communicate()[0].split()
    assert code == "no-compiler"
    assert int(grown) < 200


def test_who_only_left_something_running_is_not_waited_for(tmp_path: Path) -> None:
    compiler = find_compiler(command(tmp_path, compile_=f"sleep 40 & echo '{MADE}'"))
    assert compiler is not None
    begin = time.monotonic()
    compiler.compile(tmp_path / "m.xml", "4000", tmp_path / "blob", {}, tmp_path / "trace")
    assert time.monotonic() - begin < 30
