"""Every spec of the project compiles for three generations of NPUs, with Intel's own compiler."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from npuspec.compilers import find_compiler
from npuspec.execute.observer import Observer
from npuspec.execute.stages import StageRunner
from npuspec.plan import Prepared, prepare
from npuspec.plan.lock import read_lock
from npuspec.plan.model import Plan, PlannedStage
from npuspec.stages import ESTIMATE
from npuspec.store import Store, digest_json
from real_specs import OCR, SPECS, TOPICS, beside

PLATFORMS = ("3720", "4000", "5010")
FILES = """
[quantization]
mode = "int8"
model-type = "transformer"
samples = 20
"""
QUANTIZED = {"asr": "", "files": FILES, "ocr": OCR.replace('"mixed"', '"int8"'), "text": TOPICS}


def prepared_for_platforms(folder: Path, name: str, changes: Mapping[str, str] | None = None) -> Prepared:
    """Return a spec's plan with blobs for all platforms; `changes` are made in its text."""
    without = {} if QUANTIZED[name] else {"without": "$^"}
    spec = beside(folder, name, QUANTIZED[name], **without)
    text, listed = spec.read_text("utf-8"), json.dumps(PLATFORMS)
    for old, new in {'device = "NPU"\n': f'device = "NPU"\nplatforms = {listed}\n', **(changes or {})}.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    spec.write_text(text, "utf-8")
    _, prepared, faults = prepare(spec, Store(), device="CPU", allow_code=True)
    assert prepared is not None, faults
    return prepared


def compiled(plan: Plan, variants: list[str]) -> Iterator[PlannedStage]:
    """Yield what compiles these variants for each platform, as they ship and as the original."""
    by_name = {stage.name: stage for stage in plan.stages}
    for platform in PLATFORMS:
        for variant in variants:
            stage = by_name[f"compile[{platform}, {variant}]"]
            yield stage
            shaped = by_name[f"shape[{variant}]"]
            digest = digest_json([shaped.digest, stage.parameters])
            update = {"name": f"compile[{platform}, original, {variant}]", "inputs": (shaped.name,), "digest": digest}
            yield structs.replace(stage, **update)


def with_all_before(plan: Plan, wanted: list[PlannedStage]) -> tuple[PlannedStage, ...]:
    """Return stages behind those that they read, directly or not."""
    needed = {name for stage in wanted for name in stage.inputs}
    for stage in reversed(plan.stages):
        if stage.name in needed:
            needed |= {*stage.inputs}
    return (*(stage for stage in plan.stages if stage.name in needed), *wanted)


def estimates(
    prepared: Prepared, wanted: list[PlannedStage], compiler: Path, chosen: tuple[str, ...] | None = None
) -> list[dict[str, Any]]:
    """Run stages that compile, and return what the compiler expects of each result."""
    asked = replace(prepared, plan=structs.replace(prepared.plan, stages=with_all_before(prepared.plan, wanted)))
    runner = StageRunner(
        asked,
        Store(),
        Observer(),
        device="CPU",
        identity="none is asked",
        chosen=chosen,
        compiler=find_compiler(str(compiler)),
    )
    runner.run()
    return [json.loads((runner.results[stage.name] / ESTIMATE).read_bytes()) for stage in wanted]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", QUANTIZED)
def test_a_spec_compiles_for_every_platform_in_both_precisions(
    name: str, npu_compiler: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prepared = prepared_for_platforms(tmp_path, name)
    plan = prepared.plan
    variants = [variant.name for variant in plan.program.variants]
    wanted = [*compiled(plan, variants if request.config.getoption("--every-variant") else variants[:1])]
    chosen = read_lock(SPECS / "asr.lock").mixed if name == "asr" else None
    found = estimates(prepared, wanted, npu_compiler, None if chosen is None else chosen.keep)
    for stage, estimate in zip(wanted, found, strict=True):
        assert estimate["platform"] in stage.name
        assert estimate["latency_us"] > 0
        assert estimate["batch_mode"] == (plan.batch_mode or "COMPILER")
        assert estimate["blob_bytes"] > 1000
        assert set(estimate["busy_us"]) == {"DMA", "DPU", "SHAVE"}
        assert estimate["busy_us"]["DPU"] > 0
        assert f"npu={estimate['platform']}" in estimate["requirements"]


@pytest.mark.timeout(600)
def test_a_model_with_preprocessing_in_it_compiles_too(npu_compiler: Path, tmp_path: Path) -> None:
    changes = {"pad-value = 0.0 ": "pad-value = 0.00392156863 ", 'place = "native"': 'place = "model"'}
    prepared = prepared_for_platforms(tmp_path, "ocr", changes)
    wanted = [s for s in compiled(prepared.plan, ["width320"]) if s.name == "compile[4000, original, width320]"]
    (estimate,) = estimates(prepared, wanted, npu_compiler)
    assert estimate["latency_us"] > 0
    assert estimate["busy_us"]["DPU"] > 0
