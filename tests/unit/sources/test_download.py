import http.server
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest

import npuspec
from conftest import Start
from helpers import let_go
from npuspec.sources.download import cached_wheel, download_wheel
from npuspec.sources.faults import Fault
from npuspec.sources.model import WheelSource
from npuspec.store import Store

MakeWheel = Callable[..., Path]
TOY = WheelSource("toy", "1.0", "toy/a.wav")
PACKAGES = Path(npuspec.__file__).parents[1]
CHILD = """
import sys
from pathlib import Path
from npuspec.sources import fetch_data
from npuspec.store import Store

_, diagnostics = fetch_data("pypi:toy==1.0/toy/*", "0" * 64, folder=Path(), store=Store(Path(sys.argv[1])))
print(*(d.code for d in diagnostics), *(d.help for d in diagnostics))
"""
DOWNLOAD = """
from pathlib import Path
from npuspec.sources.download import download_wheel
from npuspec.sources.model import WheelSource
from npuspec.store import Store

print("ready", flush=True)
sys.stdin.readline()
kept = download_wheel(WheelSource("toy", "1.0", ""), Store(Path(sys.argv[1])), None)
print(kept, kept.stat().st_ino)
"""


def write_sdist(path: Path, marker: Path) -> None:
    """Write a source package that needs nothing to be built, and leaves a mark when it is."""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
        "backend.py": f"open({str(marker)!r}, 'w').close()\n",
    }
    with tarfile.open(path, "w:gz") as sdist:
        for name, text in files.items():
            info = tarfile.TarInfo(f"toy-1.0/{name}")
            info.size = len(text)
            sdist.addfile(info, io.BytesIO(text.encode()))


def files_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_wheel_is_kept_as_it_is_and_found_again(store: Store, index: Path, wheel: MakeWheel) -> None:
    made = wheel(index, {"toy/a.wav": b"a"})
    told: list[str] = []
    assert cached_wheel(TOY, store) is None
    kept = download_wheel(TOY, store, told.append)
    assert told == ["toy==1.0"]
    assert kept.read_bytes() == made.read_bytes()
    assert cached_wheel(TOY, store) == cached_wheel(WheelSource("Toy", "1.0", "else"), store) == kept
    assert cached_wheel(WheelSource("toy", "1.1", ""), store) is None
    assert files_below(store.root) == sorted(f"wheels/{kept.parent.name}/{n}" for n in (made.name, "seal.json"))


def test_spellings_of_one_name_share_a_wheel(store: Store, index: Path, wheel: MakeWheel) -> None:
    wheel(index, {}, name="to_y")
    kept = download_wheel(WheelSource("To.y", "1.0", ""), store, None)
    assert {cached_wheel(WheelSource(name, "1.0", ""), store) for name in ("to-y", "TO__Y", "to.y")} == {kept}
    assert cached_wheel(TOY, store) is None


def test_an_sdist_is_refused_and_never_run(store: Store, index: Path, tmp_path: Path) -> None:
    write_sdist(index / "toy-1.0.tar.gz", tmp_path / "ran")
    with pytest.raises(Fault, match="No matching distribution") as caught:
        download_wheel(TOY, store, None)
    assert caught.value.code == "download-failed"
    assert "never builds an sdist" in caught.value.help
    assert not (tmp_path / "ran").exists()
    assert files_below(store.root) == []


def test_what_the_package_depends_on_is_not_downloaded(store: Store, index: Path, wheel: MakeWheel) -> None:
    wheel(index, {}, needs="other")
    wheel(index, {}, name="other")
    assert download_wheel(TOY, store, None).name == "toy-1.0-py3-none-any.whl"


