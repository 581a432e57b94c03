"""Lower a spec to a plan. Never imports openvino, nncf or numpy: what they know comes from facts."""

from npuspec.plan.model import Plan
from npuspec.plan.prepare import Prepared, check, prepare

__all__ = ["Plan", "Prepared", "check", "prepare"]
