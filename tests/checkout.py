"""This checkout as others install it: a repository with its files as they are, and pip building them quickly."""

import os
import shutil
import subprocess
from importlib.metadata import distributions
from pathlib import Path

from conftest import ROOT

# Without optimization Rust builds in seconds, and what it builds does the same.
_QUICKLY = {
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_TARGET_DIR": str(ROOT / "target" / "unoptimized"),
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as somebody, and return what it prints."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=clean(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path) -> str:
    """Commit everything in a folder, and return the commit's name."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-verify", "--message", "as it is now")
    return git(folder, "rev-parse", "HEAD")


def publish(folder: Path) -> str:
    """Write a repository with this checkout's files, committed or not, and return its commit's name."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return commit(folder)


def installing(folder: Path) -> dict[str, str]:
    """Return the environment in which pip installs this checkout quickly, with the versions that the tests run with."""
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(sorted({f"{d.name}=={d.version}\n" for d in distributions()})))
    return clean() | _QUICKLY | {"PIP_CONSTRAINT": str(constraints), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def clean() -> dict[str, str]:
    """Return the environment without what names this checkout's Python or another repository."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if k not in dropped and not k.startswith(("GIT_", "GITHUB_"))}