def test_a_user_s_wish_for_sdists_changes_nothing(
    store: Store, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    write_sdist(index / "toy-1.0.tar.gz", tmp_path / "ran")
    with pytest.raises(Fault, match="No matching distribution"):
        download_wheel(TOY, store, None)
    assert not (tmp_path / "ran").exists()


def test_a_pip_in_the_working_folder_is_not_run(
    store: Store, index: Path, wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, {})
    (tmp_path / "pip.py").write_text("raise SystemExit('a stranger ran')")
    monkeypatch.chdir(tmp_path)
    assert download_wheel(TOY, store, None).is_file()


def test_an_archive_in_the_working_folder_is_not_taken_for_the_package(
    store: Store, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(index.iterdir()) == []
    write_sdist(tmp_path / "toy==1.0+a.tar.gz", tmp_path / "ran")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Fault, match="No matching distribution"):
        download_wheel(WheelSource("toy", "1.0+a.tar.gz", ""), store, None)
    assert not (tmp_path / "ran").exists()


def test_a_local_version_is_found(store: Store, index: Path, wheel: MakeWheel) -> None:
    wheel(index, {}, version="1.0+cu.12")
    assert download_wheel(WheelSource("toy", "1.0+cu.12", ""), store, None).name == "toy-1.0+cu.12-py3-none-any.whl"


def test_more_than_one_wheel_is_refused(
    store: Store, index: Path, wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, {})
    wheel(index, {}, name="other")
    (tmp_path / "requirements.txt").write_text("other")
    monkeypatch.setenv("PIP_REQUIREMENT", str(tmp_path / "requirements.txt"))
    with pytest.raises(Fault, match="in place of one wheel") as caught:
        download_wheel(TOY, store, None)
    assert caught.value.code == "download-failed"
    assert files_below(store.root) == []


def test_a_failed_download_leaves_what_was_kept(store: Store, index: Path, wheel: MakeWheel) -> None:
    made = wheel(index, {})
    kept = download_wheel(TOY, store, None)
    made.unlink()
    with pytest.raises(Fault):
        download_wheel(TOY, store, None, stale=True)
    assert cached_wheel(TOY, store) == kept


@pytest.mark.parametrize(("stale", "content"), [(True, b"new"), (False, b"old")])
def test_a_new_download_takes_the_place_of_a_wheel_that_is_known_to_be_stale(
    store: Store, index: Path, wheel: MakeWheel, stale: bool, content: bytes
) -> None:
    wheel(index, {"toy/a": b"old"})
    download_wheel(TOY, store, None)
    wheel(index, {"toy/a": b"new"})
    with ZipFile(download_wheel(TOY, store, None, stale=stale)) as kept:
        assert kept.read("toy/a") == content


def test_two_first_downloads_at_once_end_with_the_wheel_of_the_faster(
    store: Store, index: Path, wheel: MakeWheel, start: Start
) -> None:
    made = wheel(index, {"toy/a": b"a"})
    children = [start(DOWNLOAD, store.root) for _ in range(2)]
    let_go(children, "ready\n")
    said = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    kept = cached_wheel(TOY, store)
    assert kept is not None
    assert kept.read_bytes() == made.read_bytes()
    assert said == [f"{kept} {kept.stat().st_ino}\n"] * 2  # what one of them has found is never taken from it


def test_without_pip_it_says_so(tmp_path: Path, index: Path) -> None:
    assert index.is_dir()
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "npuspec").symlink_to(PACKAGES / "npuspec")
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = subprocess.run(
        [python, "-c", CHILD, str(tmp_path / "store")],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "lib")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("pip-missing ")
    assert "ensurepip" in done.stdout


@contextmanager
def stalling_index() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """Serve an index whose one wheel never ends; the events are that its download began, and that its reader left."""
    began, left, over = threading.Event(), threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.endswith(".whl"):
                page = b'<a href="/toy-1.0-py3-none-any.whl">toy-1.0-py3-none-any.whl</a>'
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
                return
            self.send_response(200)
            self.send_header("Content-Length", "1000000000")
            self.end_headers()
            try:
                while not over.wait(0.05):
                    self.wfile.write(bytes(100_000))
                    began.set()
            except OSError:
                left.set()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple", began, left
        finally:
            over.set()
            server.shutdown()
            thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_download_leaves_no_entry(
    store: Store, index: Path, wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    with stalling_index() as (url, began, left):
        environment = {
            **os.environ,
            "PYTHONPATH": str(PACKAGES),
            "PIP_INDEX_URL": url,
            "PIP_NO_INDEX": "0",
            "PIP_RETRIES": "0",
            "PIP_TIMEOUT": "10",
            "NO_PROXY": "127.0.0.1",
        }
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(store.root)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with child:
            assert began.wait(60), child.communicate()
            assert files_below(store.root)  # it is on its way to the store's own disk
            child.send_signal(how)
            child.communicate()
        assert child.returncode != 0
        if how is signal.SIGINT:
            assert left.wait(10)  # pip is gone as well
            assert files_below(store.root) == []
    assert not (store.root / "wheels").exists()
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    wheel(index, {"toy/a.wav": b"a"})
    assert cached_wheel(TOY, store) is None
    assert download_wheel(TOY, store, None).is_file()
