"""What a compiler for NPUs is asked, and what it answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from npuspec.npu import BatchMode

LIMIT = 1800.0  # seconds that compiling one model may take


@dataclass(frozen=True, slots=True)
class Compilation:
    """What is known of a blob beside its bytes.

    Attributes:
        seconds: how long compiling took.
        requirements: what the blob needs of a driver, as OpenVINO states it (RUNTIME_REQUIREMENTS); None where it
            isn't known.
        latency_us: what the compiler's cost model expects an inference to take, in microseconds: no measurement.
            None where it says nothing.
        uncosted: operations that count as nothing in it.
        batch_mode: `PLUGIN` where the blob and its estimate are of one sample of the batch, since the NPU's plugin
            splits it; `COMPILER` where they are of the whole; None where that isn't known.

    """

    seconds: float
    requirements: str | None
    latency_us: float | None
    uncosted: tuple[str, ...]
    batch_mode: BatchMode | None


def kernels(operations: Iterable[str]) -> tuple[str, ...]:
    """Return what operations are, sorted, without the parts of a model that the compiler names them after."""
    return tuple(sorted({name.partition(".")[0] for name in operations}))


class Compiler(Protocol):
    """Compiles OpenVINO IR for an NPU.

    Attributes:
        identity: which compiler it is, to the version: with another one, blobs may be others.
        platforms: what it compiles for; empty where that isn't known.

    """

    @property
    def identity(self) -> str: ...  # noqa: D102
    @property
    def platforms(self) -> tuple[str, ...]: ...  # noqa: D102

    def as_json(self) -> dict[str, Any]:
        """Return what `compiler_of` makes it of again, in another process."""
        ...

    def compile(
        self, model: Path, platform: str, blob: Path, properties: Mapping[str, Any], trace: Path
    ) -> Compilation:
        """Compile an IR into a blob.

        Args:
            model: the XML, with its weights beside it; its layouts and precisions are kept.
            platform: the NPU, as OpenVINO's NPU_PLATFORM has it: `4000`.
            blob: where it goes.
            properties: OpenVINO's, of the NPU plugin.
            trace: where the compiler's schedule goes, where it has one: JSON in the form of Chrome's traces.

        Raises:
            StageError: `compile-failed` and what is known of the reason, `compiler-aborted`, `compile-timeout`, or
                `no-compiler`.

        """
        ...
