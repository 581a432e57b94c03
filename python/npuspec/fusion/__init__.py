"""Which operations a device made one of, which it didn't, and what that costs."""

from npuspec.fusion.check import Asked, check_fusion
from npuspec.fusion.model import Border, Judged, Report

__all__ = ["Asked", "Border", "Judged", "Report", "check_fusion"]
