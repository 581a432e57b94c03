"""Where the plans come from that are compared: a spec, a bundle, a plan's JSON, or a spec at a revision of git."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import convert

from npuspec.bundle import open_bundle
from npuspec.bundle.manifest import PLAN
from npuspec.diagnostics import Diagnostic, Severity, has_errors
from npuspec.plan.model import Plan
from npuspec.plan.planfile import is_planfile
from npuspec.plan.prepare import Announce, prepare, prepare_document
from npuspec.sources.git import GitTree, read_at, tree_at
from npuspec.spec import Document
from npuspec.spec.document import MAX_BYTES, decode, without_text
from npuspec.store import Store


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison. Without errors and without a plan there is nothing to compare with."""

    document: Document
    """The spec; for anything else a text that is empty, with its name."""
    plan: Plan | None
    diagnostics: list[Diagnostic]

    @property
    def failed(self) -> bool:
        """Whether there are errors."""
        return has_errors(self.diagnostics)


def read_side(path: Path, store: Store, announce: Announce | None = None, *, allow_code: bool = False) -> Side:
    """Read a plan from what stands at a path: a bundle, a plan's JSON, or a spec, which is lowered.

    Raises:
        BundleError: the folder isn't a bundle, or is a broken one.

    """
    if path.is_dir():
        return _from_json(path, open_bundle(path).path(PLAN).read_bytes())
    if is_planfile(path):
        return _from_json(path, path.read_bytes())
    document, prepared, diagnostics = prepare(path, store, announce=announce, allow_code=allow_code)
    return Side(document, None if prepared is None else prepared.plan, diagnostics)


def read_base(
    path: Path, revision: str, store: Store, announce: Announce | None = None, *, allow_code: bool = False
) -> Side:
    """Lower a spec as it was at a revision of git, with everything that it names beside it.

    What git doesn't track is taken from the working tree, and a note says so.
    """
    name = f"{revision}:{path.as_posix()}"
    tree, faults = tree_at(path.parent, revision)
    if tree is None:
        return Side(without_text(name, path.parent), None, faults)
    data, faults = read_at(tree, path.name, MAX_BYTES)
    if data is None:
        return Side(without_text(name, path.parent), None, faults)
    document, faults = decode(data, name=name, folder=path.parent)
    if has_errors(faults):
        return Side(document, None, faults)
    prepared, more = prepare_document(document, store, announce=announce, tree=tree, allow_code=allow_code)
    return Side(document, None if prepared is None else prepared.plan, [*faults, *more, *_borrowed(tree, revision)])


def _borrowed(tree: GitTree, revision: str) -> list[Diagnostic]:
    if not tree.borrowed:
        return []
    count, first = len(tree.borrowed), min(tree.borrowed)
    others = f" and {count - 1} more {'files' if count > 2 else 'file'}" if count > 1 else ""  # noqa: PLR2004
    message = f"git has no `{first}`{others} at `{revision}`: what lies there now was compared, not what lay there then"
    help_ = "pin the source with `sha256`: a pin of another file is then an error here, and not the same file twice"
    return [Diagnostic("base-untracked", message, help_, severity=Severity.NOTE)]


def _from_json(path: Path, data: bytes) -> Side:
    """Read a plan as `npuspec plan` writes it: its own JSON, or a plan file that holds it as `plan`."""
    document = without_text(str(path), path.parent)
    try:
        values = msgspec.json.decode(data)
        inner = values.get("plan")
        return Side(document, convert(inner if isinstance(inner, dict) else values, Plan), [])
    except (ValueError, RecursionError) as error:
        why = str(error)
    message = f"`{path}` holds no plan that this version of npuspec reads: {why}"
    return Side(document, None, [Diagnostic("not-a-plan", message, "make it anew: npuspec plan SPEC --json")])
