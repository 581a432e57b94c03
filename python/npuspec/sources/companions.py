"""Which files a model is made of: the one that is named, and those that it reads."""

import io
import mmap
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO

from npuspec import _native
from npuspec.sources.faults import Fault
from npuspec.sources.parse import inner_path
from npuspec.sources.select import find, join
from npuspec.sources.tree import Tree

FORMATS = (".onnx", ".xml")

_XML_HEAD = 4096  # bytes: a declaration, a comment or two, and the root
_IR_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:(?><\?.*?\?>|<!--.*?-->)\s*+)*+<net[\s/>]", re.DOTALL)


def check_format(path: str) -> None:
    """Refuse a model by its name alone.

    Raises:
        Fault: `unsupported-model-format`.

    """
    suffix = PurePosixPath(path).suffix
    if suffix not in FORMATS:
        raise Fault(
            "unsupported-model-format",
            f"`{path}` is in no format that npuspec reads" + (f", {suffix}" if suffix else ""),
            "give an ONNX model (`.onnx`) or OpenVINO IR (`.xml`, its `.bin` beside it)",
        )


def model_files(tree: Tree, path: str, scratch: Path) -> tuple[str, list[str]]:
    """Return the model's folder, and its files' paths below that: the model first, then what it reads.

    Args:
        tree: where it is.
        path: the model's file.
        scratch: a folder on a disk, for a model that must be unpacked to be looked at.

    Raises:
        Fault: `missing-file`, `not-a-model`, `data-outside-source`, or the tree's own.

    """
    folder, _, name = find(tree, path).rpartition("/")
    others = _weights(tree, folder, name) if name.endswith(".xml") else _external_data(tree, folder, name, scratch)
    return folder, [name, *(other for other in others if other != name)]


def _weights(tree: Tree, folder: str, name: str) -> list[str]:
    path = join(folder, name)
    with tree.open(path) as file:
        if not _IR_ROOT.match(file.read(_XML_HEAD)):
            raise Fault(
                "not-a-model",
                f"`{path}` isn't OpenVINO IR: its root element isn't `net`",
                "name the `.xml` that `ovc` or `openvino.save_model` wrote",
            )
    weights = name.removesuffix(".xml") + ".bin"
    return [weights] if weights in tree.listing(folder).files else []


def _external_data(tree: Tree, folder: str, name: str, scratch: Path) -> list[str]:
    path = join(folder, name)
    try:
        with tree.open(path) as file, _mapped(file, scratch) as data:
            named = _native.onnx_external_data(data)
    except ValueError as error:
        raise Fault(
            "not-a-model",
            f"`{path}` isn't an ONNX model: {error}",
            "check that the file is whole, and not a pointer to it",
        ) from error
    found = []
    for location in named:
        try:
            inner = inner_path(location)
        except Fault as fault:
            raise Fault(
                "data-outside-source",
                f"the model `{path}` reads its weights from {location!r}, which isn't in its own folder",
                "save it with its external data beside it: onnx.save_model(…, save_as_external_data=True)",
            ) from fault
        try:
            find(tree, join(folder, inner))
        except Fault as fault:
            raise Fault(fault.code, f"{fault}, and the model `{path}` reads it", fault.help) from fault
        found.append(inner)
    return sorted(set(found))


@contextmanager
def _mapped(file: IO[bytes], scratch: Path) -> Iterator[mmap.mmap]:
    """Map a file's content: the file itself, or a copy that vanishes with this process where it is packed.

    Raises:
        ValueError: where it is empty.

    """
    try:
        number = file.fileno()
    except io.UnsupportedOperation:
        scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=scratch) as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            with mmap.mmap(copy.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    else:
        with mmap.mmap(number, 0, access=mmap.ACCESS_READ) as data:
            yield data
