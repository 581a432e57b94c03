"""Which chains of a real model are fused, on this machine's CPU and by Intel's compiler for NPUs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import openvino as ov
import pytest
from fusion import toys

from conftest import npuspec
from npuspec.compilers import find_compiler
from npuspec.fusion.prepare import prepare


def found(model: Path, *options: str | Path) -> dict[str, Any]:
    ran = npuspec("fusion", model, "--json", *options)
    assert ran.code == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def fates(report: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Count chains by their last operation and what became of them."""
    return Counter((chain["operations"][-1]["type"], chain["verdict"]) for chain in report["chains"])


def test_the_cpu_fuses_every_activation_of_the_speech_model(asr_bundle: Path) -> None:
    report = found(asr_bundle)
    counted = fates(report)
    assert counted["Swish", "fused"] == 22
    assert counted["Sigmoid", "fused"] == 11
    assert sum(count for (_, verdict), count in counted.items() if verdict == "apart") == 0
    assert report["whole_us"] > 100


@pytest.mark.timeout(600)
def test_the_compiler_for_an_npu_runs_them_by_themselves(asr_bundle: Path, npu_compiler: Path) -> None:
    report = found(asr_bundle, "--platform", "4000", "--compiler", npu_compiler)
    assert (report["device"], report["estimated"]) == ("NPU 4000", True)
    assert fates(report)["Swish", "apart"] == 22
    swishes = [chain for chain in report["chains"] if chain["operations"][-1]["type"] == "Swish"]
    assert all(chain["us"] > 0 and chain["advice"] for chain in swishes)
    assert {chain["cause"] for chain in swishes} == {"device"}


def test_a_cnn_is_fused_there_and_what_a_second_consumer_keeps_apart_is_found(
    npu_compiler: Path, tmp_path: Path
) -> None:
    told = "--platform", "4000", "--compiler", npu_compiler
    report = found(toys.write(toys.cnn(), tmp_path / "cnn.xml"), *told)
    assert [chain["verdict"] for chain in report["chains"]] == ["fused"] * 3
    report = found(toys.write(toys.cnn(tapped=True), tmp_path / "tapped.xml"), *told)
    assert [chain["verdict"] for chain in report["chains"]] == ["fused", "apart", "fused"]
    assert (report["chains"][1]["apart"], report["chains"][1]["cause"]) == (["relu1"], "consumer")


def test_what_is_looked_at_compiles_to_what_ships(asr_bundle: Path, npu_compiler: Path, tmp_path: Path) -> None:
    compiler = find_compiler(str(npu_compiler))
    assert compiler is not None
    shipped = min(asr_bundle.rglob("models/*.xml"), key=lambda path: len(path.name))
    model = ov.Core().read_model(shipped)
    prepare(model)
    prepared = toys.write(model, tmp_path / "prepared.xml")
    made = [
        compiler.compile(path, "4000", tmp_path / f"{number}.blob", {}, tmp_path / "trace")
        for number, path in enumerate((shipped, prepared))
    ]
    assert made[0].latency_us == made[1].latency_us
    assert made[0].uncosted == made[1].uncosted
    assert (tmp_path / "0.blob").stat().st_size == (tmp_path / "1.blob").stat().st_size
