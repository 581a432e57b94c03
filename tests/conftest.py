"""What all tests share: a cache of their own, real sources fetched once, and the bundle of specs/asr.toml made once."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli

import forked
from npuspec.sources import fetch_data
from npuspec.store import Store

# What runs in the background of a shell ignores Ctrl-C, and so would all that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
ASR_SPEC = ROOT / "specs" / "asr.toml"

_ASR = tomli.loads(ASR_SPEC.read_text("utf-8"))
MODEL_SOURCE, MODEL_SHA256 = str(_ASR["model"]["source"]), str(_ASR["model"]["sha256"])
CLIPS_SOURCE, CLIPS_SHA256 = str(_ASR["data"]["source"]), str(_ASR["data"]["sha256"])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what the longer tests are asked."""
    parser.addoption("--every-variant", action="store_true", help="compile every size and batch for NPUs, not one each")


Start = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


def npuspec(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, **variables: str
) -> Ran:
    """Run the command line in a process of its own, with the tests' cache.

    What is said to Python and its libraries before they start needs a Python that is started for it.
    """
    told = {"NO_COLOR": "1", **(env or {}), **variables}
    whole = {**os.environ, **told}
    texts = [*map(str, arguments)]
    if not any(name.startswith(("LANG", "LC_", "PYTHON", "TZ")) for name in told):
        return Ran(*forked.run(texts, cwd or Path.cwd(), whole))
    command = [sys.executable, "-m", "npuspec", *texts]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=whole)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests out of the user's cache: all workers share one, so that each real model is made once."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    before = os.environ.get("NPUSPEC_CACHE")
    os.environ["NPUSPEC_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["NPUSPEC_CACHE"]
    else:
        os.environ["NPUSPEC_CACHE"] = before


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python code in a process that finds the tests' modules, and is ended with the test; its output is read."""
    running: list[subprocess.Popen[str]] = []
    places = [str(ROOT / "tests"), str(ROOT / "tests" / "unit")]

    def run(code: str, *arguments: str | Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", f"import sys\nsys.path[:0] = {places}\n{code}", *map(str, arguments)]
        running.append(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def asr_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of specs/asr.toml, applied once for all tests that only read it."""
    bundle = tmp_path_factory.mktemp("bundles") / "asr"
    ran = npuspec("apply", ASR_SPEC, "--locked", "--output", bundle)
    assert ran.code == 0, ran.err
    return bundle


@pytest.fixture(scope="session")
def npu_compiler() -> Path:
    """The command that compiles for NPUs that aren't here, set up where it wasn't."""
    folder = ROOT / "tools" / "npu-compiler"
    ran = subprocess.run([folder / "setup"], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        said = ran.stderr.splitlines()[-1]
        pytest.skip(f"nothing compiles for NPUs here: run {folder / 'setup'}, which says: {said}")
    return folder / "npu-compiler"


@pytest.fixture(scope="session")
def clips() -> list[Path]:
    """The 27 recorded clips of specs/asr.toml, sorted by path: mono float WAV at 16 kHz."""
    fetched, faults = fetch_data(CLIPS_SOURCE, CLIPS_SHA256, folder=ROOT, store=Store())
    assert fetched is not None, faults
    return [fetched.root / file.path for file in fetched.files]


@pytest.fixture
def small_spec(tmp_path: Path, clips: list[Path]) -> Path:
    """A spec of the real speech model that is applied in seconds: no quantization, 2 s, four short clips beside it."""
    data = tmp_path / "clips"
    data.mkdir()
    short = sorted(clips, key=lambda path: path.stat().st_size)[:4]
    for number, clip in enumerate(short):
        shutil.copyfile(clip, data / f"{number}.wav")
    spec = tmp_path / "small.toml"
    spec.write_text(
        f'''npuspec = 1

[model]
source = "{MODEL_SOURCE}"
sha256 = "{MODEL_SHA256}"

[data]
source = "clips/*.wav"
input = "waveform"
sample-rate = 16000

[target]
device = "CPU"

[dims.time]
strategy = "pad"
size = 32000
overflow = "error"

[inputs.waveform]
shape = ["batch", "time"]
finite = true

[inputs.waveform_lengths]
role = "length"
of = "waveform"

[[gates]]
metric = "frame-agreement"
output = "log_probs"
of = "static"
against = "original"
min = 0.8
'''
    )
    return spec


@pytest.fixture
def toy_spec(tmp_path: Path) -> Path:
    """A right spec of a small model that lies beside it, with three samples."""
    from toy_specs import write_spec  # noqa: PLC0415  takes OpenVINO, and few tests need it

    (tmp_path / "toy").mkdir()
    return write_spec(tmp_path / "toy")


@pytest.fixture
def own_cache(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that a test may damage."""
    del cache
    monkeypatch.setenv("NPUSPEC_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep answers also of files that were written just now."""
    monkeypatch.setattr("npuspec.store.recall._FRESH", -60_000_000_000)
