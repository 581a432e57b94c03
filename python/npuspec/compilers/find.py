"""Choose the compiler: a command that was named, or OpenVINO's own where its library is there."""

import os
from collections.abc import Mapping
from typing import Any

from npuspec.compilers.base import Compiler
from npuspec.compilers.command import CommandCompiler
from npuspec.compilers.plugin import PluginCompiler

VARIABLE = "NPUSPEC_NPU_COMPILER"
"""The environment variable that names the command."""


def find_compiler(command: str | None = None) -> Compiler | None:
    """Return what compiles for NPUs here, or None.

    Args:
        command: a command that keeps to docs/npu-compiler-protocol.md, with its arguments as a shell has them; else the
            one that the environment names.

    Raises:
        SpecError: `no-compiler`: the command can't be run, or isn't one of that protocol.

    """
    if named := command or os.environ.get(VARIABLE):
        return CommandCompiler.ask(named)
    return PluginCompiler.here()


def compiler_of(data: Mapping[str, Any]) -> Compiler:
    """Return the compiler that `as_json` described."""
    kinds: Mapping[str, type[CommandCompiler] | type[PluginCompiler]] = {
        "command": CommandCompiler,
        "plugin": PluginCompiler,
    }
    fields = {**data}
    return kinds[fields.pop("kind")](**fields)
