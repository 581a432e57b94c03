"""Work in a process of its own.

Native code may abort, leak, or write files that depend on what ran before in the same process; a child that does one
task and ends keeps all three from the caller, and can be killed at any moment.
"""

from npuspec.child.parent import ChildError, Progress, run_task

__all__ = ["ChildError", "Progress", "run_task"]
