"""The NPU compiler kit: models are really compiled, for NPUs that the machine doesn't have."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from conftest import ROOT

TOOL = ROOT / "tools" / "npu-compiler"
COMMAND, SETUP = TOOL / "npu-compiler", TOOL / "setup"
PLATFORMS = ("3720", "4000", "5010")
LONG = 100
"""Layers of a model that takes many seconds to compile."""


@pytest.fixture(scope="module")
def kit(npu_compiler: Path) -> Path:
    """Return the folder of the kit."""
    assert npu_compiler == COMMAND
    variable, cache = os.environ.get("NPUSPEC_NPU_KIT"), os.environ.get("XDG_CACHE_HOME")
    return Path(variable or Path(cache or Path.home() / ".cache", "npuspec-npu-compiler"))


class Calls:
    """Calls of the command, whose temporary files have a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.sockets = sockets()

    def start(self, *arguments: object, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            env={**os.environ, "TMPDIR": str(self.temporary), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: "subprocess.Popen[str]") -> tuple[int, dict[str, Any]]:
        out, err = process.communicate()
        assert not err
        assert out.count("\n") == 1
        answer = json.loads(out)
        assert answer.pop("protocol") == 1
        return process.returncode, answer

    def __call__(self, *arguments: object, **variables: str) -> tuple[int, dict[str, Any]]:
        """Call, and demand that nothing is left of it."""
        ended = self.end(self.start(*arguments, **variables))
        assert not self.left()
        return ended

    def refused(self, model: object, *more: object, platform: str = "4000") -> dict[str, Any]:
        code, answer = self("compile", model, platform, self.folder / "out.blob", *more)
        assert (code, answer["ok"]) == (1, False), answer
        assert not (self.folder / "out.blob").exists()
        return answer

    def unable(self, *arguments: object, **variables: str) -> str:
        code, answer = self(*arguments, **variables)
        assert code == 2
        assert answer.keys() == {"ok", "error"}
        return str(answer["error"])

    def left(self) -> list[str]:
        """Return the processes that live, and the temporary files."""
        return [*self.processes(), *(path.name for path in self.temporary.iterdir()), *(sockets() - self.sockets)]

    def processes(self) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes()
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if str(self.temporary).encode() in environment:
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def compiling(self, model: Path) -> "subprocess.Popen[str]":
        """Start a call, and return it when the compiler runs."""
        process = self.start("compile", model, "4000", self.folder / "out.blob")
        until(lambda: any(path.read_text() == "compile" for path in self.temporary.glob("*/model/step")))
        assert any("shim.exe" in command for command in self.processes())
        return process


def sockets() -> set[str]:
    """Return the folders in which wine's servers have their sockets."""
    folders = (Path("/tmp"), Path(f"/run/user/{os.getuid()}"))  # noqa: S108
    return {str(path) for folder in folders for path in folder.glob("wine-*")}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def calls(kit: Path, tmp_path: Path) -> Calls:
    assert kit.is_dir()
    return Calls(tmp_path)


def save(path: Path, make: Callable[..., Any], *shapes: list[Any], layout: str = "") -> Path:
    """Write the IR of a function of inputs with these shapes; a pair of numbers bounds an axis."""
    inputs = [
        op.parameter(ov.PartialShape([ov.Dimension(*n) if isinstance(n, tuple) else n for n in shape]), np.float32)
        for shape in shapes
    ]
    for each in inputs:
        each.set_layout(ov.Layout(layout))
    ov.save_model(ov.Model([make(*inputs)], inputs, "model"), path)
    return path


def convolution(x: Any, channels: int = 3) -> Any:
    weights = np.random.default_rng(0).standard_normal((channels, channels, 3, 3), np.float32)
    return op.convolution(x, op.constant(weights / 16), [1, 1], [1, 1], [1, 1], [1, 1])


def layers(x: Any) -> Any:
    for _ in range(LONG):
        x = op.relu(op.add(x, convolution(x, 32)))
    return x


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("tiny") / "tiny.xml", convolution, [1, 3, 16, 16])


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("long") / "long.xml", layers, [1, 32, 128, 128])


