import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npuspec.sources import fetch_data
from npuspec.sources.model import File, digest_of
from npuspec.store import Store

A = File("a.wav", "a" * 64, 1)
B = File("b/c.wav", "b" * 64, 2)


def test_one_file_has_its_own_digest() -> None:
    assert digest_of([A]) == "a" * 64


def test_several_files_have_the_digest_of_what_sha256sum_prints() -> None:
    listing = f"{'a' * 64}  a.wav\n{'b' * 64}  b/c.wav\n"
    assert digest_of([B, A]) == sha256(listing.encode()).hexdigest()


@given(st.permutations([A, B, File("B", "c" * 64, 3), File("ä", "d" * 64, 4), File("\U0001f600", "e" * 64, 5)]))
def test_the_order_does_not_matter(files: list[File]) -> None:
    assert digest_of(files) == digest_of(sorted(files, key=lambda file: file.path.encode()))


@pytest.mark.skipif(sys.platform != "linux", reason="the docstring's command is for GNU find and coreutils")
def test_the_command_in_the_docstring_makes_the_same_digest(spec: Path, store: Store) -> None:
    for i, name in enumerate(["b.wav", "B.txt", "a/z.wav", "a.wav", "ä b.wav", "a-/x"]):
        path = spec / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i]) * i)
    fetched, diagnostics = fetch_data("data/**", None, folder=spec, store=store)
    assert fetched is not None, diagnostics
    assert len(fetched.files) == 6
    doc = digest_of.__doc__ or ""
    command = next(line.strip() for line in doc.splitlines() if line.strip().startswith("find "))
    printed = subprocess.run(["/bin/sh", "-c", command], cwd=fetched.root, capture_output=True, text=True, check=True)
    assert printed.stdout.split()[0] == fetched.digest
