"""A bundle is put on a device that it is made for, and what isn't as it was planned is said."""

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import openvino as ov
import pytest
from msgspec import convert, structs, to_builtins

import npuspec
from helpers import flip
from npuspec import BundleError, DeviceError, FallbackWarning, Session, StageError
from npuspec.bundle import open_bundle, verify_bundle
from npuspec.bundle.program import Program, Variant
from npuspec.bundle.writer import publish, records, staging
from npuspec.runtime import load
from runtime.toys import along, bundle, data, program, times

TOY = program(data(), outputs=(along(),), sizes=({"time": 4}, {"time": 8}))
NPU: dict[str, Any] = {"device": "NPU", "properties": {"NPU_TURBO": True}}
CPU: dict[str, Any] = {"device": "CPU", "properties": {}}


def assert_it_runs(session: Session) -> None:
    for size in (1, 4, 5, 8):
        array = np.arange(size, dtype=np.float32)
        np.testing.assert_array_equal(session.infer({"x": array})["y"], 2 * array)


def republish(source: Path, target: Path, blobs: dict[str, bytes]) -> None:
    """Publish a bundle with other blobs; every digest is right for them."""
    manifest = open_bundle(source).manifest
    with staging(target) as scratch:
        for name in manifest.files:
            (scratch / name).parent.mkdir(exist_ok=True)
            (scratch / name).write_bytes(blobs.get(name, open_bundle(source).path(name).read_bytes()))
        publish(target, scratch, structs.replace(manifest, files=records(scratch)))


def test_a_bundle_for_this_device_runs_without_a_word(tmp_path: Path) -> None:
    bundle(tmp_path, TOY)
    for place in (tmp_path, str(tmp_path)):
        with npuspec.load(place) as session:
            assert (session.device, session.notes, session.program) == ("CPU", (), TOY)
            assert_it_runs(session)


def test_a_blob_of_this_device_is_used(tmp_path: Path) -> None:
    bundle(tmp_path, TOY, blob=True)
    with load(tmp_path) as session:
        assert session.notes == ()
        assert_it_runs(session)


def test_a_declared_fallback_is_taken_and_said_twice(tmp_path: Path) -> None:
    bundle(tmp_path, TOY, deployments=[NPU, CPU])
    with pytest.warns(FallbackWarning, match="there is no NPU on this machine: running on CPU") as caught:
        session = load(tmp_path)
    assert [Path(w.filename).name for w in caught] == [Path(__file__).name]
    assert session.device == "CPU"
    assert "fallback" in session.notes[0]
    assert_it_runs(session)


def test_the_device_that_is_named_is_no_fallback(tmp_path: Path) -> None:
    bundle(tmp_path, TOY, deployments=[NPU, CPU])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with load(tmp_path, device="CPU") as session:
            assert session.notes == ()
            assert_it_runs(session)


@pytest.mark.parametrize(
    ("deployments", "device", "why"),
    [
        ([NPU], None, "there is no NPU on this machine"),
        ([NPU, CPU], "NPU", "there is no NPU on this machine"),
        ([CPU], "NPU", "made for CPU, not for NPU"),
        ([CPU], "GPU", "made for CPU, not for GPU"),
        ([NPU], "CPU", "made for NPU, not for CPU"),
        ([CPU], "", "made for CPU, not for "),
        ([NPU, CPU], "AUTO", "made for NPU, CPU, not for AUTO"),
    ],
)
def test_a_device_that_is_missing_or_not_declared_is_an_error(
    tmp_path: Path, deployments: list[dict[str, Any]], device: str | None, why: str
) -> None:
    bundle(tmp_path, TOY, deployments=deployments)
    with pytest.raises(DeviceError, match=why) as caught:
        load(tmp_path, device=device)
    assert (caught.value.code, caught.value.exit_code) == ("no-device", 4)
    assert caught.value.diagnostics[0].help
    assert "--device GPU" not in caught.value.diagnostics[0].help  # nothing is made for one


def test_evidence_of_another_device_is_said_to_be(tmp_path: Path) -> None:
    bundle(tmp_path, TOY, identity="another CPU")
    with load(tmp_path) as session:
        assert session.notes == ("the evidence was measured on another device: CPU, another CPU",)
        assert_it_runs(session)


