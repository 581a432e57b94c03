"""Run stages, each keyed by its digest: a result that is there and whole isn't made again."""

import json
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from npuspec.child import ChildError, Progress, run_task
from npuspec.compilers import Compiler
from npuspec.compilers.base import LIMIT
from npuspec.compilers.messages import abort_fault, compile_fault
from npuspec.diagnostics import Diagnostic, NpuspecError, StageError
from npuspec.execute.observer import Observer
from npuspec.plan import Prepared
from npuspec.plan.model import PlannedStage
from npuspec.stages import MIXED, MODEL
from npuspec.store import Store, digest_json

_KIND = "stages"
_ON_DEVICE = ("compile", "verify", "compare", "budget", "steady")
_FOR_NPUS = ("ahead", "curve", "gain")
_CHOOSING = ("gain", "mix")


class StageRunner:
    """Runs a plan's stages for one device.

    What is compiled or measured on a device depends on what exactly that device is, and what is made of a mix on what
    the mix keeps: no plan can know either.

    Attributes:
        results: each stage's folder, as far as they were run.
        chosen: what a mix keeps in floating point, once it is known.

    """

    def __init__(
        self,
        prepared: Prepared,
        store: Store,
        observer: Observer,
        *,
        device: str,
        identity: str,
        chosen: tuple[str, ...] | None = None,
        compiler: Compiler | None = None,
        rebuild: bool = False,
    ) -> None:
        """Prepare to run.

        Args:
            prepared: the plan, and where its files are.
            store: where results are kept.
            observer: told of progress.
            device: the device.
            identity: what exactly it is.
            chosen: what a mix is to keep, where that was found before and isn't to be searched for.
            compiler: what compiles for NPUs that aren't here; a plan with platforms needs one.
            rebuild: make results again that are there.

        """
        self.results: dict[str, Path] = {}
        self.chosen = chosen
        self._prepared, self._store, self._observer = prepared, store, observer
        self._identity, self._compiler, self._rebuild = identity, compiler, rebuild
        self._stages = prepared.plan.stages_for(device)
        self._mixed: set[str] = set()

    def run(self, *, failed: bool = False) -> None:
        """Run, in the plan's order, every stage whose result isn't there.

        Args:
            failed: a gate on what is quantized failed: run what says why.

        Raises:
            StageError: a stage failed, with its name; what the stages before it made is kept.

        """
        stages = [s for s in self._stages if s.on_failure == failed]
        for number, stage in enumerate(stages, 1):
            self._observer.started(stage, number, len(stages))
            key = self._key(stage)
            if self._rebuild:
                self._store.drop(_KIND, key)
            folder = self._store.get(_KIND, key)
            seconds = None
            if folder is None:
                start = time.perf_counter()
                folder = self._make(stage, key)
                seconds = time.perf_counter() - start
            self.results[stage.name] = folder
            if stage.verb == "mix":
                self.chosen = tuple(json.loads((folder / MIXED).read_bytes())["keep"])
            self._observer.finished(stage, seconds)

    def forget(self, names: Iterable[str]) -> None:
        """Let the next run make the results of these stages again."""
        for name in names:
            self._store.drop(_KIND, self.results[name].name)

    def _key(self, stage: PlannedStage) -> str:
        """Return what names a stage's result."""
        key: dict[str, Any] = {"identity": self._identity} if stage.verb in _ON_DEVICE else {}
        is_asked = stage.verb in _FOR_NPUS or any(name.startswith("gain[") for name in stage.inputs)
        if is_asked and self._compiler is not None:
            key["compiler"] = self._compiler.identity
        if stage.verb in _CHOOSING or self._mixed & {*stage.inputs}:
            self._mixed.add(stage.name)
            key |= {"chosen": self.chosen} if self.chosen is not None else {}
        return digest_json({"stage": stage.digest, **key}) if key else stage.digest

    def _make(self, stage: PlannedStage, key: str) -> Path:
        prepared = self._prepared
        try:
            with self._store.making(_KIND, key) as output:
                arguments: dict[str, Any] = {
                    "parameters": stage.parameters,
                    "inputs": [str(self.results[name]) for name in stage.inputs],
                    "output": str(output),
                    "model": str(prepared.model.root),
                    "data": None if prepared.data is None else str(prepared.data.root),
                    "tokenizer": None if prepared.tokenizer is None else str(prepared.tokenizer.only),
                    "labels": None if prepared.tasks.labels is None else str(prepared.tasks.labels.only),
                    "vocabularies": {name: str(found.only) for name, found in prepared.tasks.vocabularies.items()},
                    "folder": str(prepared.folder),
                    "chosen": self.chosen,
                    "compiler": None if self._compiler is None else self._compiler.as_json(),
                }
                progress = partial(self._observer.progressed, stage)
                if stage.verb == "compile":
                    run_compiler(stage.parameters["device"], arguments, progress)
                else:
                    run_task(f"npuspec.stages.{stage.verb}:run", arguments, progress)
        except NpuspecError as error:
            raise StageError(_in_stage(stage, d) for d in error.diagnostics) from None
        folder = self._store.get(_KIND, key)
        if folder is None:
            message = f"stage {stage.name}: its result was lost while it was stored"
            raise StageError(Diagnostic("stage-aborted", message, "look at the disk, and apply again"))
        return folder


def run_compiler(device: str, arguments: Mapping[str, Any], progress: Progress) -> None:
    """Let a device's own compiler do its work, within the time that any has.

    Raises:
        StageError: `compile-timeout`; of an NPU's that ends the process, what its last words mean; or the stage's own.

    """
    try:
        run_task("npuspec.stages.compile:run", arguments, progress, limit=LIMIT)
    except TimeoutError:
        raise StageError(compile_fault(device, "timeout", f"no result in {LIMIT:g} s")) from None
    except ChildError as error:
        if device != "NPU" or error.code != "stage-aborted":
            raise
        raise StageError(abort_fault(device, error, Path(arguments["inputs"][0], MODEL))) from None


def _in_stage(stage: PlannedStage, fault: Diagnostic) -> Diagnostic:
    return Diagnostic(fault.code, f"stage {stage.name}: {fault.message}", fault.help, fault.labels, fault.severity)
