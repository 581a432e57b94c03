"""A plan in a file: reviewed as it stands, and executed only as long as it is what would be planned now.

A plan file may come from anyone. Nothing in it is executed: `apply` plans the spec that it names anew, and goes on only
where that gives the same plan.
"""

import os
import stat
from pathlib import Path, PureWindowsPath
from typing import Literal

import msgspec
from msgspec import to_builtins

from npuspec.bundle.program import Frozen
from npuspec.diagnostics import Diagnostic, SpecError, StalePlanError
from npuspec.plan.model import Plan
from npuspec.plan.stale import plan_changes
from npuspec.store import canonical_json, replace_file

_FORMAT = 1
_KIND = "npuspec plan"
_MAX_BYTES = 16 * 1024 * 1024
_BEGINNING = 4096  # bytes in which a plan file's first brace and its kind stand


class PlanFile(Frozen):
    """A plan, and the spec that it was made of."""

    format: Literal[1] = 1
    kind: Literal["npuspec plan"] = "npuspec plan"
    spec: str
    """Where the spec lies, seen from the plan file's folder, with slashes."""
    device: Literal["NPU", "CPU"] | None
    """What overrides the spec's target."""
    plan: Plan

    def __post_init__(self) -> None:
        """Refuse a path that not every system reads alike."""
        if not is_portable(self.spec):
            raise ValueError("a spec is named by a relative path with slashes")


class _Head(msgspec.Struct):
    """What is the same in every format."""

    format: int
    kind: Literal["npuspec plan"]


def is_portable(path: str) -> bool:
    """Tell whether a path is relative and means the same on every system. It may lead upwards: plans lie in build/."""
    windows = PureWindowsPath(path)
    return bool(path) and path.isprintable() and "\\" not in path and not windows.drive and not windows.root


def is_planfile(path: Path) -> bool:
    """Tell whether a file is to be read as a plan file rather than as a spec: TOML can't begin with a brace."""
    return _beginning(path).lstrip().startswith(b"{")


def write_planfile(path: Path, plan: Plan, spec: Path, device: Literal["NPU", "CPU"] | None = None) -> bool:
    """Write a plan file in one step, with the folders above it, and tell whether its content changed.

    Raises:
        SpecError: `output-taken`: something else is there; `plan-place`: no portable path leads to the spec.

    """
    if path.exists() and f'"kind": "{_KIND}"'.encode() not in _beginning(path):
        message = f"`{path}` is there, and isn't a plan file"
        raise SpecError(Diagnostic("output-taken", message, "name another place: --out PATH"))
    content = {
        "format": _FORMAT,
        "kind": _KIND,
        "spec": _relative(path, spec),
        "device": device,
        "plan": to_builtins(plan),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    return replace_file(path, canonical_json(content))


def read_planfile(path: Path) -> PlanFile:
    """Read a plan file.

    Raises:
        StalePlanError: `plan-unreadable` or `plan-format`.

    """
    data = _read(path)
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.format != _FORMAT:
            raise StalePlanError(_other_format(path, head.format))
        return msgspec.json.decode(data, type=PlanFile)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from None


def locate_spec(path: Path, planfile: PlanFile) -> Path:
    """Return the place of a plan file's spec, from the working folder if it lies below that.

    Raises:
        SpecError: `spec-unreadable`: no file is there.

    """
    spec = Path(os.path.normpath(path.parent.resolve() / planfile.spec))
    # A pipe or a device would be read without end, and the lines of another file be shown as faults.
    if spec.suffix != ".toml" or not _is_file(spec):
        message = f"`{path}` is the plan of `{planfile.spec}`, and no such file is there"
        raise SpecError(Diagnostic("spec-unreadable", message, "put the plan file back where it was written"))
    here = Path.cwd()
    return spec.relative_to(here) if spec.is_relative_to(here) else spec


def check_fresh(path: Path, planfile: PlanFile, now: Plan) -> list[Diagnostic]:
    """Hold a plan file against the plan that its spec has now, and return one fault a change.

    Raises:
        StalePlanError: `plan-unreadable`: it nests too deep to be compared.

    """
    device = f" --device {planfile.device}" if planfile.device else ""
    again = f"review what is planned now: npuspec plan {locate_spec(path, planfile)}{device} --out {path}"
    try:
        changes = plan_changes(planfile.plan, now)
    except RecursionError as error:
        raise _unreadable(path, str(error)) from None
    return [Diagnostic("stale-plan", f"`{path}` is stale: {change}", again) for change in changes]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for this system
        return False


def _beginning(path: Path) -> bytes:
    if not _is_file(path):
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING)
    except OSError:
        return b""


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise _unreadable(path, "it is no file, or larger than 16 MiB")
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from None


def _relative(path: Path, spec: Path) -> str:
    """Return the spec's path seen from the plan file's folder; links in the folders' own paths are followed."""
    try:
        found = Path(os.path.relpath(spec.parent.resolve() / spec.name, path.parent.resolve()))
    except ValueError:  # Windows: another drive
        found = spec
    text = found.as_posix()
    if not is_portable(text):
        message = f"no relative path that every system reads alike leads from `{path}` to `{spec}`"
        help_ = "write the plan to the spec's own drive; names have no backslash, no drive and no control characters"
        raise SpecError(Diagnostic("plan-place", message, help_))
    return text


def _other_format(path: Path, found: int) -> Diagnostic:
    message = (
        f"`{path}` is a plan file of format {found}, and this version of npuspec reads format {_FORMAT}: "
        "what another version planned may mean something else here"
    )
    return Diagnostic("plan-format", message, "write it anew with this version: npuspec plan SPEC --out FILE")


def _unreadable(path: Path, why: str) -> StalePlanError:
    message = f"`{path}` is no plan file that can be read: {why}"
    return StalePlanError(Diagnostic("plan-unreadable", message, "write it anew: npuspec plan SPEC --out FILE"))
