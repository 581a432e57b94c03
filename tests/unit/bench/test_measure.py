"""A bundle has all its figures, and a wrong call none."""

from collections import Counter
from math import inf, nan
from pathlib import Path
from typing import Any

import msgspec
import pytest
from runtime.test_load import CPU, NPU, TOY
from runtime.toys import bundle

from npuspec import BundleError, DeviceError, InputError
from npuspec.bench.figures import Report
from npuspec.bench.measure import measure

QUICK: dict[str, Any] = {"seconds": 0.01, "starts": 0}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    bundle(tmp_path / "toy", TOY, blob=True)
    return tmp_path / "toy"


def test_every_variant_has_figures_and_they_survive_json(toy: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = measure(toy, **QUICK, tell=lambda *step: told.append(step))
    assert (found.place.bundle, found.place.device, found.place.notes) == ("toy", "CPU", ())
    assert [(row.variant, row.sizes, row.batch, row.origin) for row in found.bare] == [
        ("time4", {"time": 4}, 1, "blob"),
        ("time8", {"time": 8}, 1, "blob"),
    ]
    assert [(row.variant, row.padding) for row in found.served] == [("time4", 0), ("time8", 0)]
    assert found.starts is None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found
    assert told[0] == (f"loading {toy}", 0, 1)
    assert all(done < total for _, done, total in told)


def test_variants_are_chosen_by_name(toy: Path) -> None:
    found = measure(toy, variants=["time8"], **QUICK)
    assert [row.variant for row in found.bare] == [row.variant for row in found.served] == ["time8"]
    assert measure(toy, variants=["time8"], served=False, **QUICK).served == ()


def test_lengths_go_where_they_fit(toy: Path) -> None:
    [row] = measure(toy, lengths=Counter({4: 1, 8: 1}), **QUICK).served
    assert (row.samples, row.variant, row.padding) == ("lengths", None, 0)


def test_a_fallback_is_noted(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, deployments=[NPU, CPU])
    found = measure(tmp_path / "toy", **QUICK)
    assert found.place.device == "CPU"
    assert any("there is no NPU on this machine: running on CPU" in note for note in found.place.notes)
    assert not any("fallback" in note for note in measure(tmp_path / "toy", device="CPU", **QUICK).place.notes)


@pytest.mark.parametrize("seconds", [0, -1, nan, inf, 3601])
def test_what_is_no_time_is_refused(toy: Path, seconds: float) -> None:
    with pytest.raises(InputError, match="seconds are no time") as caught:
        measure(toy, seconds=seconds)
    assert caught.value.code == "wrong-argument"


def test_an_unknown_variant_is_refused_with_the_closest(toy: Path) -> None:
    with pytest.raises(InputError, match="did you mean `time8`") as caught:
        measure(toy, variants=["time9"])
    assert caught.value.code == "wrong-argument"


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    bundle(tmp_path / "toy", TOY, deployments=[NPU])
    for device in ("NPU", None):
        with pytest.raises(DeviceError) as caught:
            measure(tmp_path / "toy", device=device)
        assert caught.value.code == "no-device"


def test_a_missing_or_broken_bundle_is_refused(toy: Path) -> None:
    with pytest.raises(BundleError) as caught:
        measure(toy / "nothing")
    assert caught.value.code == "no-bundle"
    for ir in toy.rglob("time4.blob"):
        ir.write_bytes(bytes(len(ir.read_bytes())))
    with pytest.raises(BundleError) as caught:
        measure(toy)
    assert caught.value.code == "broken-bundle"