def test_version_names_the_wheel_and_the_platforms(calls: Calls) -> None:
    code, answer = calls("version")
    assert code == 0
    assert set(PLATFORMS) <= set(answer["platforms"])
    wheel = (TOOL / "openvino.txt").read_text().split("sha256:")[1].strip()
    assert f" wheel {wheel} shim " in answer["compiler"]
    assert answer["compiler"].startswith("openvino 2026.4.1-")


def test_the_wheel_is_of_the_release_that_the_lock_pins() -> None:
    version, digest = (TOOL / "openvino.txt").read_text().split("\n")[1].split(" --hash=")
    locked = (ROOT / "requirements.lock").read_text().split(f"{version} \\\n")[1].split("\nopenvino")[0]
    assert f"--hash={digest}" in locked.split("==")[0]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_model_compiles_to_the_same_bytes_alone_and_beside_others(platform: str, calls: Calls, tiny: Path) -> None:
    code, answer = calls("compile", tiny, platform, calls.folder / "alone.blob")
    assert code == 0
    assert answer["compiler"] == calls("version")[1]["compiler"]
    assert (answer["ok"], answer["platform"]) == (True, platform)
    blob = (calls.folder / "alone.blob").read_bytes()
    assert len(blob) == answer["blob_bytes"] > 1000
    assert 0 < answer["compile_seconds"] < 60
    assert 0 < answer["estimated_latency_us"] < 1000 < answer["dpu_mhz"] < 4000
    assert f"npu={platform};" in answer["runtime_requirements"]
    together = [calls.start("compile", tiny, platform, calls.folder / f"{number}.blob") for number in range(2)]
    assert [calls.end(process)[0] for process in together] == [0, 0]
    assert [(calls.folder / f"{number}.blob").read_bytes() for number in range(2)] == [blob, blob]
    assert not calls.left()


def test_an_operation_without_a_cost_is_named(calls: Calls) -> None:
    model = save(calls.folder / "model.xml", op.is_nan, [1, 64])
    assert calls("compile", model, "4000", calls.folder / "nan.blob")[1]["uncosted_operations"] == []
    model = save(calls.folder / "model.xml", lambda x: op.non_zero(x, "i32"), [1, 64])
    answer = calls("compile", model, "4000", calls.folder / "nonzero.blob")[1]
    assert answer["uncosted_operations"] == ["builtin_NonZero"]


@pytest.mark.parametrize(
    ("layout", "more", "mode"),
    [("NC", [], "PLUGIN"), ("NC", ["NPU_BATCH_MODE=COMPILER"], "COMPILER"), ("", [], "COMPILER")],
)
def test_a_batch_is_split_where_its_layout_names_it(layout: str, more: list[str], mode: str, calls: Calls) -> None:
    model = save(calls.folder / "model.xml", op.relu, [4, 64], layout=layout)
    answer = calls("compile", model, "4000", calls.folder / "out.blob", *more)[1]
    assert answer["batch_mode"] == mode


def test_properties_reach_the_compiler_and_trace_and_log_dont_change_the_blob(calls: Calls, tiny: Path) -> None:
    plain, turbo, traced = (calls.folder / f"{name}.blob" for name in ("plain", "turbo", "traced"))
    trace, log = calls.folder / "trace.json", calls.folder / "log.txt"
    assert calls("compile", tiny, "4000", plain)[0] == 0
    assert calls("compile", tiny, "4000", turbo, "NPU_TURBO=YES")[0] == 0
    ran = calls("compile", tiny, "4000", traced, "--trace", trace, "NPU_TURBO=YES", "--log", log, "--timeout", "60")
    assert ran[0] == 0
    assert plain.read_bytes() != turbo.read_bytes() == traced.read_bytes()
    assert any(event["ph"] == "X" for event in json.loads(trace.read_text())["traceEvents"])
    assert "Estimated inference latency" in log.read_text()


