"""Write a file in one step: whoever reads it, or is interrupted, sees the whole old or the whole new one."""

import contextlib
import os
from pathlib import Path


def replace_file(path: Path, data: bytes) -> bool:
    """Make `data` the content of `path`, and tell whether it wasn't already. A link is replaced, not followed."""
    with contextlib.suppress(OSError):
        if not path.is_symlink() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return False
    scratch = path.parent / f".npuspec-{os.urandom(8).hex()}.tmp"
    try:
        with scratch.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return True
