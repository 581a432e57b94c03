"""The command line: one file a verb, and nothing heavy before it is needed."""

from npuspec.cli.main import main

__all__ = ["main"]