def test_a_folder_with_spaces_and_letters_of_all_kinds_is_a_folder(calls: Calls, tiny: Path) -> None:
    folder = calls.folder / "ein Büro – 模型"
    folder.mkdir()
    model = shutil.copyfile(tiny, folder / "größe.xml")
    shutil.copyfile(tiny.with_suffix(".bin"), folder / "größe.bin")
    assert calls("compile", model, "4000", folder / "über.blob", TMPDIR=str(folder))[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["größe.bin", "größe.xml", "über.blob"]


def test_an_axis_without_bound_is_refused_with_the_whole_message(calls: Calls) -> None:
    answer = calls.refused(save(calls.folder / "model.xml", convolution, [1, 3, -1, 32]), "--log", calls.folder / "log")
    assert answer["step"] == "compile"
    assert answer["error"].startswith("Exception from src\\inference\\src\\cpp\\core.cpp")
    assert answer["error"].endswith("Compiler returned msg:\nMissing upper bound for one or more nodes.")
    (detail,) = answer["details"]
    assert detail.endswith("(type 'Convolution'): input '0' bounds are '[1, 3, 9223372036854775807, 32]'")
    assert detail in (calls.folder / "log").read_text()


def test_where_the_message_has_no_reason_the_details_have_it(calls: Calls) -> None:
    answer = calls.refused(save(calls.folder / "model.xml", convolution, [1, 3, (8, 64), 32]))
    assert answer["error"].endswith("Compiler returned msg:\nCompilation failed")
    assert "MultiClusterStrategyAssignment Pass failed : Wrong output tile" in answer["details"][0]


def test_an_abort_is_told_in_the_compilers_last_words(calls: Calls) -> None:
    bounded = [1, (1, 16), 64]
    answer = calls.refused(save(calls.folder / "model.xml", lambda x, y: op.concat([x, y], 1), bounded, bounded))
    assert answer["step"] == "abort"
    assert answer["error"].startswith('LLVM ERROR: Failed to infer result type(s):\n"VPU.Concat"')
    assert answer["error"].endswith("( ??? )")
    assert answer["details"] == [
        "[vpux-compiler] Concat with offset '0' and stride '1' doesn't fit to output dimension '0'"
    ]


def test_a_crash_is_told_too(calls: Calls) -> None:
    answer = calls.refused(save(calls.folder / "model.xml", op.relu, [0, 64]))
    assert answer["step"] == "abort"
    assert answer["error"].startswith("wine: Unhandled division by zero at address")


@pytest.mark.parametrize(
    ("more", "platform", "message"),
    [
        ([], "9999", "Unknown value for platform: 9999"),
        (["NPU_WARP=9"], "4000", "Option 'NPU_WARP' is not supported for current configuration"),
        (["NPU_TURBO=LOUD"], "4000", "Value 'LOUD' is not a valid BOOL option"),
    ],
)
def test_what_the_compiler_doesnt_know_is_refused_by_it(
    more: list[str], platform: str, message: str, calls: Calls, tiny: Path
) -> None:
    answer = calls.refused(tiny, *more, platform=platform)
    assert answer["step"] == "compile"
    assert answer["error"].endswith(message)


@pytest.mark.parametrize("damage", ["cut", "no weights", "empty"])
def test_an_ir_that_cant_be_read_is_refused(damage: str, calls: Calls, tiny: Path) -> None:
    model = calls.folder / "model.xml"
    text = tiny.read_text()
    model.write_text({"cut": text[: len(text) // 2], "no weights": text, "empty": ""}[damage])
    if damage != "no weights":
        shutil.copyfile(tiny.with_suffix(".bin"), model.with_suffix(".bin"))
    answer = calls.refused(model)
    assert answer["step"] == "read"
    assert answer["error"]


def test_a_wrong_call_is_told_so_and_runs_nothing(calls: Calls, tiny: Path) -> None:
    out = calls.folder / "out.blob"
    assert "is no OpenVINO IR" in calls.unable("compile", calls.folder / "no.xml", "4000", out)
    assert "is no OpenVINO IR" in calls.unable("compile", tiny.with_suffix(".bin"), "4000", out)
    assert "'TURBO' must be KEY=VALUE" in calls.unable("compile", tiny, "4000", out, "TURBO")
    assert "none of the keys" in calls.unable("compile", tiny, "4000", out, "NPU_PLATFORM=3720")
    assert "'--fast' must be KEY=VALUE" in calls.unable("compile", tiny, "4000", out, "--fast")
    assert "required: PLATFORM" in calls.unable("compile", tiny)
    assert "invalid choice: 'build'" in calls.unable("build")
    assert "--long" in calls.unable("version", "--long")
    assert not out.exists()


def test_a_blob_that_cant_be_written_is_told_and_an_old_one_stays(calls: Calls, tiny: Path) -> None:
    assert "No such file or directory" in calls.unable("compile", tiny, "4000", calls.folder / "none" / "out.blob")
    old = calls.folder / "old.blob"
    old.write_text("old")
    assert calls("compile", tiny, "9999", old)[0] == 1
    assert old.read_text() == "old"


@pytest.mark.parametrize("room", ["64k", "1m"])
def test_a_blob_that_was_cut_by_a_full_disk_is_none(room: str, calls: Calls) -> None:
    weights = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
    model = save(calls.folder / "model.xml", lambda x: op.matmul(x, op.constant(weights), False, False), [1, 1024])
    mount = f"mount -t tmpfs -o size={room} none {calls.temporary}"
    ran = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", f"{mount} && exec {COMMAND} compile {model} 4000 out"],
        cwd=calls.folder,
        env={**os.environ, "TMPDIR": str(calls.temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    if not ran.stdout:
        pytest.skip(f"a disk that is full needs a namespace of one's own: {ran.stderr}")
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["error"].endswith(": its disk is full")
    assert not (calls.folder / "out").exists()


def test_without_the_kit_it_says_what_to_run(calls: Calls, tiny: Path) -> None:
    none = str(calls.folder / "none")
    assert calls.unable("version", NPUSPEC_NPU_KIT=none).endswith(f"run {SETUP}")
    assert calls.unable("compile", tiny, "4000", calls.folder / "out.blob", NPUSPEC_NPU_KIT=none)
    assert not Path(none).exists()


def test_what_takes_too_long_is_ended_with_all_that_it_started(calls: Calls, long: Path) -> None:
    answer = calls.refused(long, "--timeout", "1.5")
    assert (answer["step"], answer["error"]) == ("timeout", "no result in 1.5 s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_call_that_is_told_to_end_leaves_nothing(number: signal.Signals, calls: Calls, long: Path) -> None:
    process = calls.compiling(long)
    process.send_signal(number)
    assert process.communicate() == ("", "")
    assert process.returncode == 128 + number
    assert not calls.left()
    assert not (calls.folder / "out.blob").exists()


def test_a_call_that_is_killed_takes_the_compiler_with_it(calls: Calls, long: Path) -> None:
    process = calls.compiling(long)
    process.kill()
    process.communicate()
    until(lambda: not calls.processes())
    assert not (calls.folder / "out.blob").exists()
    for socket in sockets() - calls.sockets:
        shutil.rmtree(socket)


def lines_until(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"{text!r} was never said")


def test_a_setup_that_is_interrupted_leaves_only_its_lock(kit: Path, tmp_path: Path) -> None:
    assert kit.is_dir()  # so the packages are there
    with subprocess.Popen([SETUP, "--home", tmp_path / "home"], stderr=subprocess.PIPE, text=True) as process:
        lines_until(process, "downloading")
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["lock"]


def test_a_setup_waits_for_another_and_takes_what_that_made(kit: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen([SETUP, "--home", home], stderr=subprocess.PIPE, text=True) as process:
            lines_until(process, "waiting for another setup")
            shutil.copytree(kit, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lock"))
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert process.communicate()[1] == ""
    assert process.returncode == 0


def test_a_setup_without_apt_says_which_packages_it_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-B", str(SETUP), "--home", str(tmp_path / "home")]
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == (
        "setup: without apt-get, install what Debian calls wine, wine64, gcc-mingw-w64-x86-64-posix\n"
    )
    assert not (tmp_path / "home").exists()
