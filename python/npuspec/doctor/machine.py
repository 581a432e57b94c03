"""The machine that is looked at: a folder that holds its file system, and what it answers."""

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from npuspec.child import ChildError, run_task

_LIMIT = 120.0  # seconds that an answer may take: a driver may hang
_PACKAGES = ("npuspec", "openvino", "nncf")

Ask = Callable[[str, Mapping[str, Any]], tuple[Any, str]]
"""Given a function of `npuspec.doctor.ask` and its arguments, return its answer, or None and why there is none."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine.

    Attributes:
        root: where its file system begins.
        system: Python's name of the operating system.
        architecture: of the processor.
        environment: the environment's variables.
        versions: of the packages that are installed.
        plugins: the folder of OpenVINO's libraries in its package, or None.
        uid: the user, or None where users have no number.
        groups: those that are active in this session.
        may_open: whether the user may read and write a file.
        ask: asks what may crash.

    """

    root: Path
    system: str
    architecture: str
    environment: Mapping[str, str]
    versions: Mapping[str, str]
    plugins: Path | None
    uid: int | None
    groups: frozenset[int]
    may_open: Callable[[Path], bool]
    ask: Ask
    python: str = field(default_factory=platform.python_version)

    def text(self, path: str) -> str:
        """Return what a file says, without the space around it; nothing where it can't be read."""
        try:
            return (self.root / path).read_text("utf-8", "replace").strip()
        except OSError:
            return ""

    def has(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return (self.root / path).exists()

    def find(self, pattern: str) -> list[Path]:
        """Return the files and folders that match."""
        return sorted(self.root.glob(pattern))

    @property
    def is_linux(self) -> bool:
        """Whether it has the files that the checks of the driver look at."""
        return self.system == "Linux"

    @property
    def kernel(self) -> str:
        """The version of the operating system's kernel."""
        return self.text("proc/sys/kernel/osrelease") if self.is_linux else platform.release()

    @property
    def is_wsl(self) -> bool:
        """Whether this Linux runs in Windows."""
        return "microsoft" in self.kernel.lower()

    @property
    def container(self) -> str:
        """What the container is one of; nothing where there is none."""
        groups = self.text("proc/1/cgroup")
        signs = {
            "Kubernetes": "KUBERNETES_SERVICE_HOST" in self.environment or "kubepods" in groups,
            "Podman": self.has("run/.containerenv") or "libpod" in groups,
            "LXC": "lxc" in groups or "lxc" in self.text("run/systemd/container"),
            "Docker": self.has(".dockerenv") or "docker" in groups,
        }
        return next((name for name, is_so in signs.items() if is_so), "")


def this_machine() -> Machine:
    """Return the machine that this runs on."""
    package = find_spec("openvino")
    place = None if package is None or package.origin is None else Path(package.origin).parent / "libs"
    has_users = hasattr(os, "getuid")
    return Machine(
        root=Path(Path.cwd().anchor),
        system=platform.system(),
        architecture=platform.machine(),
        environment=os.environ,
        versions={name: found for name in _PACKAGES if (found := _version(name))},
        plugins=place if place is not None and place.is_dir() else None,
        uid=os.getuid() if has_users else None,
        groups=frozenset((os.getegid(), *os.getgroups())) if has_users else frozenset(),
        may_open=lambda path: os.access(path, os.R_OK | os.W_OK),
        ask=_ask,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _ask(function: str, arguments: Mapping[str, Any]) -> tuple[Any, str]:
    try:
        return run_task(f"npuspec.doctor.ask:{function}", arguments, limit=_LIMIT), ""
    except ChildError as error:
        return None, error.diagnostics[0].message
    except TimeoutError:
        return None, f"there was no answer in {_LIMIT:g} s"


def nameless(text: str) -> str:
    """Return a text without the user's home folder: it is made to be shown to strangers."""
    home = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises where there is none
    return text.replace(home, "~") if len(home) > 1 else text
