"""A disk without room: every stage ends with a clear fault, and nothing half written is ever sealed."""

from pathlib import Path
from typing import Any

import pytest
from runtime.toys import CORE

from helpers import files_at_most
from npuspec.child import ChildError, run_task
from npuspec.store import Store
from toy_specs import convolutions, write

KEY = "ab" * 32


def run(store: Store, verb: str, source: Path, **parameters: Any) -> Path | None:
    with store.making("stages", KEY) as output:
        arguments = {
            "parameters": parameters,
            "inputs": [str(source)],
            "output": str(output),
            "model": "",
            "data": None,
        }
        run_task(f"npuspec.stages.{verb}:run", arguments)
    return store.get("stages", KEY)


SHAPE: dict[str, Any] = {"variant": {"name": "t", "sizes": {}, "shapes": {"x": [1, 3, 32]}}, "layouts": {}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("full") / "source", convolutions())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, source: Path) -> dict[str, int]:
    """The sizes of a shaped model's files, where there is room for them."""
    made = run(Store(tmp_path_factory.mktemp("store")), "shape", source, **SHAPE)
    assert made is not None
    return {p.suffix: p.stat().st_size for p in made.iterdir()}


@pytest.mark.parametrize(("part", "share"), [(".bin", 0.1), (".bin", 1), (".xml", 0.7), (".xml", 1)], ids=str)
def test_a_model_that_does_not_fit_is_a_full_disk_and_no_result(
    tmp_path: Path, source: Path, whole: dict[str, int], part: str, share: float
) -> None:
    assert whole[".bin"] < 0.7 * whole[".xml"]
    store = Store(tmp_path)
    with files_at_most(int(whole[part] * share) - 1), pytest.raises(ChildError) as caught:
        run(store, "shape", source, **SHAPE)
    assert caught.value.code == "disk-full"
    assert "model.xml" in caught.value.diagnostics[0].message
    assert store.get("stages", KEY) is None
    assert list((store.root / "tmp").iterdir()) == []


def test_a_blob_that_does_not_fit_is_a_full_disk_and_no_result(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    source = write(tmp_path / "source", convolutions(32))
    with files_at_most(1000), pytest.raises(ChildError, match=r"model\.blob") as caught:
        run(store, "compile", source, device="CPU", core={}, properties={}, blob=True)
    assert caught.value.code == "disk-full"
    assert store.get("stages", KEY) is None


def test_a_place_that_openvino_cannot_write_to_is_the_systems_reason(tmp_path: Path) -> None:
    source = write(tmp_path / "source", convolutions(32))
    arguments = {
        "parameters": {"variant": {"name": "t", "sizes": {}, "shapes": {"x": [1, 3, 32]}}, "layouts": {}},
        "inputs": [str(source)],
        "output": str(source / "model.xml" / "below a file"),
        "model": "",
        "data": None,
    }
    with pytest.raises(ChildError, match="Not a directory"):
        run_task("npuspec.stages.shape:run", arguments)
    assert CORE.read_model(source / "model.xml").get_friendly_name()
