"""50 processes on one cache at once, some of them killed: one compilation for each key, and nothing torn."""

import re
from collections import Counter
from pathlib import Path

from conftest import Start
from runtime.test_blobs import entries, make, started

PROCESSES, KILLED = 50, 6

# One process imports OpenVINO, and forks the others before it has a core or a thread of its own.
START = """
import os, signal, time
from pathlib import Path
import npuspec.runtime.opening as opening
import npuspec.runtime.start as start
from npuspec.runtime.device import compile_model

path, log, count, most = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])

def say(word, name):
    with log.open("a") as file:
        file.write(f"{os.getpid()} {word} {name}\\n")

def slow(core, model, device, properties):
    say("begins", model.outputs[0].partial_shape[1])
    time.sleep(0.2)  # as a compiler for an NPU would
    begun = [line.split()[0] for line in log.read_text().splitlines() if " begins " in line]
    if str(os.getpid()) in begun[:most]:
        os.kill(os.getpid(), signal.SIGKILL)
    compiled = compile_model(core, model, device, properties)
    say("compiled", model.outputs[0].partial_shape[1])
    return compiled

opening.compile_model = slow
children = []
for _ in range(count):
    child = os.fork()
    if not child:
        os.environ["OMP_NUM_THREADS"] = "1"
        with start.load(path) as session:
            import numpy as np
            for size in (4, 8):
                assert session.infer({"x": np.ones(size, np.float32)})["y"].tolist() == [3] * size
            say("done", ",".join([*session.origins.values(), *session.notes]).replace(" ", "_"))
        os._exit(0)
    children.append(child)
ends = [os.waitpid(child, 0)[1] for child in children]
assert sorted(ends) == [0] * (count - most) + [signal.SIGKILL] * most, ends
"""


def test_50_processes_on_one_cache_compile_each_model_once_though_some_are_killed(
    tmp_path: Path, cache_alone: Path, start: Start
) -> None:
    bundle, log = make(tmp_path / "bundle"), tmp_path / "log"
    log.touch()
    process = start(START, bundle, log, str(PROCESSES), str(KILLED))
    out, _ = process.communicate()
    assert process.returncode == 0, out
    said = [line.split(maxsplit=2) for line in log.read_text().splitlines()]
    assert Counter(size for _, word, size in said if word == "compiled") == {"4": 1, "8": 1}
    assert Counter(word for _, word, _ in said) == {"begins": 2 + KILLED, "compiled": 2, "done": PROCESSES - KILLED}
    origins = Counter(origin for _, word, told in said if word == "done" for origin in told.split(","))
    assert origins["miss"] <= 2  # who compiled may have been killed behind it
    assert origins["miss"] + origins["hit"] == 2 * (PROCESSES - KILLED)
    assert all(re.fullmatch(r"[0-9a-f]{64}\.blob|\w+\.lock", p.name) for p in (cache_alone / "blobs").iterdir())
    assert len(entries(cache_alone)) == 2
    assert started(bundle) == (["hit", "hit"], 3, ())


KEEP = """
import os, random, signal, time
from npuspec.runtime.blobs import BlobCache

class Model:
    def export_model(self):
        return bytes([number % 256]) * 300_000

moments = random.Random(0)
for turn in range(60):
    child = os.fork()
    if not child:
        for number in range(10_000):
            cache = BlobCache()
            load = lambda blob: len(set(blob.data.tolist())) == 1 or sys.exit("torn")
            assert cache.obtain({"of": number % 4}, load, Model).model
    time.sleep(moments.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


def test_whoever_is_killed_while_he_keeps_something_leaves_nothing_torn(cache_alone: Path, start: Start) -> None:
    process = start(f"import os\nos.environ['NPUSPEC_CACHE_SIZE'] = '1MiB'\n{KEEP}")
    out, _ = process.communicate()
    assert process.returncode == 0, out
    assert sum(path.stat().st_size for path in (cache_alone / "blobs").iterdir()) <= 2**20 + 300_200
    for entry in entries(cache_alone):
        assert entry.stat().st_size == 130 + 300_000


CROWDED = """
import os
from pathlib import Path
from npuspec.runtime.blobs import BlobCache
folder = Path(os.environ["NPUSPEC_CACHE"], "blobs")

class Model:
    def export_model(self):
        return bytes(200_000)

def sizes():
    for path in folder.glob("*"):
        try:
            yield path.stat().st_size
        except FileNotFoundError:
            pass

def keep(own):
    for number in range(60):
        obtained = BlobCache().obtain({"of": [own, number]}, lambda blob: blob, Model)
        assert (obtained.origin, obtained.notes) == ("miss", ()), obtained.notes
        assert sum(sizes()) <= 2**20 + 200_130, [*sizes()]

children = []
for own in range(6):
    child = os.fork()
    if not child:
        try:
            keep(own)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    children.append(child)
sys.exit(max(os.waitpid(child, 0)[1] for child in children) != 0)
"""


def test_many_who_make_room_at_once_keep_to_the_size_and_keep_everything(cache_alone: Path, start: Start) -> None:
    del cache_alone
    process = start(f"import os\nos.environ['NPUSPEC_CACHE_SIZE'] = '1MiB'\n{CROWDED}")
    out, _ = process.communicate()
    assert process.returncode == 0, out
