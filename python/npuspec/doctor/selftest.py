"""Run a bundle on a device as an application would, twice, and say what is wrong with that.

Whatever loads it is a child: the first start also runs and times samples, the second is a start anew, and the third
runs the same samples on the CPU.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from npuspec.bundle import open_bundle
from npuspec.child import ChildError, Progress, run_task
from npuspec.doctor.check import Status
from npuspec.doctor.machine import nameless

_MEASURE = "npuspec.doctor.measure"
_LEAST_COSINE = 0.99
"""Below this, what the device answers is something else: half precision alone costs far less."""


def try_bundle(path: Path, device: str | None, progress: Progress) -> dict[str, Any]:
    """Test a bundle, and return the record of it in its JSON form.

    Args:
        path: the bundle.
        device: `NPU` or `CPU`; None is what the bundle was made for, or the fallback that its spec declares.
        progress: told how many of the samples have run.

    Raises:
        BundleError: there is no bundle, or it is broken.

    """
    bundle = open_bundle(path)
    record: dict[str, Any] = {
        "bundle": path.absolute().name,
        "version": bundle.root.name,
        "cache": bundle.manifest.cache,
        "batch": bundle.manifest.program.batch,
        "toolchain": bundle.manifest.toolchain,
    }
    with TemporaryDirectory() as scratch:
        arguments = {"bundle": str(path.absolute()), "device": device}
        outputs = {"outputs": str(Path(scratch) / "outputs.npz")}
        try:
            record["start"] = run_task(f"{_MEASURE}:start", arguments | outputs, progress)
            record["again"] = run_task(f"{_MEASURE}:start", {**arguments, "outputs": None})
            record["parity"] = run_task(f"{_MEASURE}:compare", arguments | outputs, progress)
        except ChildError as error:
            fault = error.diagnostics[0]
            texts = {"message": _nameless(fault.message, path), "help": fault.help}
            record["findings"] = [{"status": str(Status.PROBLEM), "code": fault.code, **texts}]
            return record
    for key in ("start", "again"):
        record[key]["notes"] = [_nameless(note, path) for note in record[key]["notes"]]
    record["findings"] = [
        {"status": str(status), "code": code, "message": message, "help": help_}
        for status, code, message, help_ in _findings(record)
    ]
    return record


def _nameless(text: str, path: Path) -> str:
    return nameless(text.replace(str(path.absolute()), path.absolute().name))


def _findings(record: Mapping[str, Any]) -> Iterator[tuple[Status, str, str, str]]:
    """Yield what is wrong, and what a reader should know."""
    yield from ((Status.NOTE, "", note, "") for note in record["start"]["notes"])
    compiled = [variant for variant, origin in record["again"]["from"].items() if origin == "compiled"]
    if compiled and record["cache"] != "none":
        message = f"the second start compiled {', '.join(compiled)} again, though the spec asks for a {record['cache']}"
        yield Status.WARNING, "", message, "make the bundle again on this machine: npuspec apply SPEC"
    for row in record["parity"]:
        if not row["same_shape"] or not row["finite"]:
            what = "has another shape" if not row["same_shape"] else "is NaN or infinite"
            message = f"output `{row['output']}` {what} where the CPU's isn't"
            yield Status.PROBLEM, "device-precision", message, "report it, with this record"
        elif row["cosine"] < _LEAST_COSINE:
            message = f"output `{row['output']}` differs from the CPU's: cosine {row['cosine']:.4f}"
            help_ = "these samples are random: run real ones, npuspec run, on both devices before you trust it"
            yield Status.WARNING, "device-precision", message, help_
