"""OpenVINO's own compiler, the library beside its NPU plugin, which needs no NPU where the platform is stated."""

from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from npuspec.child import ChildError, run_task
from npuspec.compilers.base import LIMIT, Compilation
from npuspec.compilers.messages import abort_fault, compile_fault
from npuspec.diagnostics import StageError

_LIBRARY = "*npu_compiler*"


class PluginCompiler:
    """The compiler that comes with OpenVINO's archives and its package for Windows, and not with that for Linux.

    Attributes:
        identity: OpenVINO's version.
        platforms: empty: it has no list.

    """

    platforms: tuple[str, ...] = ()

    def __init__(self, identity: str) -> None:
        self.identity = identity

    @classmethod
    def here(cls) -> "PluginCompiler | None":
        """Return it where its library is there."""
        package = find_spec("openvino")
        if package is None or package.origin is None or not any(Path(package.origin).parent.rglob(_LIBRARY)):
            return None
        return cls(f"openvino {version('openvino')}, its own compiler")

    def as_json(self) -> dict[str, Any]:
        """Return what it is made of."""
        return {"kind": "plugin", "identity": self.identity}

    def compile(
        self, model: Path, platform: str, blob: Path, properties: Mapping[str, Any], trace: Path
    ) -> Compilation:
        """Compile an IR into a blob in a process of its own, since the compiler may abort; see `Compiler`."""
        del trace  # it goes to the current folder, and only with an option that changes the blob
        arguments = {
            "model": str(model),
            "blob": str(blob),
            "properties": {**properties, "NPU_PLATFORM": platform, "NPU_COMPILER_TYPE": "PLUGIN"},
        }
        try:
            made = run_task("npuspec.compilers.here:compile_here", arguments, limit=LIMIT)
        except TimeoutError:
            raise StageError(compile_fault(f"NPU {platform}", "timeout", f"no result in {LIMIT:g} s")) from None
        except ChildError as error:
            raise StageError(abort_fault(f"NPU {platform}", error, model)) from None
        if "error" in made:
            raise StageError(compile_fault(f"NPU {platform}", "compile", made["error"], model=model))
        return Compilation(made["seconds"], made["requirements"], None, (), None)
