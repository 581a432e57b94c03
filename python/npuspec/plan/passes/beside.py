"""The files that a spec names beside its model and its samples: none of them leads out of its folder.

They aren't read yet, and a path that would be refused then is refused now.
"""

from npuspec.diagnostics import Diagnostic, Path
from npuspec.sources import source_faults
from npuspec.spec import Spec


def check_beside(spec: Spec) -> list[Diagnostic]:
    """Return a fault for each source that can't be one."""
    named: dict[Path, str | None] = {}
    if spec.data is not None:
        named[("data", "labels")] = spec.data.labels
    return [fault for at, text in named.items() if text is not None for fault in source_faults(text, at)]
