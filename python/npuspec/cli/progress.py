"""Progress on a terminal; plain lines where there is none."""

from collections.abc import Mapping, Sequence
from math import nan
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from npuspec.diagnostics.text import printable
from npuspec.execute import GateResult, Observer
from npuspec.plan.model import PlannedStage
from npuspec.spec.models import METRICS

_BATCHED = {
    "PLUGIN": "one sample: the NPU's plugin splits a batch of {} into as many",
    "COMPILER": "a whole batch of {}",
}


class Progress(Observer):
    """A bar for the stage that runs, and a line for each that is done."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def announce(self, text: str) -> None:
        """Show what is going on before the stages."""
        self._show(f"{text} ...")
        if not self._console.is_terminal:
            click.echo(f"{text} ...", err=True)

    def warn(self, text: str) -> None:
        """Say it loudly."""
        self._console.print(f"warning: {printable(text)}", style="bold yellow", markup=False)

    def started(self, stage: PlannedStage, number: int, count: int) -> None:
        """Show the stage's bar."""
        self._show(f"[{number}/{count}] {stage.name}")

    def progressed(self, stage: PlannedStage, done: int, total: int) -> None:  # noqa: ARG002  the bar is this stage's
        """Move the bar."""
        self.counted(done, total)

    def counted(self, done: int, total: int) -> None:
        """Move the bar of what was announced last; what has one step only says nothing of how far it is."""
        if self._task is not None and total > 1:
            self._bars.update(self._task, completed=done, total=total, count=f"{done}/{total}")

    def finished(self, stage: PlannedStage, seconds: float | None) -> None:
        """Leave a line."""
        how = "unchanged" if seconds is None else f"{seconds:.1f} s"
        self._console.print(f"{stage.name}: {how}", markup=False)

    def measured(self, gate: GateResult) -> None:
        """Print the gate as data: it is what was asked for."""
        click.echo(gate.sentence())

    def note(self, text: str) -> None:
        """Leave a line."""
        self._console.print(printable(text), markup=False)

    def compared(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Print a table."""
        outputs = rows[0]["agreement"]
        tasks = [subject for subject in rows[0]["gates"] if METRICS.get(subject.split()[0]) != "agreement"]
        measures = [f"agreement of {name}" for name in outputs] + tasks
        table = Table("precision", "size", "quantized", "latency", *measures, box=None, pad_edge=False)
        for row in rows:
            figures = [row["agreement"][name]["frame-agreement"] for name in outputs]
            figures += [row["gates"].get(task, nan) for task in tasks]
            size, count = f"{row['bytes'] / 2**20:.1f} MiB", str(row["quantized_operations"])
            table.add_row(row["precision"], size, count, f"{row['latency']:.2f}", *(f"{f:.3f}" for f in figures))
        self._console.print(table)

    def estimated(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Print a table; estimates that leave out other operations than the first are marked."""
        engines = sorted({engine for row in rows for engine in row["busy_us"] or ()})
        heads = [f"{engine} busy" for engine in engines]
        table = Table("estimated for NPU", "variant", "precision", "latency", *heads, "blob", box=None, pad_edge=False)
        first = {row["variant"]: row["uncosted_operations"] for row in reversed(rows)}
        for row in rows:
            mark = "" if row["uncosted_operations"] == first[row["variant"]] else " *"
            latency = "unknown" if row["latency_us"] is None else f"{row['latency_us']:.0f} us{mark}"
            busy = [f"{(row['busy_us'] or {}).get(engine, nan):.0f} us" for engine in engines]
            size = f"{row['blob_bytes'] / 2**20:.1f} MiB"
            table.add_row(row["platform"], Text(row["variant"]), row["precision"], latency, *busy, size)
        self._console.print(table)
        left_out = sorted({name for row in rows for name in row["uncosted_operations"]})
        if left_out:
            self.note(f"estimates, not measurements: they count {', '.join(left_out)} as nothing where they occur")
        for mode, what in _BATCHED.items():
            if sizes := {row["batch"] for row in rows if row["batch"] > 1 and row["batch_mode"] == mode}:
                self.note(f"latency and busy times are of {what.format(max(sizes))}")
        if any(row["uncosted_operations"] != first[row["variant"]] for row in rows):
            self.note("* leaves out other operations than the first of its variant: don't rank the two")

    def _show(self, text: str) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(text.replace("[", r"\["), total=None, count="")

    def stop(self) -> None:
        """Take the bar away."""
        self._bars.stop()

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