def test_a_blob_of_another_device_is_left_and_the_model_compiled_again(tmp_path: Path) -> None:
    bundle(tmp_path / "made", TOY, blob=True)
    blobs = {name: to_builtins(blob) for name, blob in open_bundle(tmp_path / "made").manifest.blobs.items()}
    for blob in blobs.values():
        blob["identity"] = "another CPU"
    bundle(tmp_path / "moved", TOY, blob=True, blobs=blobs)
    with load(tmp_path / "moved") as session:
        assert session.notes == tuple(
            f"`blobs/{name}.blob` was compiled by another device, and isn't used" for name in ("time4", "time8")
        )
        assert_it_runs(session)


DAMAGES: dict[str, Any] = {
    "empty": lambda _: b"",
    "noise": lambda blob: bytes(i * 197 % 256 for i in range(len(blob))),
    "half": lambda blob: blob[: len(blob) // 2],
    "another version's": lambda blob: blob.replace(b"ov=2", b"ov=1"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_blob_that_the_device_refuses_is_noted_and_the_model_compiled_again(tmp_path: Path, name: str) -> None:
    bundle(tmp_path / "made", TOY, blob=True)
    made = open_bundle(tmp_path / "made")
    place = made.manifest.blobs["time4"].path
    republish(tmp_path / "made", tmp_path / "other", {place: DAMAGES[name](made.path(place).read_bytes())})
    with load(tmp_path / "other") as session:
        (note,) = session.notes
        assert note.startswith(f"`{place}` was refused by CPU, and isn't used: ")
        assert_it_runs(session)


@pytest.mark.parametrize(("blob", "suffix"), [(False, ".xml"), (True, ".blob")])
def test_a_flipped_byte_of_a_file_that_is_needed_is_refused_before_anything_runs(
    tmp_path: Path, blob: bool, suffix: str
) -> None:
    bundle(tmp_path, TOY, blob=blob)
    root = open_bundle(tmp_path).root
    for place in sorted(root.rglob(f"*{suffix}")):
        flip(place, place.stat().st_size // 2)
        with pytest.raises(BundleError, match="was changed") as caught:
            load(tmp_path)
        assert caught.value.exit_code == 3
        flip(place, place.stat().st_size // 2)
    load(tmp_path).close()


@pytest.mark.parametrize("kind", ["none", "directory"])
def test_a_flipped_byte_of_the_weights_is_refused_where_they_are_needed(
    tmp_path: Path, cache_alone: Path, kind: str
) -> None:
    bundle(tmp_path / "bundle", TOY, times(3), cache=kind)
    flip(open_bundle(tmp_path / "bundle").path("models/time8.bin"), 0)
    with pytest.raises(BundleError, match=r"time8\.bin` was changed"):
        load(tmp_path / "bundle")
    assert len(list(cache_alone.rglob("*.blob"))) == (kind == "directory")  # time4's, which is whole


def test_what_is_not_needed_is_not_read(tmp_path: Path) -> None:
    bundle(tmp_path, TOY, blob=True)
    for place in (open_bundle(tmp_path).root / "models").iterdir():
        if place.stat().st_size:
            flip(place, 0)
    with load(tmp_path) as session:
        assert set(session.origins.values()) == {"blob"}
        assert_it_runs(session)
    assert {why.split("`")[1] for why in verify_bundle(tmp_path)[1]} == {"models/time4.xml", "models/time8.xml"}


@pytest.mark.parametrize("name", ["models/time4.xml", "models/time8.bin", "blobs/time4.blob"])
def test_a_file_that_is_missing_added_or_of_another_size_is_refused_whether_it_is_needed_or_not(
    tmp_path: Path, name: str
) -> None:
    bundle(tmp_path, TOY, blob=True)
    place = open_bundle(tmp_path).path(name)
    with place.open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=f"`{name}` was changed"):
        load(tmp_path)
    place.unlink()
    with pytest.raises(BundleError, match=f"`{name}` is missing"):
        load(tmp_path)
    place.with_name("more.bin").write_bytes(b"")
    with pytest.raises(BundleError, match=r"more\.bin` isn't in its manifest"):
        load(tmp_path)


@pytest.mark.parametrize("path", ["none", "file"])
def test_where_no_bundle_is_there_is_nothing_to_load(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BundleError, match="there is no bundle") as caught:
        load(tmp_path / path)
    assert caught.value.code == "no-bundle"


def test_loading_while_a_writer_publishes_always_gives_a_session(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    bundle(path, TOY)
    writer = f"""
import sys, time
sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]!r}
from pathlib import Path
from runtime.toys import bundle
from runtime.test_load import TOY
for number in range(12):
    time.sleep(0.2)
    bundle(Path({str(path)!r}), TOY, plan=f"{{number:064d}}")
"""
    with subprocess.Popen([sys.executable, "-c", writer], stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            with ThreadPoolExecutor(2) as threads:
                for session in threads.map(load, [path] * 4):
                    assert_it_runs(session)
                    session.close()
        assert process.returncode == 0, process.stderr and process.stderr.read()


def test_running_imports_nothing_that_plans_or_quantizes(tmp_path: Path) -> None:
    bundle(tmp_path, TOY)
    code = """
import sys, numpy, npuspec
with npuspec.load(sys.argv[1]) as session:
    session.infer({"x": numpy.ones(3, numpy.float32)})
print("\\n".join(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "npuspec.runtime" in loaded
    unwanted = ["npuspec.spec", "npuspec.plan", "npuspec.stages", "npuspec.sources", "npuspec.execute", "npuspec.facts"]
    unwanted += ["npuspec.compilers", "nncf", "pydantic", "tomli", "click", "rich", "soundfile"]
    assert [name for name in loaded if name in unwanted] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": [along(axis=9)]},
        {"outputs": [along(dim="width")]},
        {"outputs": [along("unheard-of")]},
        {"inputs": [data("unheard-of")]},
        {"inputs": [data(dtype="float64")]},
        {"inputs": [data(dtype="foo")]},
        {"variants": [Variant(name="time8", sizes={"time": 8}, shapes={"x": (1, 9)})]},
    ],
    ids=str,
)
def test_a_manifest_that_does_not_fit_its_models_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    toy = program(data(), outputs=(along(),))
    forged = convert({**to_builtins(toy), **changes}, Program)
    bundle(tmp_path / "bundle", toy, program=to_builtins(forged))
    with pytest.raises(BundleError, match="doesn't fit its models") as refused:
        load(tmp_path / "bundle")
    assert refused.value.code == "broken-bundle"


def test_a_manifest_may_set_no_property_that_a_spec_may_not(tmp_path: Path) -> None:
    deployments = [{"device": "CPU", "properties": {"CACHE_DIR": str(tmp_path / "evil")}}]
    with pytest.raises(ValueError, match="`CACHE_DIR` is no property that a spec may set"):
        bundle(tmp_path / "bundle", program(data(), outputs=(along(),)), deployments=deployments)


@pytest.mark.parametrize("sizes", [{"width": 8}, {"time": 7}])
def test_a_manifest_has_a_variant_for_the_longest_samples(tmp_path: Path, sizes: dict[str, int]) -> None:
    toy = program(data(), outputs=(along(),))
    other = Variant(name="other", sizes=sizes, shapes={"x": (1, 8)})
    with pytest.raises(ValueError, match="no variant holds the longest samples"):
        bundle(
            tmp_path / "bundle",
            toy,
            program={**to_builtins(toy), "variants": [to_builtins(other)]},
            models={"other": "models/time8.xml"},
        )


class Cores(ov.Core):  # type: ignore[misc]
    """OpenVINO's core, of which every one that is made can be asked afterwards."""

    made: ClassVar[list[ov.Core]] = []

    def __init__(self) -> None:
        super().__init__()
        self.made.append(self)


@pytest.mark.parametrize("mapped", [True, False])
def test_properties_of_openvino_itself_are_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool) -> None:
    bundle(tmp_path / "bundle", TOY, core={"ENABLE_MMAP": mapped})
    monkeypatch.setattr(ov, "Core", Cores)
    assert_it_runs(load(tmp_path / "bundle"))
    assert Cores.made.pop().get_property("ENABLE_MMAP") is mapped


@pytest.mark.parametrize("value", ["perhaps", 3, 0.5])
def test_a_value_that_openvino_refuses_is_a_broken_bundle(tmp_path: Path, value: Any) -> None:
    bundle(tmp_path / "bundle", TOY, core={"ENABLE_MMAP": value})
    with pytest.raises(BundleError, match="refuses a property") as refused:
        load(tmp_path / "bundle")
    assert refused.value.code == "broken-bundle"


def test_a_property_that_npuspec_does_not_know_reaches_the_device(tmp_path: Path) -> None:
    bundle(tmp_path / "bundle", TOY, deployments=[{"device": "CPU", "properties": {"NPUSPEC_TESTS_IT": 1}}])
    with pytest.raises(StageError, match="NPUSPEC_TESTS_IT"):
        load(tmp_path / "bundle")
    bundle(
        tmp_path / "bundle",
        TOY,
        deployments=[{"device": "CPU", "properties": {"CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE": 1.0}}],
    )
    with load(tmp_path / "bundle") as session:
        assert_it_runs(session)
