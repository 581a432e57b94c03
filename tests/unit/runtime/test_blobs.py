"""What a cache gives back is what was kept, whatever happened to its files; where it can't keep anything it says so."""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from conftest import Start
from helpers import files_at_most
from npuspec import InputError, Session
from npuspec.bundle.program import Program, Variant
from npuspec.runtime import load
from npuspec.runtime.device import identity
from npuspec.store import digest_bytes
from runtime.toys import along, bundle, data, model, parameters, program, times

TOY = program(data(), outputs=(along(),), sizes=({"time": 4}, {"time": 8}))


def answer(session: Session) -> float:
    """Return the factor that the model multiplies by, by each of its variants."""
    (factor,) = {float(session.infer({"x": np.ones(size, np.float32)})["y"][0]) for size in (4, 8)}
    return factor


def started(path: Path, **more: Any) -> tuple[list[str], float, tuple[str, ...]]:
    with load(path, **more) as session:
        return [*session.origins.values()], answer(session), session.notes


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "blobs").glob("*.blob"))


def make(path: Path, factor: float = 3, **changes: Any) -> Path:
    bundle(path, TOY, times(factor), cache="directory", **changes)
    return path


@pytest.fixture
def made(tmp_path: Path, cache_alone: Path) -> Path:
    """A bundle that was started once."""
    make(tmp_path / "bundle")
    assert started(tmp_path / "bundle") == (["miss", "miss"], 3, ())
    assert len(entries(cache_alone)) == 2
    return tmp_path / "bundle"


