"""What the tests of kept answers share: a small spec, and checking it until its answer is kept."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npuspec.cli.check import _verdict
from npuspec.diagnostics.form import json_form
from npuspec.plan import check as check_spec
from npuspec.store import Store
from npuspec.store.recall import recall

Verdict = list[dict[str, Any]]


def cold(spec: Path) -> Verdict:
    document, diagnostics = check_spec(spec, Store())
    return json_form(diagnostics, document)


def kept(spec: Path) -> bool:
    """Tell whether the next check of a spec would be answered with what was kept."""
    return recall(Store().root, ["check", str(spec), str(spec.absolute())]) is not None


def warm(spec: Path) -> Verdict:
    """Check until the answer is kept: the first check makes what the second one looks at."""
    for _ in range(3):
        rows = _verdict(spec)[0]
    assert kept(spec)
    return rows


def codes(rows: Verdict) -> list[str]:
    return [row["code"] for row in rows]


def replace_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def same_times(path: Path, change: Callable[[Path], object]) -> None:
    """Change a file and give it back its size's times."""
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
