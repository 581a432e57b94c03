"""A source's text, read without touching a disk or a network."""

import re
from pathlib import PurePosixPath

from npuspec.sources.faults import Fault
from npuspec.sources.model import PathSource, Source, WheelSource

# What the packaging specifications allow, and so nothing that pip could take for an option, a path or an address.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_VERSION = re.compile(
    r"(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*"
    r"(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?[0-9]*)?"
    r"(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?"
    r"(?:[-_.]?dev[-_.]?[0-9]*)?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.IGNORECASE | re.ASCII,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE | re.ASCII)
_WHEEL_FORM = "write `pypi:NAME==VERSION/path/in/the/wheel`, with one exact version"


def read_source(text: str) -> Source:
    """Read a source's text; pure.

    Raises:
        Fault: `invalid-source`, or `path-outside`.

    """
    if not text.isprintable() or not text.strip():
        raise Fault(
            "invalid-source",
            f"{text!r} isn't a source: it is empty, or has characters that can't be printed",
            "write a path relative to the spec, or `pypi:NAME==VERSION/path/in/the/wheel`",
        )
    scheme = _SCHEME.match(text)
    if scheme is None or len(scheme[1]) == 1:  # one letter is a Windows drive
        return PathSource(inner_path(text))
    if scheme[1] == "pypi":
        return _read_wheel(text, text[scheme.end() :])
    raise Fault(
        "invalid-source",
        f"`{text}` has an unknown kind of source, `{scheme[1]}:`",
        "npuspec reads paths relative to the spec, and wheels: " + _WHEEL_FORM,
    )


def inner_path(text: str) -> str:
    """Return a POSIX path in one form, without `.` and doubled slashes.

    Raises:
        Fault: `path-outside` if it could lead out of the folder that it starts in, on any system; `invalid-source` if
            it names nothing.

    """
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or re.match(r"[A-Za-z]:", text):
        raise Fault(
            "path-outside",
            f"the path `{text}` leads out of its folder, or could on another system",
            "write it relative, with `/` between its parts and no `..`; copy or link the file in beside the spec",
        )
    if not path.parts or ":" in text or not text.isprintable():
        raise Fault("invalid-source", f"`{text}` isn't the path of a file", "name a file, without `:` in its path")
    return str(path)


def _read_wheel(text: str, rest: str) -> WheelSource:
    requirement, _, path = rest.partition("/")
    name, equals, version = requirement.partition("==")
    if not equals or not path:
        raise Fault("invalid-source", f"`{text}` names no {'file' if equals else 'version'}", _WHEEL_FORM)
    if not _NAME.fullmatch(name):
        raise Fault("invalid-source", f"`{name}` isn't the name of a package", _WHEEL_FORM)
    if not _VERSION.fullmatch(version):
        raise Fault("invalid-source", f"`{version}` isn't one exact version", _WHEEL_FORM)
    return WheelSource(name, version, inner_path(path))
