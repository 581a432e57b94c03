"""What a compiler's message means: its cause, the operations that it is about, and what to do."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, iterparse

import tomli

from npuspec.child import ChildError
from npuspec.diagnostics import Diagnostic

_NAMED = 5  # operations that are all named
_OTHERWISE = {
    "abort": {
        "code": "compiler-aborted",
        "cause": "the compiler's process ended without an answer",
        "help": "try smaller sizes, or report it",
    },
    "timeout": {
        "code": "compile-timeout",
        "cause": "the compiler had no answer in time",
        "help": "take smaller sizes or a smaller batch",
    },
}
_REFUSED = {
    "code": "compile-failed",
    "cause": "the compiler refuses the model",
    "help": "look the message up; where it names no operation, halve the model to find it",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the table."""

    pattern: str
    code: str
    cause: str
    help: str
    source: str


@cache
def message_table() -> tuple[Message, ...]:
    """Return the rows, in the order in which they are looked for."""
    text = files("npuspec.compilers").joinpath("messages.toml").read_text("utf-8")
    return tuple(Message(**row) for row in tomli.loads(text)["message"])


def find_message(text: str) -> tuple[Message, re.Match[str]] | None:
    """Return what a text means, and where it says so; None if it isn't known."""
    for row in message_table():
        if match := re.search(row.pattern, text):
            return row, match
    return None


def compile_fault(
    where: str, step: str, error: str, details: Sequence[str] = (), model: Path | None = None
) -> Diagnostic:
    """Return the fault of a model that wasn't compiled, with the whole of what was said.

    Args:
        where: the NPU: `NPU 4000`, or `NPU` for that which is here.
        step: what failed, as docs/npu-compiler-protocol.md has it.
        error: the compiler's message.
        details: what it logged on the way.
        model: the IR, which is searched for the operations that it is about.

    """
    said = "\n".join((error.strip(), *details))
    otherwise = _OTHERWISE.get(step, _REFUSED)
    code, cause, help_ = otherwise["code"], otherwise["cause"], otherwise["help"]
    about: Sequence[str] = ()
    if (found := find_message(said)) is not None:
        row, match = found
        code, cause, help_ = row.code, row.cause, row.help
        about = operations_of(model, said, match.groupdict()) if model is not None else ()
    told = f"{where}: {cause}{_named(about)}\n{said}"
    return Diagnostic(code, told.replace("\n", "\n    "), help_)


def abort_fault(where: str, error: ChildError, model: Path) -> Diagnostic:
    """Return the fault of a compiler that ended the process that it ran in; see `compile_fault`."""
    how, _, _ = error.diagnostics[0].message.partition(":\n")
    return compile_fault(where, "abort", f"{how}\n{error.log}", model=model)


def operations_of(model: Path, said: str, groups: dict[str, str | None]) -> list[str]:
    """Return the operations of an IR that a message names, or else those of a type or an attribute that it names."""
    quoted = {*re.findall(r"'([^'\n]+)'", said)}
    wanted = {kind.lower() for kind in (groups.get("type"), *re.findall(r"'IE\.(\w+)' op", said)) if kind}
    attributes = {name for key in ("attribute", "attribute2") if (name := groups.get(key))}
    named, typed = [], []
    for name, kind, data in _layers(model):
        if name in quoted:
            named.append(f"`{name}` ({kind})")
        elif kind.lower() in wanted or attributes & data:
            typed.append(f"`{name}` ({kind})")
    return named or typed


def _layers(model: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the name, the type and the attributes of each operation."""
    try:
        for _, element in iterparse(model):  # noqa: S314  an IR that npuspec wrote itself
            if element.tag == "layer":
                data: Element | None = element.find("data")
                yield element.attrib["name"], element.attrib["type"], set() if data is None else {*data.attrib}
                element.clear()
    except (OSError, ParseError):
        return


def _named(operations: Sequence[str]) -> str:
    if not operations:
        return ""
    more = f" and {len(operations) - _NAMED} more" if len(operations) > _NAMED else ""
    return f": {', '.join(operations[:_NAMED])}{more}"
