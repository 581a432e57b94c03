"""The same plan in any process and any place; and nothing heavy is imported to make it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ASR_SPEC, npuspec

HEAVY = ("openvino", "nncf", "numpy", "soundfile", "torch")


@pytest.fixture(scope="session")
def planned() -> bytes:
    """The plan of specs/asr.toml; after it, everything that the spec names is in the tests' cache."""
    ran = npuspec("plan", "--json", ASR_SPEC, PYTHONHASHSEED="0")
    assert ran.code == 0, ran.err
    return ran.out.encode()


@pytest.mark.parametrize("seed", ["1", "2", "4294967295"])
def test_the_seed_of_hashes_changes_no_byte(planned: bytes, seed: str) -> None:
    assert npuspec("plan", "--json", ASR_SPEC, PYTHONHASHSEED=seed).out.encode() == planned


def test_the_place_and_the_name_of_the_spec_change_no_byte(planned: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "some where"
    folder.mkdir()
    (folder / "other.toml").write_bytes(ASR_SPEC.read_bytes())
    assert npuspec("plan", "--json", "other.toml", cwd=folder).out.encode() == planned


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"TZ": "Pacific/Auckland"}, {"PYTHONUTF8": "0", "LANG": "C"}])
def test_the_settings_of_the_user_change_no_byte(planned: bytes, variables: dict[str, str]) -> None:
    assert npuspec("plan", "--json", ASR_SPEC, cwd=None, env=variables).out.encode() == planned


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", str(ASR_SPEC)],
        ["plan", str(ASR_SPEC)],
        ["plan", "--json", str(ASR_SPEC)],
        ["explain", "wrong-pin"],
        ["--help"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.usefixtures("planned")
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from npuspec.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stderr.splitlines()[-1] == "[]"
