"""Where models and data come from: paths beside the spec, and wheels; pinned by SHA-256 and kept by content.

A source is a stranger's text. Nothing of it is run, no path leads out of the spec's folder or the wheel, and what is
handed on is a copy of the very bytes that were hashed. Another hub is another class with the methods of `tree.Tree`.
"""

from npuspec.sources.code import read_code
from npuspec.sources.model import Fetched
from npuspec.sources.obtain import fetch_beside, fetch_data, fetch_file, fetch_model, fetch_unpinned, fetch_written
from npuspec.sources.public import fetch
from npuspec.sources.tree import Tree

__all__ = [
    "Fetched",
    "Tree",
    "fetch",
    "fetch_beside",
    "fetch_data",
    "fetch_file",
    "fetch_model",
    "fetch_unpinned",
    "fetch_written",
    "read_code",
]
