"""What the file system refused, in words."""

import errno

from npuspec.diagnostics.model import Diagnostic

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a disk, a quota and a limit on the size of files say when there is no room."""


def disk_fault(error: OSError) -> Diagnostic:
    """Return `disk-full` or `disk-fault` for what the system said, with the file that it named."""
    place = f" `{error.filename}`" if error.filename else ""
    message = f"can't write{place}: {error.strerror or error}"
    if error.errno in FULL:
        help_ = "free some space, or name a cache on another disk with NPUSPEC_CACHE; the old bundle still stands"
        return Diagnostic("disk-full", message, help_)
    help_ = "look at the folder's rights, or name another cache with NPUSPEC_CACHE; the old bundle still stands"
    return Diagnostic("disk-fault", message, help_)
