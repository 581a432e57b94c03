"""Execute a plan: run the stages whose results aren't there yet, hold the gates, and put the bundle in its place."""

from npuspec.execute.gates import GateResult
from npuspec.execute.observer import Observer
from npuspec.execute.run import Applied, apply, apply_prepared, execute_planfile

__all__ = ["Applied", "GateResult", "Observer", "apply", "apply_prepared", "execute_planfile"]
