"""A bundle, running. Needs nothing but the bundle: no spec, no plan, no stages, no nncf."""

import npuspec.runtime.quiet  # noqa: F401  before anything imports openvino
from npuspec.runtime.engine import Engine
from npuspec.runtime.session import Session
from npuspec.runtime.start import FallbackWarning, load, load_async

__all__ = ["Engine", "FallbackWarning", "Session", "load", "load_async"]
