"""The lock: a text beside the spec that says what was last made of it, committed so that a review shows what changed.

    specs/asr.toml   what is wanted
    specs/asr.lock   the digests, versions and settings that it came to, and what was measured

Nothing in it names a machine, and nothing in it is executed.
"""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli
from msgspec import Meta, convert, to_builtins

from npuspec.bundle.manifest import Sha256
from npuspec.bundle.program import Frozen
from npuspec.diagnostics import Diagnostic, LockError, SpecError
from npuspec.npu import BatchMode
from npuspec.plan.diff import source_digests, vocabulary_pin
from npuspec.plan.model import Plan, PlannedSource
from npuspec.plan.passes.trace import OVERRIDES
from npuspec.plan.stale import value_changes
from npuspec.store import replace_file

_FORMAT = 1
_FIRST_LINE = "# What `npuspec apply` last made of the spec beside this file, and what was measured of it."
_HEAD = f"""{_FIRST_LINE}
# `npuspec apply` writes it: commit it, and don't edit it. With `--locked`, digests, versions, settings and the outcomes
# of gates must be these; sizes, figures and timings are here to be read, and are never compared.

"""
_MAX_BYTES = 4 * 1024 * 1024

Count = Annotated[int, Meta(ge=0)]


class _Table(Frozen, rename="kebab"):
    """A table of the lock."""


class LockedSource(_Table):
    """The model or the data, by content."""

    source: str
    sha256: Sha256
    files: Count


class LockedPoint(_Table):
    """A mix that was tried."""

    kept: Count
    """How many operations are floating point."""
    share: float
    """Of all that could be quantized, how many are."""
    figures: dict[str, float]
    """By what the gates measure."""
    estimated_us: float | None = None
    """What the NPU compiler expects an inference to take on the first of the platforms."""


class LockedBundle(_Table):
    """What was made."""

    device: Literal["NPU", "CPU"]
    """What it was measured on; which one exactly is no matter of the spec."""
    quantization: str
    calibrated_on: Count | None = None
    """How many samples calibrated it."""
    quantized_operations: Count | None = None


class LockedMix(_Table):
    """What mode = "mixed" chose. The next `apply` takes it, as long as the stage that chooses is the same."""

    stage: Sha256
    """The digest of that stage: of model, data, recipe, gates and the tools' versions."""
    keep: tuple[str, ...]
    """Operations that stay floating point."""
    curve: tuple[LockedPoint, ...] = ()
    """What was tried on the samples that calibrate, the most of INT8 first."""


class LockedPrecision(_Table):
    """The model in one precision, on the samples that didn't calibrate, at their true lengths."""

    bytes: Count
    quantized_operations: Count
    figures: dict[str, float]
    """By metric and output, against the original."""


class LockedVariant(_Table):
    """One static model."""

    model_bytes: Count
    blob_bytes: Count | None = None
    """Of an NPU; a CPU's blob is the model again, with the instruction set and the threads of one machine."""


class LockedEstimate(_Table):
    """What the compiler of a blob for an NPU expects of it; nothing of it is measured."""

    blob_bytes: Count
    latency_us: float | None = None
    uncosted: tuple[str, ...] = ()
    """Operations that count as nothing in it."""
    batch_mode: BatchMode | None = None
    """Of a batch, who makes inferences of it: `PLUGIN`, which leaves one sample to the compiler, or `COMPILER`."""


class LockedGate(_Table):
    """A gate's limits and outcome."""

    min: float | None = None
    max: float | None = None
    figure: float | None = None
    """None where a clock gave it."""
    original: float | None = None
    """Of a task: the original model's figure."""
    passed: bool


