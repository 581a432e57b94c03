"""Each mix that was tried has an estimate of its own."""

from pathlib import Path
from typing import Any

import pytest
from compilers.test_command import command

from npuspec.diagnostics import StageError
from stages.conftest import Recipe, gates
from stages.mixing import Mixer, content, for_npu, write_gain
from stages.quantized import ruined


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Mixer:
    return Mixer.of(tmp_path_factory.mktemp("tried"), recipe, ruined())


def curve(mixer: Mixer, command: Path, chosen: Path) -> Any:
    gain = write_gain(mixer.stage.root, floating=[])
    made = mixer("curve", mixer.quantized, mixer.ranked, chosen, gain, **for_npu(mixer, command))
    return content(made, "curve.json")


def test_accuracy_stands_beside_what_the_compiler_expects(mixer: Mixer, npu_compiler: Path) -> None:
    chosen = mixer.mix(gates=gates("sqnr", "y0", min=15))
    rows = curve(mixer, npu_compiler, chosen)
    assert len(rows) == len(content(chosen, "mixed.json")["curve"]) > 1
    assert all(row["latency_us"] > 0 and row["fault"] is None for row in rows)


def test_a_mix_that_was_repeated_has_none(mixer: Mixer, npu_compiler: Path) -> None:
    assert curve(mixer, npu_compiler, mixer.mix(gates=[], chosen=["last"])) == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ('{"protocol": 1, "ok": false, "error": "its disk is full"}', 2),
        ('{"protocol": 1, "ok": false, "step": "timeout", "error": "no result in 1800 s"}', 1),
    ],
)
def test_where_nothing_was_learnt_nothing_is_kept(mixer: Mixer, tmp_path: Path, answer: str, code: int) -> None:
    broken = Path(command(tmp_path, compile_=f"echo '{answer}'; exit {code}"))
    with pytest.raises(StageError, match=r"its disk is full|no result in 1800 s"):
        curve(mixer, broken, mixer.mix(gates=gates("sqnr", "y0", min=15)))


def test_a_mix_that_is_refused_says_so_in_its_row(mixer: Mixer, tmp_path: Path) -> None:
    answer = '{"protocol": 1, "ok": false, "step": "compile", "error": "no"}'
    broken = Path(command(tmp_path, compile_=f"echo '{answer}'; exit 1"))
    rows = curve(mixer, broken, mixer.mix(gates=gates("sqnr", "y0", min=15)))
    assert {(row["latency_us"], row["fault"]) for row in rows} == {(None, "compile-failed")}
