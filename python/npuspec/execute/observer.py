"""Who is told what is going on while a plan is executed."""

from collections.abc import Mapping, Sequence
from typing import Any

from npuspec.execute.gates import GateResult
from npuspec.plan.model import PlannedStage


class Observer:
    """Does nothing; a program overrides what it wants to show."""

    def announce(self, text: str) -> None:
        """Something that isn't a stage takes long: a download, a first look at a model."""

    def warn(self, text: str) -> None:
        """Something that the user must not miss."""

    def started(self, stage: PlannedStage, number: int, count: int) -> None:
        """A stage begins: the `number`th of `count`."""

    def progressed(self, stage: PlannedStage, done: int, total: int) -> None:
        """A stage got on."""

    def finished(self, stage: PlannedStage, seconds: float | None) -> None:
        """A stage is done; `seconds` is None where its result was there already."""

    def measured(self, gate: GateResult) -> None:
        """A gate was held against its figure, whether it passed or not."""

    def note(self, text: str) -> None:
        """Something that was measured, and that no gate holds."""

    def estimated(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Blobs were compiled for NPUs, and their compiler says what it expects of them."""

    def compared(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Precisions were put side by side: the original first, what ships last."""
