"""What stays floating point: the names, types, patterns and subgraphs of `keep`, as the operations that they mean."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Path
from npuspec.diagnostics.suggest import did_you_mean, toml_string
from npuspec.facts import FrontEnd, Match, Parts, Signature
from npuspec.spec import Spec, models

_AT: Path = ("quantization", "keep")


def check_keep(spec: Spec, signature: Signature) -> list[Diagnostic]:
    """Return a fault for each name and type that the model doesn't have."""
    keep = spec.quantization.keep
    ends = _known_ends(signature)
    faults = []
    for index, name in enumerate(keep.names):
        if name not in signature.operations:
            message = f"the model has no operation `{name}` to keep in floating point"
            faults.append(_unknown(message, did_you_mean(name, signature.operations), "names", index))
    for index, kind in enumerate(keep.types):
        if kind not in signature.types:
            message = f"the model has no operation of the type `{kind}` to keep in floating point"
            faults.append(_unknown(message, did_you_mean(kind, signature.types), "types", index))
    for index, subgraph in enumerate(keep.subgraphs):
        for key, number, name in _ends(subgraph):
            if name not in ends:
                message = f"the model has no operation, input or output `{name}`"
                faults.append(_unknown(message, did_you_mean(name, ends), "subgraphs", index, key, number))
    return faults


def match_keep(spec: Spec, signature: Signature, parts: Parts) -> tuple[set[str], list[Diagnostic]]:
    """Return the operations that patterns and subgraphs mean, and a fault for each that means none."""
    keep = spec.quantization.keep
    faults = [
        fault
        for index, (pattern, match) in enumerate(zip(keep.patterns, parts.patterns, strict=True))
        for fault in _check_match(pattern, match, signature, index)
    ]
    ends = _known_ends(signature)
    for index, subgraph in enumerate(keep.subgraphs):
        if ends.issuperset((*subgraph.inputs, *subgraph.outputs)):
            faults += _check_subgraph(subgraph, parts, index)
    matched = {name for names in (*(match.names for match in parts.patterns), *parts.subgraphs) for name in names}
    return matched, faults


def toml_subgraph(part: FrontEnd) -> str:
    """Return the entry of `subgraphs` that keeps a front end."""
    inputs, outputs = (", ".join(map(toml_string, names)) for names in (part.inputs, part.outputs))
    return f"{{ inputs = [{inputs}], outputs = [{outputs}] }}"


def slow_pattern(index: int) -> Diagnostic:
    """Return the fault of a pattern that took too long."""
    message = "to match this pattern with the names of the model's operations takes too long"
    help_ = "a repetition in a repetition has endless ways to match: `(a+)+` is `a+`"
    return Diagnostic("slow-pattern", message, help_).at((*_AT, "patterns", index))


def _check_match(pattern: str, match: Match, signature: Signature, index: int) -> Iterator[Diagnostic]:
    if not match.names:
        message = f"`{pattern}` matches the name of no operation of the model"
        help_ = did_you_mean(pattern, signature.operations)
        if match.within is not None:
            help_ = f"it is matched from the beginning of a name, and `{match.within}` has it within: begin with `.*`"
        yield _unknown(message, help_, "patterns", index)


def _check_subgraph(subgraph: models.Subgraph, parts: Parts, index: int) -> Iterator[Diagnostic]:
    at = (*_AT, "subgraphs", index)
    help_ = "`inputs` are where the part begins, and `outputs` where it ends"
    if not parts.subgraphs[index]:
        message = "there is no operation on a way from `inputs` to `outputs`"
        yield Diagnostic("empty-subgraph", message, help_).at(at)
        return
    for key, number, name in _ends(subgraph):
        if name in parts.ends[index]:
            way = f"from `{name}` to one of `outputs`" if key == "inputs" else f"from one of `inputs` to `{name}`"
            yield Diagnostic("empty-subgraph", f"nothing leads {way}", help_).at((*at, key, number))


def _known_ends(signature: Signature) -> set[str]:
    return {*signature.operations, *(port.name for port in (*signature.inputs, *signature.outputs))}


def _ends(subgraph: models.Subgraph) -> Iterator[tuple[str, int, str]]:
    for key, names in (("inputs", subgraph.inputs), ("outputs", subgraph.outputs)):
        for number, name in enumerate(names):
            yield key, number, name


def _unknown(message: str, help_: str, *at: str | int) -> Diagnostic:
    return Diagnostic("unknown-operation", message, help_).at((*_AT, *at))
