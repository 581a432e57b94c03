"""Functions that a spec's author wrote, run in a child and nowhere else: what fails in them is told as theirs.

What is run is what was hashed: modules are made of bytes that are held against the plan, and not of what Python may
have compiled of them once. Beside the spec nothing is found but those.
"""

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from npuspec.diagnostics import Diagnostic, StageError
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.store import digest_bytes

_LINES = 4  # of a function's own code that a failure shows
_MOST = 1000  # characters of what was raised
_END = object()


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """A function beside a spec, by its name there."""

    name: str
    folder: Path
    run: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Run it.

        Raises:
            StageError: `function-failed`, with what was raised and where.

        """
        with _told(self.name, self.folder):
            return self.run(*arguments)

    def each(self, items: Any) -> Iterator[Any]:
        """Yield the items of what it gave, which may be made only now; see `__call__`."""
        with _told(self.name, self.folder):
            left = iter(items)
        while True:
            with _told(self.name, self.folder):
                item = next(left, _END)
            if item is _END:
                return
            yield item


def load_function(folder: Path, name: str, files: Mapping[str, str]) -> OwnFunction:
    """Import the module of a function.

    Args:
        folder: the spec's.
        name: `module:function`.
        files: the SHA-256 of the module's file and of all beside the spec that it imports, by their paths there.

    Raises:
        StageError: `unreadable-file`, `function-failed` or `unknown-function`.

    """
    folder = folder.absolute()
    beside = _Beside(folder, {path: _hashed(folder, path, digest) for path, digest in files.items()})
    beside.check(name)
    module, _, function = name.partition(":")
    if module not in sys.modules:
        sys.meta_path.insert(0, beside)
    with _told(name, folder):
        found = import_module(module)
    if not callable(run := getattr(found, function, None)):
        path = Path(str(found.__file__)).relative_to(folder).as_posix()
        what = (
            f"`{path}` has no `{function}`"
            if run is None
            else f"`{name}` is of type {type(run).__name__}, and can't be called"
        )
        known = [known for known, value in vars(found).items() if callable(value) and not known.startswith("_")]
        help_ = did_you_mean(function, known) or "name a function that stands in it"
        raise StageError(Diagnostic("unknown-function", what, help_))
    return OwnFunction(name, folder, run)


def wrong_result(name: str, what: str, help_: str) -> StageError:
    """Return the error that a function gave something else than is wanted."""
    return StageError(Diagnostic("function-result", f"`{name}` {what}", help_))


class _Beside(SourceLoader):
    """Finds the modules of some files below a folder, by their names there, and makes them of bytes that are given."""

    def __init__(self, folder: Path, contents: Mapping[str, bytes]) -> None:
        self._contents = {str(folder / path): content for path, content in contents.items()}
        self._paths = {
            path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): str(folder / path)
            for path in contents
        }

    def check(self, name: str) -> None:
        """Refuse modules that would take the place of others, which run here already.

        Raises:
            StageError: `function-failed`.

        """
        for top in sorted({module.partition(".")[0] for module in self._paths}):
            there = sys.modules.get(top)
            if there is not None and not isinstance(getattr(there.__spec__, "loader", None), _Beside):
                message = f"`{name}` needs a module `{top}` beside the spec, and npuspec itself runs with another"
                raise StageError(Diagnostic("function-failed", message, "give it another name"))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module, or a folder of modules, comes from."""
        del path, target
        if (place := self._paths.get(fullname)) is not None:
            found = ModuleSpec(fullname, self, origin=place, is_package=place.endswith("__init__.py"))
            found.has_location = True
            return found
        is_folder = any(module.startswith(f"{fullname}.") for module in self._paths)
        return ModuleSpec(fullname, self, is_package=True) if is_folder else None

    def get_filename(self, fullname: str) -> str:
        """Return where a module lies."""
        return self._paths.get(fullname, fullname)

    def get_data(self, path: str) -> bytes:
        """Return what was hashed; of a folder without code of its own nothing."""
        return self._contents.get(str(path), b"")


def _hashed(folder: Path, path: str, digest: str) -> bytes:
    try:
        content = (folder / path).read_bytes()
    except OSError as error:
        raise StageError(_changed(f"`{path}` can't be read: {error.strerror or error}")) from None
    if digest_bytes(content) != digest:
        raise StageError(_changed(f"`{path}` isn't what was planned: it was changed meanwhile, or since a revision"))
    return content


def _changed(message: str) -> Diagnostic:
    return Diagnostic("unreadable-file", message, "plan again; of another revision of git no code can be run")


@contextmanager
def _told(name: str, folder: Path) -> Iterator[None]:
    """Tell whatever a function raises with the lines of its own that led there, and none of ours."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  it may raise anything, and end the process by that
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)][-_LINES:]
        lines = [
            f"{Path(f.filename).relative_to(folder).as_posix()}:{f.lineno}, in {f.name}: {f.line or ''}" for f in own
        ]
        raised = "".join(traceback.format_exception_only(error)).strip()
        raised = raised if len(raised) <= _MOST else f"{raised[:_MOST]}…"
        message = "\n    ".join((f"`{name}` failed:", *lines, *raised.splitlines()))
        help_ = "mend it; the lines above are its own"
        raise StageError(Diagnostic("function-failed", message, help_)) from None