def test_the_second_start_compiles_nothing(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("npuspec.runtime.opening.compile_model", fail)
    assert started(made) == (["hit", "hit"], 3, ())


def test_openvinos_own_cache_is_never_used(made: Path, cache_alone: Path) -> None:
    with load(made) as session:
        pool = session._serving.engine.pools["time4"]
        assert not pool.model().get_property("LOADED_FROM_CACHE")
    assert {path.suffix for path in cache_alone.rglob("*") if path.is_file()} == {".blob", ".lock"}


def test_nothing_is_kept_where_no_cache_is_wanted(tmp_path: Path, cache_alone: Path) -> None:
    for _ in range(2):
        bundle(tmp_path / "bundle", TOY, times(3))
        assert started(tmp_path / "bundle") == (["compiled", "compiled"], 3, ())
    assert not cache_alone.exists()


def test_a_bundle_whose_blob_is_for_another_device_is_compiled_once(tmp_path: Path, cache_alone: Path) -> None:
    bundle(tmp_path / "here", TOY, times(3), blob=True)
    assert started(tmp_path / "here") == (["blob", "blob"], 3, ())
    assert not cache_alone.exists()
    blobs = {v.name: {"device": "CPU", "identity": "another", "path": f"blobs/{v.name}.blob"} for v in TOY.variants}
    bundle(tmp_path / "moved", TOY, times(3), blob=True, blobs=blobs)
    for origin in ("miss", "hit"):
        origins, factor, notes = started(tmp_path / "moved")
        assert (origins, factor, len(notes)) == ([origin] * 2, 3, 2)


def test_bundles_of_the_same_model_share_what_is_kept(made: Path, tmp_path: Path, cache_alone: Path) -> None:
    make(tmp_path / "other", plan="1" * 64)
    assert started(tmp_path / "other")[0] == ["hit", "hit"]
    assert len(entries(cache_alone)) == 2
    assert started(made)[0] == ["hit", "hit"]


@pytest.mark.parametrize(
    "changes",
    [
        {"factor": 4},
        {"deployments": [{"device": "CPU", "properties": {"PERFORMANCE_HINT": "THROUGHPUT"}}]},
        {"core": {"ENABLE_MMAP": False}},
    ],
    ids=str,
)
def test_what_a_model_follows_from_finds_it(made: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    make(tmp_path / "other", **changes)
    assert started(tmp_path / "other") == (["miss", "miss"], changes.get("factor", 3), ())
    assert started(tmp_path / "other")[0] == ["hit", "hit"]
    assert started(made) == (["hit", "hit"], 3, ())


def test_another_driver_compiler_or_openvino_compiles_anew(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npuspec.runtime.opening.identity", lambda *given: identity(*given) + "; NPU_DRIVER_VERSION 2")
    assert started(made)[:2] == (["miss", "miss"], 3)
    assert started(made)[:2] == (["hit", "hit"], 3)


DAMAGES: dict[str, Any] = {
    "empty": lambda _: b"",
    "half": lambda entry: entry[: len(entry) // 2],
    "one byte less": lambda entry: entry[:-1],
    "one byte more": lambda entry: entry + b"x",
    "a head alone": lambda entry: entry[:130],
    "a byte of the model": lambda entry: entry[:-9] + bytes([entry[-9] ^ 1]) + entry[-8:],
    "a byte of its digest": lambda entry: entry[:70] + bytes([entry[70] ^ 1]) + entry[71:],
    "a byte of its key": lambda entry: bytes([entry[0] ^ 1]) + entry[1:],
    "noise": lambda entry: bytes(i * 197 % 256 for i in range(len(entry))),
    "zeros": lambda entry: bytes(len(entry)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_entry_is_said_and_made_again(made: Path, cache_alone: Path, name: str) -> None:
    entry = entries(cache_alone)[0]
    entry.write_bytes(DAMAGES[name](entry.read_bytes()))
    origins, factor, notes = started(made)
    assert (sorted(origins), factor, len(notes)) == (["hit", "miss"], 3, 1)
    assert "the kept model is no good, and was compiled again" in notes[0]
    assert started(made) == (["hit", "hit"], 3, ())


def test_entries_in_each_other_s_place_are_told_apart(made: Path, tmp_path: Path, cache_alone: Path) -> None:
    before = set(entries(cache_alone))
    make(tmp_path / "other", 4)
    started(tmp_path / "other")
    for one, other in zip(sorted(before), sorted({*entries(cache_alone)} - before), strict=True):
        one.rename(cache_alone / "between")
        other.rename(one)
        (cache_alone / "between").rename(other)
    assert started(made)[:2] == (["miss", "miss"], 3)
    assert started(tmp_path / "other")[:2] == (["miss", "miss"], 4)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make_other", [os.mkfifo, os.mkdir, lambda place: place.symlink_to("/dev/zero")])
def test_what_is_no_file_is_neither_read_nor_waited_for(made: Path, cache_alone: Path, make_other: Any) -> None:
    entry = entries(cache_alone)[0]
    entry.unlink()
    make_other(entry)
    origins, factor, notes = started(made)
    assert (factor, "no file" in notes[0]) == (3, True)
    assert "hit" in origins


def test_an_entry_larger_than_the_cache_may_be_is_not_read(
    made: Path, cache_alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate(entries(cache_alone)[0], 2**42)
    assert "larger than the cache may be" in started(made)[2][0]
    monkeypatch.setenv("NPUSPEC_CACHE_SIZE", "0 MiB")
    origins, factor, notes = started(made)
    assert (origins, factor) == (["compiled", "compiled"], 3)
    assert [("larger than" in note, "$NPUSPEC_CACHE_SIZE is 0" in note) for note in notes] == [
        (True, False),
        (False, True),
    ] * 2


def test_a_model_that_the_device_refuses_is_compiled_again(made: Path, cache_alone: Path) -> None:
    for entry in entries(cache_alone):
        other = b"what another device exported"
        entry.write_bytes(f"{entry.stem}\n{digest_bytes(other)}\n".encode() + other)
    origins, factor, notes = started(made)
    assert (origins, factor, len(notes)) == (["miss", "miss"], 3, 2)
    assert started(made) == (["hit", "hit"], 3, ())


def test_what_was_used_least_recently_goes_first(
    tmp_path: Path, cache_alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def uses(*factors: int) -> list[str]:
        return [started(tmp_path / str(factor))[0][0] for factor in factors]

    for factor in range(4):
        make(tmp_path / str(factor), factor)
    assert uses(0, 1, 2) == ["miss"] * 3
    size = sum(path.stat().st_size for path in entries(cache_alone))
    monkeypatch.setenv("NPUSPEC_CACHE_SIZE", f"{size // 1024 + 1}KiB")
    (cache_alone / "blobs" / ".npuspec-killed.tmp").write_bytes(b"x")
    os.utime(cache_alone / "blobs" / ".npuspec-killed.tmp", (0, 0))
    assert uses(0, 3) == ["hit", "miss"]
    assert not (cache_alone / "blobs" / ".npuspec-killed.tmp").exists()
    assert sum(path.stat().st_size for path in entries(cache_alone)) <= size + 1024
    assert uses(0, 2, 3) == ["hit"] * 3
    assert uses(1) == ["miss"]
    assert uses(2, 3) == ["hit"] * 2


@pytest.mark.parametrize("text", ["", "2", "2GB", "-1MiB", "1.5GiB", "1GiB2", "9999999999GiB", "much"])
def test_a_size_that_is_none_is_refused(made: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("NPUSPEC_CACHE_SIZE", text)
    with pytest.raises(InputError, match="is no size") as caught:
        load(made)
    assert caught.value.code == "wrong-cache-size"


def xor(key: int) -> Any:
    """Return a cipher that gives something for any key, and tells no wrong one."""

    def cipher(given: bytes) -> bytes:
        return bytes(np.frombuffer(given, np.uint8) ^ key)

    return cipher, cipher


def test_what_is_encrypted_is_of_use_with_its_key_alone(made: Path, cache_alone: Path) -> None:
    plain = {*entries(cache_alone)}
    content = b"".join(path.read_bytes()[130:] for path in plain)
    assert started(made, cache_encryption=xor(7)) == (["miss", "miss"], 3, ())
    assert started(made, cache_encryption=xor(7)) == (["hit", "hit"], 3, ())
    assert started(made) == (["hit", "hit"], 3, ())
    hidden = {*entries(cache_alone)} - plain
    assert len(hidden) == 2
    assert content.count(b";isa=") == 2
    assert not any(b";isa=" in path.read_bytes() for path in hidden)
    origins, factor, notes = started(made, cache_encryption=xor(8))
    assert (origins, factor, len(notes)) == (["miss", "miss"], 3, 2)
    assert "encrypted with another key" in notes[0]


def test_a_decryption_that_fails_is_said_and_the_model_compiled_again(made: Path) -> None:
    def refuse(given: bytes) -> bytes:
        message = f"{len(given) > 0}"
        raise LookupError(message)

    started(made, cache_encryption=xor(7))
    origins, factor, notes = started(made, cache_encryption=(xor(7)[0], refuse))
    assert (origins, factor) == (["miss", "miss"], 3)
    assert "it can't be decrypted: LookupError: True" in notes[0]


@pytest.mark.parametrize("gives", [lambda _: "text", lambda _: None, lambda _: b""])
def test_a_decryption_that_gives_no_bytes_is_said_too(made: Path, gives: Any) -> None:
    started(made, cache_encryption=xor(7))
    origins, factor, notes = started(made, cache_encryption=(xor(7)[0], gives))
    assert (origins, factor, len(notes)) == (["miss", "miss"], 3, 2)
    assert "the kept model is no good, and was compiled again" in notes[0]


def test_an_encryption_that_fails_keeps_nothing(tmp_path: Path, cache_alone: Path) -> None:
    def refuse(_: bytes) -> bytes:
        raise LookupError

    make(tmp_path / "bundle")
    with pytest.raises(LookupError):
        load(tmp_path / "bundle", cache_encryption=(refuse, refuse))
    assert not entries(cache_alone)


def test_a_model_without_weights_of_its_own_finds_them_in_the_bundle(tmp_path: Path, cache_alone: Path) -> None:
    def build(toy: Program, variant: Variant) -> ov.Model:
        given = parameters(toy, variant)
        size = variant.sizes["time"]
        node = op.matmul(given["x"], op.constant(np.eye(size, dtype=np.float32) * 3), False, False)
        return model({"y": node}, given)

    toy = program(data(), outputs=(along(),), sizes=({"time": 64}, {"time": 128}))
    deployments = [{"device": "CPU", "properties": {"CACHE_MODE": "OPTIMIZE_SIZE"}}]
    bundle(tmp_path / "bundle", toy, build, cache="directory", deployments=deployments)
    for origin in ("miss", "hit"):
        with load(tmp_path / "bundle") as session:
            assert [*session.origins.values()] == [origin] * 2
            assert session.notes == ()
            np.testing.assert_array_equal(
                session.infer({"x": np.ones(100, np.float32)})["y"], np.full(100, 3, np.float32)
            )
    assert max(path.stat().st_size for path in entries(cache_alone)) < 128 * 128 * 4


@pytest.fixture(params=["a file in its place", "no folder can be made"])
def unusable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    place = tmp_path / "file" if request.param == "a file in its place" else Path("/proc/npuspec")
    monkeypatch.setenv("NPUSPEC_CACHE", str(place))


@pytest.mark.usefixtures("unusable")
def test_a_cache_that_cannot_be_had_costs_time_only(tmp_path: Path) -> None:
    origins, factor, notes = started(make(tmp_path / "bundle"))
    assert (origins, factor, len(notes)) == (["compiled", "compiled"], 3, 2)
    assert all("compiled without a cache: " in note for note in notes)


READ_ONLY = """
import os
from pathlib import Path
from runtime.test_blobs import make, started
bundle, cache = make(Path(sys.argv[1]) / "bundle"), Path(sys.argv[1]) / "cache"
os.environ["NPUSPEC_CACHE"] = str(cache)
if sys.argv[2] == "filled":
    started(bundle)
else:
    (cache / "blobs").mkdir(parents=True)
for path in (cache, cache / "blobs"):
    path.chmod(0o555)
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    print(*started(bundle), sep="|")
finally:
    os.seteuid(os.getuid())
"""


@pytest.mark.parametrize(("state", "origin", "notes"), [("filled", "hit", 0), ("empty", "compiled", 2)])
def test_a_folder_that_may_only_be_read_is_read(start: Start, state: str, origin: str, notes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        out, _ = start(READ_ONLY, folder, state).communicate()
        (Path(folder) / "cache").chmod(0o755)
        (Path(folder) / "cache" / "blobs").chmod(0o755)
    origins, factor, said = out.strip().split("|")
    assert (origins, factor) == (str([origin] * 2), "3.0")
    assert said.count("Permission denied") == notes


def test_a_full_disk_costs_time_only_and_leaves_nothing_half_written(tmp_path: Path, cache_alone: Path) -> None:
    make(tmp_path / "bundle")
    with files_at_most(1000):
        origins, factor, notes = started(tmp_path / "bundle")
    assert (origins, factor) == (["compiled", "compiled"], 3)
    assert all("the compiled model isn't kept: " in note and "too large" in note for note in notes)
    assert {path.suffix for path in (cache_alone / "blobs").iterdir()} == {".lock"}
    assert started(tmp_path / "bundle")[0] == ["miss", "miss"]


def test_threads_of_one_process_compile_once(tmp_path: Path, cache_alone: Path) -> None:
    make(tmp_path / "bundle")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: started(tmp_path / "bundle"), range(16)))
    assert {(factor, notes) for _, factor, notes in found} == {(3, ())}
    assert [origin for origins, _, _ in found for origin in origins].count("miss") == 2
    assert len(entries(cache_alone)) == 2
