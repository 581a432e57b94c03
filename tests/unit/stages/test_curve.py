"""Each mix that was tried has an estimate of its own."""

from pathlib import Path
from typing import Any

import pytest

from npuspec.compilers import find_compiler
from stages.conftest import Recipe, gates
from stages.mixing import Mixer, content
from stages.quantized import ruined


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Mixer:
    return Mixer.of(tmp_path_factory.mktemp("tried"), recipe, ruined())


def curve(mixer: Mixer, command: Path, chosen: Path) -> Any:
    compiler = find_compiler(str(command))
    assert compiler is not None
    made = mixer(
        "curve",
        mixer.quantized,
        mixer.ranked,
        chosen,
        compiler=compiler.as_json(),
        platform="4000",
        properties={},
        shape={"variant": mixer.program.variants[-1].model_dump(mode="json"), "layouts": {}},
    )
    return content(made, "curve.json")


def test_accuracy_stands_beside_what_the_compiler_expects(mixer: Mixer, npu_compiler: Path) -> None:
    chosen = mixer.mix(gates=gates("sqnr", "y0", min=15))
    rows = curve(mixer, npu_compiler, chosen)
    assert len(rows) == len(content(chosen, "mixed.json")["curve"]) > 1
    assert all(row["latency_us"] > 0 and row["fault"] is None for row in rows)


def test_a_mix_that_was_repeated_has_none(mixer: Mixer, npu_compiler: Path) -> None:
    assert curve(mixer, npu_compiler, mixer.mix(gates=[], chosen=["last"])) == []
