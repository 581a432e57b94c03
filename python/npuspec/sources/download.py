"""The one wheel of a requirement, by the user's own pip, kept in the store."""

import errno
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from npuspec.diagnostics import Severity
from npuspec.sources.faults import Fault
from npuspec.sources.model import WheelSource
from npuspec.store import Store, digest_bytes

KIND = "wheels"
_TAIL = 3  # lines of pip's errors


def cached_wheel(source: WheelSource, store: Store) -> Path | None:
    """Return the kept wheel, if it is there and whole."""
    entry = store.get(KIND, _key(source))
    wheels = sorted(entry.glob("*.whl")) if entry else []
    return wheels[0] if wheels else None


def download_wheel(
    source: WheelSource, store: Store, on_download: Callable[[str], None] | None, *, stale: bool = False
) -> Path:
    """Download the wheel; on an exception nothing new is left, only what was there.

    Args:
        source: whose wheel.
        store: where it is kept.
        on_download: told the requirement before the network is touched.
        stale: the kept wheel isn't the one that is wanted, and goes for the new one. Otherwise one that another process
            stored meanwhile stays, for its reader may be at it.

    Raises:
        Fault: `pip-missing` or `download-failed`.

    """
    if importlib.util.find_spec("pip") is None:
        raise Fault(
            "pip-missing",
            f"`{source.requirement}` must be downloaded, and this Python has no pip",
            f"install it: `{Path(sys.executable).name} -m ensurepip`, or `uv pip install pip`",
        )
    if on_download:
        on_download(source.requirement)
    with store.making(KIND, _key(source)) as folder:
        _run_pip(source, folder)
        if stale:
            store.drop(KIND, _key(source))
    return next((store.root / KIND / _key(source)).glob("*.whl"))


def not_cached(source: WheelSource) -> Fault:
    """Return the note that a source wasn't looked at, since that would take the network."""
    return Fault(
        "source-not-cached",
        f"`{source.requirement}` hasn't been downloaded, so what it holds wasn't checked",
        "`npuspec plan` downloads it",
        Severity.NOTE,
    )


def _key(source: WheelSource) -> str:
    name = re.sub(r"[-_.]+", "-", source.name).lower()
    return digest_bytes(f"{name}=={source.version.lower()}".encode())


def _run_pip(source: WheelSource, folder: Path) -> None:
    # pip takes what ends like an archive for a file of the working folder, which is a stranger's. Only a local version
    # can end so, and there `-` means the same as `.`.
    version, plus, local = source.version.partition("+")
    requirement = f"{source.name}=={version}{plus}{local.replace('.', '-')}"
    temporary = folder / "tmp"
    temporary.mkdir()
    # -P, as -m alone would import a `pip` that lies in the working folder.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--progress-bar=off", f"--dest={folder}", "--", requirement]
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)},
    )
    shutil.rmtree(temporary)
    got = sorted(path.name for path in folder.iterdir())
    if done.returncode != 0:
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        raise _failed(source, _tail(done.stderr))
    if len(got) != 1 or not got[0].endswith(".whl"):
        raise _failed(source, f"pip gave {', '.join(got) or 'nothing'} in place of one wheel")


def _failed(source: WheelSource, why: str) -> Fault:
    return Fault(
        "download-failed",
        f"pip could not download a wheel of `{source.requirement}`: {why}",
        "check the name, the version and your index settings (`pip config list`); a wheel for this Python and system"
        " must exist, since npuspec never builds an sdist: that would run its code",
    )


def _tail(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")] or lines
    return " / ".join(errors[-_TAIL:]) or "it said nothing"
