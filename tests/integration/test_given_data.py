"""Samples that a program gives `apply`: on a real model they are what the same samples in files are."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli

import npuspec
from conftest import ROOT
from helpers import files, version
from npuspec import InputError, LockError, SpecError
from npuspec.bundle import open_bundle
from npuspec.execute import Observer
from npuspec.plan.model import PlannedStage
from toy_specs import write_spec

FILES = sorted((ROOT / "specs/files").glob("*.npy"))


class Told(Observer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.warnings: list[str] = []

    def started(self, stage: PlannedStage, number: int, count: int) -> None:  # noqa: ARG002
        self.stages.append(stage.name)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def samples() -> Iterator[Any]:
    return (np.load(path) for path in FILES)


def beside(folder: Path, text: str) -> Path:
    """Write a text as specs/files.toml into a folder, with what lies beside that."""
    shutil.copyfile(ROOT / "specs/files.types", folder / "files.types")
    shutil.copytree(ROOT / "specs/files", folder / "files")
    (folder / "files.toml").write_text(text, "utf-8")
    return folder / "files.toml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec that has only the labels of its data, its lock, and the bundle made with given samples."""
    folder = tmp_path_factory.mktemp("given")
    text = (ROOT / "specs/files.toml").read_text("utf-8")
    spec = beside(folder, text.replace('source = "files/*.npy"\ninput = "bytes"\n', ""))
    applied = npuspec.apply(spec, folder / "bundle", data=samples())
    assert applied.lock == folder / "files.lock"
    return folder


def read(bundle: Path, name: str) -> Any:
    return json.loads(open_bundle(bundle).path(name).read_bytes())


def test_real_samples_that_are_given_are_measured_as_those_of_files(made: Path, tmp_path: Path) -> None:
    spec = beside(tmp_path, (ROOT / "specs/files.toml").read_text("utf-8"))
    npuspec.apply(spec, tmp_path / "bundle")
    given, of_files = (read(bundle, "evidence/evidence.json") for bundle in (made / "bundle", tmp_path / "bundle"))
    assert given["gates"] == of_files["gates"]
    names = {f"{number:06}.npy": path.name for number, path in enumerate(FILES, 1)}
    for a, b in zip(given["agreement"]["pairs"], of_files["agreement"]["pairs"], strict=True):
        assert {names[name]: figures for name, figures in a.pop("samples").items()} == b.pop("samples")
        assert a == b
    one, two = (read(bundle, "plan.json")["samples"] for bundle in (made / "bundle", tmp_path / "bundle"))
    assert {f["sha256"] for f in one["source"]["files"]} == {f["sha256"] for f in two["source"]["files"]}


def test_the_same_samples_make_nothing_anew_and_the_plan_says_who_gave_them(made: Path) -> None:
    again = npuspec.apply(made / "files.toml", made / "bundle", data=[{"bytes": sample} for sample in samples()])
    assert again.unchanged
    assert again.lock is None
    settings = {s["path"]: (s["value"], s["origin"]) for s in read(made / "bundle", "plan.json")["settings"]}
    assert settings["data.source"] == ("data given to apply", "the caller")
    assert settings["data.input"] == ("bytes", "the caller")


def test_a_lock_holds_what_was_given(made: Path) -> None:
    lock = tomli.loads((made / "files.lock").read_text("utf-8"))
    assert lock["data"]["files"] == len(FILES)
    assert lock["defaults"]["data.source"] == "data given to apply"
    assert npuspec.apply(made / "files.toml", made / "bundle", data=samples(), locked=True).unchanged
    told = Told()
    with pytest.raises(LockError, match=r"data\.sha256") as caught:
        npuspec.apply(made / "files.toml", made / "bundle", data=[*samples()][::-1], locked=True, observer=told)
    assert {d.code for d in caught.value.diagnostics} == {"lock-drift"}
    assert told.stages == []


