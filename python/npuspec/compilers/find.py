"""Choose the compiler: a command that was named, or OpenVINO's own where its library is there."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from npuspec.compilers.base import Compiler
from npuspec.compilers.command import CommandCompiler
from npuspec.compilers.plugin import PluginCompiler
from npuspec.diagnostics import Diagnostic, Path, SpecError

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


def compiler_for(platforms: Sequence[str], command: str | None, otherwise: str, at: Path = ()) -> Compiler:
    """Return what compiles for these NPUs.

    Args:
        platforms: one at least.
        command: as of `find_compiler`.
        otherwise: what else can be done where there is none.
        at: the place in the spec that asks for it.

    Raises:
        SpecError: `no-compiler`: there is none; `unknown-platform`.

    """
    if (compiler := find_compiler(command)) is None:
        message = f"nothing here compiles for NPU {', '.join(platforms)}"
        help_ = f"name a command that does: --compiler, or {VARIABLE} in the environment; or {otherwise}"
        raise SpecError(_placed(Diagnostic("no-compiler", message, help_), at))
    if compiler.platforms and (unknown := [p for p in platforms if p not in compiler.platforms]):
        message = f"{compiler.identity} doesn't compile for NPU {', '.join(unknown)}"
        help_ = f"it does for {', '.join(compiler.platforms)}"
        raise SpecError(_placed(Diagnostic("unknown-platform", message, help_), at))
    return compiler


def _placed(fault: Diagnostic, at: Path) -> Diagnostic:
    return fault.at(at) if at else fault


def compiler_of(data: Mapping[str, Any]) -> Compiler:
    """Return the compiler that `as_json` described."""
    kinds: Mapping[str, type[CommandCompiler] | type[PluginCompiler]] = {
        "command": CommandCompiler,
        "plugin": PluginCompiler,
    }
    fields = {**data}
    return kinds[fields.pop("kind")](**fields)