class Lock(_Table):
    """The content of a lock. Maps are sorted; figures are rounded, so that they stay when nothing changed."""

    format: Literal[1] = 1
    plan: Sha256
    doubts: tuple[str, ...] = ()
    model: LockedSource
    data: LockedSource | None = None
    tokenizer: LockedSource | None = None
    code: dict[str, Sha256] | None = None
    """The spec's own functions, by what is in their files."""
    labels: LockedSource | None = None
    vocabularies: dict[str, LockedSource] | None = None
    """By the outputs that are read with them."""
    toolchain: dict[str, str]
    settings: dict[str, Any]
    """What the spec states."""
    defaults: dict[str, Any]
    """What it leaves open, and what that came to."""
    bundle: LockedBundle
    mixed: LockedMix | None = None
    variants: dict[str, LockedVariant]
    gates: dict[str, LockedGate]
    """By what they measure."""
    agreement: dict[str, dict[str, float]]
    """By the models and the output that were compared."""
    precisions: dict[str, LockedPrecision]
    """The model as it was read, in FP16, in INT8, and as it ships."""
    estimated: dict[str, LockedEstimate] | None = None
    """By the platform, the variant and the precision."""
    quantized_over_static: dict[str, float]
    """The latency of each variant, as a ratio of two models timed in turn in one process."""

    def encode(self) -> bytes:
        """Return the text."""
        import tomli_w  # noqa: PLC0415  only `apply` writes a lock

        text = tomli_w.dumps(_without_none(to_builtins(self)))
        return (_HEAD + "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)).encode()


def lock_path(spec: Path) -> Path:
    """Return where a spec's lock lies: NAME.lock beside NAME.toml."""
    return spec.with_suffix(".lock")


def locked_source(source: PlannedSource) -> LockedSource:
    """Return a source as the lock holds it."""
    return LockedSource(source=source.source, sha256=source.digest, files=len(source.files))


def locked_settings(plan: Plan, *origins: str) -> dict[str, Any]:
    """Return a plan's settings of some origins, as TOML can hold them."""
    return {s.path: to_builtins(_without_none(s.value), order="sorted") for s in plan.settings if s.origin in origins}


def is_overridden(plan: Plan) -> bool:
    """Tell whether something overrides the spec, so that the plan isn't what the spec alone says."""
    return any(s.origin in OVERRIDES for s in plan.settings)


def check_lock_place(path: Path) -> None:
    """Make sure that a lock may be written to `path`.

    Raises:
        SpecError: `output-taken`: another file is there, such as another tool's lock.

    """
    if (path.exists() or path.is_symlink()) and not _is_ours(path):
        message = f"`{path}` is where the spec's lock belongs, and isn't one"
        raise SpecError(Diagnostic("output-taken", message, "give the spec another name, or move that file away"))


def write_lock(path: Path, lock: Lock) -> bool:
    """Write a lock in one step, and tell whether its content changed."""
    check_lock_place(path)
    return replace_file(path, lock.encode())


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        LockError: `no-lock` or `lock-unreadable`.

    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise _unreadable(path, "it is no file, or larger than 4 MiB")
        with path.open("rb") as file:
            values = tomli.loads(file.read(_MAX_BYTES).decode())
        if (found := values.get("format")) != _FORMAT:
            raise _unreadable(path, f"it is of format {found}, and this version of npuspec reads format {_FORMAT}")
        return convert(values, Lock)
    except FileNotFoundError:
        message = f"there is no lock at `{path}` that could be held"
        raise LockError(Diagnostic("no-lock", message, "make it, and commit it: npuspec apply SPEC")) from None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from None


def lock_drift(lock: Lock, plan: Plan) -> list[str]:
    """Return one sentence for each thing that the plan has otherwise than the lock; none where it is the same plan."""
    after = {s.path: _without_none(s.value) for s in plan.settings} | _versions(plan.toolchain) | source_digests(plan)
    before = {**lock.settings, **lock.defaults} | _versions(lock.toolchain) | _locked_digests(lock)
    changes = value_changes(before, after)
    if changes or lock.plan == plan.digest:
        return changes
    return [f"the plan's digest {lock.plan[:12]} → {plan.digest[:12]}"]


def gate_drift(lock: Lock, gates: Mapping[str, LockedGate]) -> list[str]:
    """Return one sentence for each gate that is new, is gone, or has another outcome than in the lock."""
    verdict = {True: "passed", False: "failed"}
    changes = []
    for name in sorted(lock.gates.keys() | gates.keys()):
        if name not in gates:
            changes.append(f"gate {name}: is gone")
        elif name not in lock.gates:
            changes.append(f"gate {name}: is new")
        elif (was := lock.gates[name].passed) != (now := gates[name].passed):
            figure = gates[name].figure
            found = "" if figure is None else f", with {figure:g}"
            changes.append(f"gate {name}: {verdict[was]} then, {verdict[now]} now{found}")
    return changes


def hold_lock(path: Path, lock: Lock, plan: Plan, gates: Mapping[str, LockedGate] | None = None) -> list[Diagnostic]:
    """Hold a plan against the lock, and what was measured where there is something; return one fault a change.

    Figures and timings are never compared: they are the machine's.
    """
    changes = lock_drift(lock, plan) + ([] if gates is None else gate_drift(lock, gates))
    help_ = "if this is meant, write the lock anew and commit it: npuspec apply SPEC"
    return [Diagnostic("lock-drift", f"not as in `{path}`: {change}", help_) for change in changes]


def _is_ours(path: Path) -> bool:
    """Tell whether a file is a lock of ours, whole or not: what a merge left in conflict is written anew."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_FIRST_LINE.encode())) == _FIRST_LINE.encode()


def _versions(toolchain: Mapping[str, str]) -> dict[str, str]:
    return {f"toolchain.{tool}": version for tool, version in toolchain.items() if version}


def _locked_digests(lock: Lock) -> dict[str, str]:
    """Return the digests by what `npuspec diff` calls them; each stands in place of its pin."""
    sources = {"model.sha256": lock.model, "data.sha256": lock.data, "data.tokenizer-sha256": lock.tokenizer}
    sources["data.labels-sha256"] = lock.labels
    sources |= {vocabulary_pin(output): source for output, source in (lock.vocabularies or {}).items()}
    found = {name: source.sha256 for name, source in sources.items() if source is not None}
    return found | {f"code.{name}.sha256": digest for name, digest in (lock.code or {}).items()}


def _without_none(value: Any) -> Any:
    """Leave out what is None, which TOML hasn't."""
    match value:
        case dict():
            return {key: _without_none(below) for key, below in value.items() if below is not None}
        case list() | tuple():
            return [_without_none(below) for below in value if below is not None]
    return value


def _escaped(character: str) -> str:
    """Spell out what could make a text look like another: names are a stranger's, as the model is."""
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def _unreadable(path: Path, why: str) -> LockError:
    message = f"the lock `{path}` can't be read: {why}"
    return LockError(Diagnostic("lock-unreadable", message, "write it anew: npuspec apply SPEC"))
