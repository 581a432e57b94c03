"""Where the compiler lies that `setup` installs, what it is, and how wine runs it."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

TOOL = Path(__file__).resolve().parent
SETUP = TOOL / "setup"
SHIM = TOOL / "shim.c"
PIN = TOOL / "openvino.txt"

HOME = "NPUSPEC_NPU_KIT"
FACTS = "kit.json"
"""What `setup` found out about the compiler. It is written last, so where it stands the kit is whole."""

STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
CANT_WRITE = 64
"""The shim's exit code where it can't write what it found."""

_DLLS = "usr/lib/*/wine/x86_64-windows"
_NOT_STARTED = "wineboot.exe,services.exe,explorer.exe,winemenubuilder.exe,winedbg.exe=d"


class UnableError(Exception):
    """The compiler can't be run; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """How the shim ended."""

    exit: int | None
    """None where it took too long."""
    notes: dict[str, str]
    """What it wrote down, by the names of the files."""
    log: str


def default_home() -> Path:
    """Return the folder that holds kits."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(HOME) or Path(cache, "npuspec-npu-compiler"))


def pinned() -> tuple[str, str]:
    """Return the version of OpenVINO, and the SHA-256 of its wheel."""
    match = re.search(r"^openvino==(\S+) --hash=sha256:([0-9a-f]{64})$", PIN.read_text(), re.MULTILINE)
    if match is None:
        raise UnableError(f"{PIN} pins no wheel")
    return match[1], match[2]


def shim_digest() -> str:
    """Return the SHA-256 of the shim's source."""
    return hashlib.sha256(SHIM.read_bytes()).hexdigest()


def kit_folder(home: Path) -> Path:
    """Return where the kit lies that is made of this wheel and this shim."""
    version, wheel = pinned()
    return home.absolute() / f"{version}-{wheel[:16]}-{shim_digest()[:16]}"


def wine_dlls() -> Path:
    """Return the folder of wine's own DLLs."""
    found = sorted(Path("/").glob(_DLLS))
    if not found or not shutil.which("wine") or not shutil.which("wineserver"):
        raise UnableError(f"there is no wine with its DLLs in /{_DLLS}: run {SETUP}")
    return found[0]


def facts(folder: Path) -> dict[str, Any]:
    """Return what is known of an installed compiler."""
    wine_dlls()
    try:
        found: dict[str, Any] = json.loads((folder / FACTS).read_text("utf-8"))
    except FileNotFoundError:
        raise UnableError(f"there is no NPU compiler in {folder}: run {SETUP}") from None
    return found


def stop_when_told() -> None:
    """Let the signals that ask a process to end raise SystemExit, so that what was started is ended and removed."""

    def stop(number: int, _: FrameType | None) -> NoReturn:
        for each in STOPPING:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in STOPPING:
        signal.signal(each, stop)


def run_shim(folder: Path, work: Path, arguments: Sequence[str], timeout: float) -> Outcome:
    """Run the shim in a folder `model` of an empty working folder.

    Wine has an empty prefix and a server of its own there, which starts in no time, meets no other call, and ends with
    the shim. None of the programs runs that a desktop would have.
    """
    prefix = _make_prefix(work)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work),
        "LC_ALL": "C.UTF-8",
        "WINEPREFIX": str(prefix),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": _NOT_STARTED,
    }
    command = ["setpriv", "--pdeathsig", "KILL", "wine", str(folder / "shim.exe"), *arguments]
    notes = work / "model"
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=notes,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            ended = process.wait(timeout)
        except subprocess.TimeoutExpired:
            ended = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            subprocess.run(["wineserver", "-k"], cwd=work, env=environment, capture_output=True, check=False)
            _remove_socket(prefix)
    written = (path for path in notes.iterdir() if not path.is_symlink() and not path.suffix)
    return Outcome(
        exit=ended,
        notes={path.name: path.read_text("utf-8", "replace") for path in written},
        log=re.sub(r"\x1b\[[0-9;]*m|\r", "", (work / "log").read_text("utf-8", "replace")),
    )


def _make_prefix(work: Path) -> Path:
    prefix = work / "prefix"
    windows = prefix / "drive_c" / "windows"
    for folder in (prefix / "dosdevices", windows / "temp"):
        folder.mkdir(parents=True)
    (windows / "system32").symlink_to(wine_dlls())
    (prefix / "dosdevices" / "c:").symlink_to("../drive_c")
    (prefix / "dosdevices" / "z:").symlink_to("/")
    (prefix / ".update-timestamp").write_text("disable\n")
    return prefix


def _remove_socket(prefix: Path) -> None:
    """Remove the folder of the server's socket, which Debian's wine leaves.

    TMPDIR would put it into the working folder, but makes the wine of Debian 13 abort.
    """
    try:
        name = (prefix / "wineserver").read_text()
    except FileNotFoundError:
        return
    if re.fullmatch(r"wine-\w+", name):
        for folder in ("/tmp", f"/run/user/{os.getuid()}"):  # noqa: S108
            shutil.rmtree(Path(folder, name), ignore_errors=True)
