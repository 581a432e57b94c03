"""Readers and writers at the same time, and writers that are killed."""

import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bundle.conftest import FILES, publish_files
from conftest import Start
from npuspec.bundle import Bundle, open_bundle

READ = """
from pathlib import Path
from npuspec.bundle import open_bundle
print("reading", flush=True)
opens, seen, path = 0, set(), Path(sys.argv[1])
while not (path.parent / "done").exists() or opens < int(sys.argv[2]):
    bundle = open_bundle(path)
    opens += 1
    seen.add(bundle.root.name)
print(opens, len(seen))
"""

WRITE = """
from pathlib import Path
import pytest

from bundle.conftest import publish_files
print("writing", flush=True)
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    publish_files(Path(sys.argv[1]), str(number))
print("done")
"""

KILL = """
import os, random, signal, time
from pathlib import Path
import pytest

from bundle.conftest import publish_files
from npuspec.bundle import open_bundle
path = Path(sys.argv[1])
moments = random.Random(0)
for turn in range(40):
    writer = os.fork()
    if not writer:
        while True:
            publish_files(path, str(random.random()))
    time.sleep(moments.uniform(0, 0.06))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    opened = open_bundle(path)
    opened.path("tag").read_text()
"""


def expect(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == line


def tag(opened: Bundle) -> str:
    """Return a version's tag; the caller knows that no writer clears it away meanwhile."""
    return opened.path("tag").read_text()


def test_readers_see_a_whole_version_whatever_a_writer_publishes(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "bundle"
    publish_files(path, "0")
    processes = [start(READ, path, "100") for _ in range(2)]

    def read() -> int:
        opens = 0
        while not (tmp_path / "done").exists() or opens < 100:
            opened = open_bundle(path)
            assert set(opened.manifest.files) == {*FILES, "tag"}
            opens += 1
        return opens

    for process in processes:
        expect(process, "reading\n")
    with ThreadPoolExecutor(2) as threads:
        reading = [threads.submit(read) for _ in range(2)]
        try:
            for number in range(30):
                publish_files(path, str(number % 10))  # versions that were cleared away come back
        finally:
            (tmp_path / "done").touch()
        assert sum(future.result() for future in reading) >= 200
    for process in processes:
        out, _ = process.communicate()
        assert process.returncode == 0, out
        count, versions = map(int, out.split())
        assert count >= 100
        assert versions > 1
    assert tag(open_bundle(path)) == "9"


def test_two_writers_at_once_take_turns(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "bundle"
    writers = [start(WRITE, path, "0", "8"), start(WRITE, path, "8", "16")]
    for writer in writers:
        out, _ = writer.communicate()
        assert (writer.returncode, out) == (0, "writing\ndone\n")
    assert tag(open_bundle(path)) in {"7", "15"}
    assert len([p for p in (path / "versions").iterdir() if p.name.startswith("tmp-")]) == 0
    assert len(list((path / "versions").iterdir())) == 2


def test_a_writer_killed_at_any_moment_leaves_a_whole_bundle(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "bundle"
    publish_files(path, "first")
    out, _ = start(KILL, path).communicate()
    assert out == ""
    assert tag(open_bundle(path)) != "first"
    publish_files(path, "last")
    assert tag(open_bundle(path)) == "last"
    assert len(list((path / "versions").iterdir())) == 2


def remove_the_manifest(version: Path) -> None:
    (version / "manifest.json").unlink()


def remove_a_file(version: Path) -> None:
    (version / "models" / "time8.bin").unlink()


def remove_a_folder(version: Path) -> None:
    shutil.rmtree(version / "models")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("clear", [remove_the_manifest, remove_a_file, remove_a_folder, shutil.rmtree])
def test_a_version_cleared_away_under_a_reader_is_no_broken_bundle(
    tmp_path: Path, clear: Callable[[Path], None]
) -> None:
    path = tmp_path / "bundle"
    old, new = publish_files(path, "old"), publish_files(path, "new")
    clear(path / "versions" / old)
    (path / "CURRENT").rename(tmp_path / "pointer")
    os.mkfifo(path / "CURRENT")

    def name_the_old_and_switch() -> None:
        with (path / "CURRENT").open("w") as read_first:  # goes on once the reader is there
            (tmp_path / "pointer").rename(path / "CURRENT")
            read_first.write(f"{old}\n")

    with ThreadPoolExecutor(1) as threads:
        switching = threads.submit(name_the_old_and_switch)
        assert open_bundle(path).root.name == new
        switching.result()
