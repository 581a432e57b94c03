"""Every code of a diagnostic, explained; `npuspec explain CODE` prints it."""

from itertools import chain

from npuspec.diagnostics.codes.compilers import COMPILERS
from npuspec.diagnostics.codes.diff import DIFF
from npuspec.diagnostics.codes.doc import CodeDoc
from npuspec.diagnostics.codes.findings import FINDINGS
from npuspec.diagnostics.codes.model import MODEL
from npuspec.diagnostics.codes.own import OWN
from npuspec.diagnostics.codes.properties import PROPERTIES
from npuspec.diagnostics.codes.review import REVIEW
from npuspec.diagnostics.codes.rules import RULES
from npuspec.diagnostics.codes.runtime import RUNTIME
from npuspec.diagnostics.codes.sources import SOURCES
from npuspec.diagnostics.codes.spec import SPEC
from npuspec.diagnostics.codes.stages import STAGES

__all__ = ["CODES", "CodeDoc"]

_TABLES = (SPEC, PROPERTIES, REVIEW, DIFF, RULES, SOURCES, MODEL, STAGES, FINDINGS, OWN, COMPILERS, RUNTIME)

CODES: dict[str, CodeDoc] = dict(sorted(chain.from_iterable(table.items() for table in _TABLES)))
