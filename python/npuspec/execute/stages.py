"""Run stages, each keyed by its digest: a result that is there and whole isn't made again."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npuspec.child import run_task
from npuspec.diagnostics import Diagnostic, NpuspecError, StageError
from npuspec.execute.observer import Observer
from npuspec.plan import Plan, Prepared
from npuspec.plan.model import PlannedStage
from npuspec.store import Store, digest_json

_KIND = "stages"
_ON_DEVICE = ("compile", "verify")


def result_keys(plan: Plan, device: str, identity: str) -> dict[str, str]:
    """Return, for each stage that this device needs, the key of its result.

    What is compiled or measured on a device depends on what exactly that device is, which no plan can know.
    """
    return {
        s.name: digest_json({"stage": s.digest, "identity": identity}) if s.verb in _ON_DEVICE else s.digest
        for s in plan.stages_for(device)
    }


def run_stages(
    prepared: Prepared, store: Store, keys: Mapping[str, str], observer: Observer, *, rebuild: bool = False
) -> dict[str, Path]:
    """Run, in the plan's order, every stage whose result isn't there; return each stage's folder.

    Raises:
        StageError: a stage failed, with its name; what the stages before it made is kept.

    """
    stages = [s for s in prepared.plan.stages if s.name in keys]
    folders: dict[str, Path] = {}
    for number, stage in enumerate(stages, 1):
        observer.started(stage, number, len(stages))
        key = keys[stage.name]
        if rebuild:
            store.drop(_KIND, key)
        folder = store.get(_KIND, key)
        seconds = None
        if folder is None:
            start = time.perf_counter()
            folder = _run(prepared, stage, [folders[name] for name in stage.inputs], store, key, observer)
            seconds = time.perf_counter() - start
        folders[stage.name] = folder
        observer.finished(stage, seconds)
    return folders


def _run(
    prepared: Prepared, stage: PlannedStage, inputs: list[Path], store: Store, key: str, observer: Observer
) -> Path:
    try:
        with store.making(_KIND, key) as output:
            arguments: dict[str, Any] = {
                "parameters": stage.parameters,
                "inputs": [str(p) for p in inputs],
                "output": str(output),
                "model": str(prepared.model.root),
                "data": None if prepared.data is None else str(prepared.data.root),
                "tokenizer": None if prepared.tokenizer is None else str(prepared.tokenizer.only),
                "labels": None if prepared.tasks.labels is None else str(prepared.tasks.labels.only),
                "vocabularies": {name: str(found.only) for name, found in prepared.tasks.vocabularies.items()},
            }
            task = f"npuspec.stages.{stage.verb}:run"
            run_task(task, arguments, lambda done, total: observer.progressed(stage, done, total))
    except NpuspecError as error:
        raise StageError(_in_stage(stage, d) for d in error.diagnostics) from None
    folder = store.get(_KIND, key)
    if folder is None:
        message = f"stage {stage.name}: its result was lost while it was stored"
        raise StageError(Diagnostic("stage-aborted", message, "look at the disk, and apply again"))
    return folder


def _in_stage(stage: PlannedStage, fault: Diagnostic) -> Diagnostic:
    return Diagnostic(fault.code, f"stage {stage.name}: {fault.message}", fault.help, fault.labels, fault.severity)
