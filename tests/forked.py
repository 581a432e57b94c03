"""The command line in processes of their own, forked from one that has imported what takes commands seconds."""

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from npuspec.cli.main import VERBS, main

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["nncf", *(f"npuspec.cli.{verb}" for verb in VERBS)])


def _run(arguments: Sequence[str], cwd: Path, env: Mapping[str, str], streams: Sequence[Path]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for descriptor, path in enumerate(streams, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["npuspec", *arguments]
    main()


def run(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a command, and return its exit code, what it wrote to stdout, and to stderr."""
    with TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdout", "stderr")]
        process = _CONTEXT.Process(target=_run, args=(arguments, cwd, env, streams))
        process.start()
        process.join()
        assert process.exitcode is not None
        out, err = (path.read_text("utf-8") if path.exists() else "" for path in streams)
        return process.exitcode, out, err
