"""Expected texts that are kept in files; UPDATE_GOLDEN=1 writes them anew."""

import os
from difflib import unified_diff
from pathlib import Path

UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


def assert_same(actual: str, path: Path) -> None:
    """Hold a text against a file's, byte for byte, with a difference by lines where it isn't the same."""
    if UPDATE:
        path.write_bytes(actual.encode())
    assert path.exists(), f"there is no {path.name}: UPDATE_GOLDEN=1 makes it"
    expected = path.read_bytes().decode()
    difference = "\n".join(unified_diff(expected.splitlines(), actual.splitlines(), path.name, "now", lineterm=""))
    assert not difference, f"UPDATE_GOLDEN=1 keeps this, if it is meant:\n{difference}"
    assert actual == expected, "the lines are the same, and their ends aren't"
