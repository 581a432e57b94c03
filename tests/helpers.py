"""Small questions that several tests put to a bundle or to processes, and the smallest damage."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from npuspec.bundle import open_bundle


def version(bundle: Path) -> str:
    """The digest that names the bundle's current version."""
    return open_bundle(bundle).root.name


def files(bundle: Path) -> dict[str, str]:
    """Every file of the current version with its SHA-256, but the one that holds measured time."""
    found = open_bundle(bundle).manifest.files
    return {name: record.sha256 for name, record in found.items() if name != "evidence/timings.json"}


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """Let no file grow larger than this, here and in children: writing more fails as it does on a full disk."""
    import resource  # noqa: PLC0415  Windows has none

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def interrupt_apply(*arguments: str | Path, cwd: Path | None = None) -> tuple[int, str, str]:
    """Apply, press Ctrl-C when the first stage is done, and return the exit code, stdout and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "npuspec", "apply", *map(str, arguments), "--rebuild"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("read:"):
            break
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def let_go(processes: Sequence[subprocess.Popen[str]], line: str) -> None:
    """Wait until every process has said the line and waits for one, then let them all go on at once."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == line
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def ends(pid: Path) -> bool:
    """Wait for the process whose number a file holds to be gone, or nothing but an entry that nobody has collected."""
    status = Path("/proc", pid.read_text().strip(), "stat")
    for _ in range(300):
        try:
            if status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.1)
    return False