def test_without_samples_the_spec_lacks_them(made: Path) -> None:
    with pytest.raises(SpecError, match=r"npuspec\.apply\(…, data=…\)") as caught:
        npuspec.apply(made / "files.toml", made / "elsewhere")
    assert caught.value.code == "missing-key"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec that has data of its own, its lock, its bundle, and the cache that this left."""
    folder = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NPUSPEC_CACHE", str(folder / "own"))
        npuspec.apply(write_spec(folder), folder / "bundle")
    return folder


@pytest.fixture
def spec(toy: Path, tmp_path: Path, own_cache: Path) -> Path:
    """A copy of the spec, where a test may do with it what it likes."""
    assert own_cache == tmp_path / "own"
    return shutil.copytree(toy, tmp_path, dirs_exist_ok=True) / "spec.toml"


def walks(count: int, size: int = 20) -> list[Any]:
    rng = np.random.default_rng(3)
    return [np.cumsum(rng.standard_normal((3, size)), axis=1).astype(np.float32) for _ in range(count)]


def test_samples_that_override_those_of_the_spec_leave_its_lock(spec: Path) -> None:
    bundle, before = spec.parent / "bundle", (spec.parent / "spec.lock").read_bytes()
    applied = npuspec.apply(spec, bundle, data=iter(walks(4)))
    assert (applied.unchanged, applied.lock) == ("", None)
    assert (spec.parent / "spec.lock").read_bytes() == before
    plan = read(bundle, "plan.json")
    assert plan["samples"]["validation"] == [f"00000{number}.npy" for number in range(1, 5)]
    assert {s["path"]: s["origin"] for s in plan["settings"]}["data.source"] == "the caller, instead of the spec"
    with pytest.raises(LockError, match=r"data\.source"):
        npuspec.apply(spec, bundle, data=iter(walks(4)), locked=True)


def test_what_follows_is_as_for_files(spec: Path) -> None:
    twins, told = walks(2), Told()
    with pytest.raises(SpecError, match=r"`000003\.npy` holds the same as `000001\.npy`") as caught:
        npuspec.apply(spec, spec.parent / "bundle", data=[*twins, twins[0]])
    assert caught.value.code == "duplicate-samples"
    text = spec.read_text().replace("size = 32", "size = 100")
    spec.write_text(text)
    silent = [*walks(3, 100), np.zeros((3, 100), np.float32)]
    npuspec.apply(spec, spec.parent / "bundle", data=silent, observer=told)
    assert told.warnings[0] == "1 of 4 samples are one value over and over: `000004.npy`"
    spec.write_text(f'{text}\n[[allow]]\ncode = "constant-samples"\nreason = "silence is given too"\n')
    told.warnings.clear()
    assert npuspec.apply(spec, spec.parent / "bundle", data=silent, observer=told).unchanged
    assert not [text for text in told.warnings if "over and over" in text]


def test_a_wrong_sample_is_said_before_a_stage_is_run_and_nothing_changes(spec: Path, own_cache: Path) -> None:
    bundle, told = spec.parent / "bundle", Told()
    before, kept = (files(bundle), version(bundle)), sorted(own_cache.glob("sources/*"))
    with pytest.raises(InputError, match=r"^sample 2: input `x` must be float32, not float64") as caught:
        npuspec.apply(spec, bundle, data=[walks(1)[0], walks(1)[0].astype(float)], observer=told)
    assert caught.value.code == "wrong-dtype"
    assert told.stages == []
    assert (files(bundle), version(bundle)) == before
    assert sorted(own_cache.glob("sources/*")) == kept
    assert [*(own_cache / "tmp").iterdir()] == []


def test_of_a_wrong_spec_no_sample_is_asked_for(spec: Path) -> None:
    spec.write_text(spec.read_text().replace('output = "y"', 'output = "z"'))
    with pytest.raises(SpecError, match="unknown-output"):
        npuspec.apply(spec, spec.parent / "bundle", data=map(pytest.fail, ["a sample was asked for"]))


def test_ctrl_c_while_samples_are_given_leaves_all_as_it_was(spec: Path, own_cache: Path) -> None:
    def interrupted() -> Iterator[Any]:
        yield walks(1)[0]
        raise KeyboardInterrupt

    before, kept = version(spec.parent / "bundle"), sorted(own_cache.glob("sources/*"))
    with pytest.raises(KeyboardInterrupt):
        npuspec.apply(spec, spec.parent / "bundle", data=interrupted())
    assert version(spec.parent / "bundle") == before
    assert sorted(own_cache.glob("sources/*")) == kept
    assert [*(own_cache / "tmp").iterdir()] == []
