"""A command that compiles for NPUs; docs/npu-compiler-protocol.md is what it keeps to."""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from npuspec.child.endings import ending
from npuspec.compilers.base import LIMIT, Compilation
from npuspec.compilers.messages import compile_fault
from npuspec.diagnostics import Diagnostic, SpecError, StageError
from npuspec.npu import BatchMode

_PROTOCOL = 1
_GRACE = 60.0  # seconds beyond its own limit after which it is ended
_QUICK = 60.0  # seconds that saying its version may take
_PATIENCE = 5.0  # seconds in which it ends itself where it is asked to
_REFUSED = 1  # exit code
_MOST = 2**24  # bytes of an answer


_Figure = Annotated[float, Meta(ge=0)]


class _Answer(Struct):
    """What every answer has."""

    protocol: int
    error: str = ""


class _Version(_Answer):
    compiler: str = ""
    platforms: tuple[str, ...] = ()


class _Made(_Answer):
    ok: bool = False
    step: str = ""
    details: tuple[str, ...] = ()
    compile_seconds: _Figure = 0.0
    estimated_latency_us: _Figure | None = None
    uncosted_operations: tuple[str, ...] = ()
    batch_mode: BatchMode | None = None
    runtime_requirements: str | None = None


class CommandCompiler:
    """A compiler that is a command.

    Attributes:
        identity: what it says it is.
        platforms: those that it says it compiles for.

    """

    def __init__(self, command: Sequence[str], identity: str, platforms: Sequence[str]) -> None:
        self._command, self.identity, self.platforms = tuple(command), identity, tuple(platforms)

    @classmethod
    def ask(cls, line: str) -> "CommandCompiler":
        """Ask a command, with its arguments as a shell has them, which compiler it is.

        Raises:
            SpecError: `no-compiler`: it can't be run, or isn't one of the protocol.

        """
        try:
            command = shlex.split(line)
            code, said = _run([*command, "version"], _QUICK)
            answer = msgspec.json.decode(said, type=_Version)
        except (OSError, ValueError, RecursionError) as error:
            raise SpecError(_unusable([line], str(error).strip())) from None
        if code or answer.protocol != _PROTOCOL or not answer.compiler:
            raise SpecError(_unusable(command, answer.error or _other(answer)))
        return cls(command, answer.compiler, answer.platforms)

    def as_json(self) -> dict[str, Any]:
        """Return what it is made of."""
        return {
            "kind": "command",
            "command": [*self._command],
            "identity": self.identity,
            "platforms": [*self.platforms],
        }

    def compile(
        self, model: Path, platform: str, blob: Path, properties: Mapping[str, Any], trace: Path
    ) -> Compilation:
        """Compile an IR into a blob; see `Compiler`."""
        told = [f"{name}={_told(value)}" for name, value in properties.items()]
        options = ["--trace", str(trace), "--timeout", f"{LIMIT:g}"]
        command = [*self._command, "compile", str(model), platform, str(blob), *told, *options]
        try:
            code, said = _run(command, LIMIT + _GRACE)
            answer = msgspec.json.decode(said, type=_Made)
        except TimeoutError:
            raise StageError(compile_fault(f"NPU {platform}", "timeout", f"no result in {LIMIT:g} s")) from None
        except (OSError, ValueError, RecursionError) as error:
            raise StageError(_unusable(self._command, str(error).strip())) from None
        if answer.protocol != _PROTOCOL:
            raise StageError(_unusable(self._command, _other(answer)))
        if code == _REFUSED:
            raise StageError(compile_fault(f"NPU {platform}", answer.step, answer.error, answer.details, model))
        if code or not answer.ok:
            raise StageError(_unusable(self._command, answer.error or f"it ended with exit code {code}"))
        return Compilation(
            seconds=answer.compile_seconds,
            requirements=answer.runtime_requirements,
            latency_us=answer.estimated_latency_us,
            uncosted=answer.uncosted_operations,
            batch_mode=answer.batch_mode,
        )


def _told(value: Any) -> str:
    return ("YES" if value else "NO") if isinstance(value, bool) else str(value)


def _run(command: Sequence[str], limit: float) -> tuple[int, bytes]:
    """Run a command to its end and return its exit code and what it printed; it never outlives this.

    Raises:
        OSError: it can't be started.
        TimeoutError: it had no result in time.

    """
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, start_new_session=True) as process,
        ending(partial(_end, process)),
    ):
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            _end(process)
            raise TimeoutError(f"it had no result in {limit:g} s") from None
        except BaseException:
            _end(process)
            raise
        said.seek(0)
        return code, said.read(_MOST)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a command to end with all that it started, and end it where it doesn't."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _other(answer: _Answer) -> str:
    return f"it speaks protocol {answer.protocol}, and npuspec {_PROTOCOL}"


def _unusable(command: Sequence[str], why: str) -> Diagnostic:
    message = f"`{' '.join(command)}` can't compile for NPUs: {why}"
    return Diagnostic("no-compiler", message, "name a command that keeps to the protocol of NPU compilers: --compiler")
