"""200 ways to be served a stale model, beside OpenVINO's own cache, which serves several of them."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from npuspec import BundleError
from npuspec.bundle import open_bundle
from npuspec.runtime import load
from npuspec.runtime.device import identity
from runtime.toys import along, bundle, data, program, times

TOY = program(data(), outputs=(along(),))
ATTEMPTS = 200
PLAIN_ATTEMPTS = 40  # enough to be served stale models
FACTORS = 6  # few, so that each model comes again, and what was kept of it is there
CORE = ov.Core()


def newest(folder: Path, count: int) -> list[Path]:
    """Return what was kept last."""
    return sorted(folder.glob("*.blob"), key=lambda path: path.stat().st_mtime_ns)[-count:]


class Plain:
    """A model that is compiled with CACHE_DIR."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"
        folder.mkdir()
        self.model = folder / "model.xml"

    def write(self, factor: float, *, weights_alone: bool = False) -> None:
        """Write the model, or change nothing but its weights."""
        ov.save_model(times(factor)(TOY, TOY.variants[0]), self.folder / "new.xml", compress_to_fp16=False)
        (self.folder / "new.bin").replace(self.model.with_suffix(".bin"))
        if not weights_alone:
            (self.folder / "new.xml").replace(self.model)

    def answer(self) -> float:
        compiled = CORE.compile_model(self.model, "CPU", {"CACHE_DIR": str(self.cache)})
        return float(compiled(np.ones((1, 8), np.float32))[0][0, 0])

    def kept(self, count: int) -> list[Path]:
        return newest(self.cache, count)


class Ours:
    """The same model as a bundle."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.path, self.cache = folder, cache
        self.changes: dict[str, Any] = {}

    def write(self, factor: float) -> None:
        bundle(self.path, TOY, times(factor), cache="directory", **self.changes)

    def answer(self) -> float | None:
        """Return what the model multiplies by, or None where it is refused."""
        try:
            with load(self.path) as session:
                return float(session.infer({"x": np.ones(8, np.float32)})["y"][0])
        except BundleError:
            return None

    def kept(self, count: int) -> list[Path]:
        return newest(self.cache / "blobs", count)

    def weights(self) -> Path:
        return next((open_bundle(self.path).root / "models").glob("*.bin"))


Pair = tuple[Plain, Ours]


def weights_within_a_second(pair: Pair, factor: float) -> float:
    """Write another model, at once."""
    for one in pair:
        one.write(factor)
    return factor


def the_bin_alone(pair: Pair, factor: float) -> float:
    """Change the weights beside an .xml that stays as it is, to the byte and to the time."""
    pair[0].write(factor, weights_alone=True)
    before = pair[1].weights().with_suffix(".xml").read_bytes()
    pair[1].write(factor)
    assert pair[1].weights().with_suffix(".xml").read_bytes() == before
    return factor


def renamed(pair: Pair, factor: float) -> float:
    """Put another folder in the place of the model's."""
    plain, ours = pair
    plain.write(factor)
    other = Ours(ours.path.with_name("other"), ours.cache)
    other.write(factor)
    ours.path.rename(ours.path.with_name("old"))
    other.path.rename(ours.path)
    other.path.with_name("old").rename(other.path)
    return factor


def touched(pair: Pair, factor: float) -> float:
    """Change the times of the files, to one that earlier ones had or to another."""
    weights_within_a_second(pair, factor)
    for path in (pair[0].model, pair[1].weights(), pair[1].weights().with_suffix(".xml")):
        os.utime(path, (1_000_000_000, 1_000_000_000 + int(factor) % 2))
    return factor


def truncated(pair: Pair, factor: float) -> float:
    """Cut off what is kept."""
    weights_within_a_second(pair, factor)
    for one in pair:
        one.answer()
        for path in one.kept(1):
            os.truncate(path, path.stat().st_size * int(factor) // FACTORS)
    return factor


def swapped(pair: Pair, factor: float) -> float:
    """Put what is kept of one model in the place of another's."""
    for number in (factor % FACTORS + 1, factor):
        weights_within_a_second(pair, number)
        for one in pair:
            one.answer()
    for one in pair:
        content = {path: path.read_bytes() for path in one.kept(2)}
        for path, other in zip(content, reversed(content.values()), strict=True):
            path.write_bytes(other)
    return factor


def another_version(pair: Pair, factor: float) -> float:
    """Say that what is kept was made by another OpenVINO."""
    weights_within_a_second(pair, factor)
    for one in pair:
        one.answer()
        for path in one.kept(1):
            path.write_bytes(path.read_bytes().replace(b"2026", b"2025"))
    return factor


def with_other_properties(pair: Pair, factor: float) -> float:
    """Compile for another use of the device."""
    hint = "THROUGHPUT" if int(factor) % 2 else "LATENCY"
    pair[1].changes = {"deployments": [{"device": "CPU", "properties": {"PERFORMANCE_HINT": hint}}]}
    return weights_within_a_second(pair, factor)


WAYS: list[Callable[[Pair, float], float]] = [
    weights_within_a_second,
    the_bin_alone,
    renamed,
    touched,
    truncated,
    swapped,
    another_version,
    with_other_properties,
]


def test_no_attempt_of_200_gets_a_stale_model_where_openvino_s_own_cache_serves_some(
    tmp_path: Path, cache_alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Plain(tmp_path / "plain"), Ours(tmp_path / "ours", cache_alone)
    wrong: dict[str, list[tuple[str, float, float | None]]] = {"plain": [], "ours": []}
    chosen, driver, truth = random.Random(0), 0, 1.0
    monkeypatch.setattr("npuspec.runtime.opening.identity", lambda *given: f"{identity(*given)}; driver {driver}")
    weights_within_a_second(pair, truth)
    for number in range(ATTEMPTS):
        way, driver = WAYS[number % len(WAYS)], number // 50
        truth = way(pair, float(chosen.choice([factor for factor in range(1, FACTORS + 1) if factor != truth])))
        if number < PLAIN_ATTEMPTS and (plain := pair[0].answer()) != truth:
            wrong["plain"].append((way.__name__, truth, plain))
        if (found := pair[1].answer()) != truth:
            wrong["ours"].append((way.__name__, truth, found))
    assert wrong["ours"] == []
    assert {way for way, _, _ in wrong["plain"]} >= {"the_bin_alone"}


def test_weights_that_are_changed_in_place_are_refused_where_they_are_needed(tmp_path: Path, cache_alone: Path) -> None:
    ours = Ours(tmp_path / "ours", cache_alone)
    ours.write(3)
    weights = ours.weights()
    before, other = weights.read_bytes(), np.full(8, 4, np.float32).tobytes()
    assert len(other) == len(before)
    weights.write_bytes(other)
    assert ours.answer() is None
    weights.write_bytes(before)
    assert ours.answer() == 3
    weights.write_bytes(other)
    assert ours.answer() == 3  # as the manifest says; the file isn't needed any more
