"""A bundle, running. Needs nothing but the bundle: no spec, no plan, no stages, no nncf."""

from npuspec.runtime.session import Session
from npuspec.runtime.start import FallbackWarning, load

__all__ = ["FallbackWarning", "Session", "load"]
