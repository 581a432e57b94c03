"""The spec language: its text, its tables, and the rules between them. Reads no file that a spec names."""

from npuspec.spec.allow import apply_allowances, without_allowed
from npuspec.spec.document import Document, load, parse
from npuspec.spec.models import Spec
from npuspec.spec.rules.batching import open_choices
from npuspec.spec.validate import validate

__all__ = ["Document", "Spec", "apply_allowances", "load", "open_choices", "parse", "validate", "without_allowed"]
