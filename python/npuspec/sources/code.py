"""Code that a spec names beside it: its files are found and hashed by what stands in them, and never run here."""

import ast
import sys
import warnings
from collections.abc import Iterator
from itertools import accumulate

from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics import Path as Place
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.sources.faults import Fault
from npuspec.sources.model import File
from npuspec.sources.select import find
from npuspec.sources.tree import Tree
from npuspec.store import digest_bytes

_MOST_FILES = 100
_MOST_BYTES = 1 << 18  # of each
_PACKAGE = "__init__.py"


def read_code(function: str, tree: Tree, at: Place) -> tuple[tuple[File, ...] | None, list[Diagnostic]]:
    """Return the file that a function stands in, and those beside the spec that it imports, sorted by path.

    What is imported is what an `import` names, wherever it stands. Python's own modules are never looked for here,
    and what isn't here is an installed package's.

    Args:
        function: `module:function`.
        tree: the spec's folder.
        at: the key that names it.

    """
    module, _, name = function.partition(":")
    try:
        return _read(module, name, tree), []
    except Fault as fault:
        return None, [fault.diagnostic(at)]


def _read(module: str, name: str, tree: Tree) -> tuple[File, ...]:
    entry = find(tree, module.replace(".", "/") + ".py")
    found: dict[str, File] = {}
    todo, met = [module], set[str]()
    while todo:
        for dotted in accumulate(todo.pop().split("."), "{}.{}".format):
            path = None if dotted in met else _path(tree, dotted)
            met.add(dotted)
            if path is None:
                continue
            if len(found) == _MOST_FILES:
                message = f"`{entry}` imports more than {_MOST_FILES} files beside the spec"
                raise Fault("function-failed", message, "put what is needed into a few files of its own")
            content = _content(tree, path)
            found[path] = File(path, digest_bytes(content), len(content))
            parsed = _parsed(content, path)
            if path == entry:
                _check_name(parsed, path, name)
            todo += _imported(parsed, dotted if path.endswith(_PACKAGE) else dotted.rpartition(".")[0])
    return tuple(found[path] for path in sorted(found))


def _path(tree: Tree, dotted: str) -> str | None:
    """Return the file of a module that lies beside the spec."""
    top, *below = dotted.split(".")
    if not top or top in sys.stdlib_module_names:
        return None
    stem = "/".join((top, *below))
    for path in (f"{stem}.py", f"{stem}/{_PACKAGE}"):
        folder, _, name = path.rpartition("/")
        if name in tree.listing(folder).files:
            return path
    return None


def _content(tree: Tree, path: str) -> bytes:
    with tree.open(path) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise _no_python(path, f"it has more than {_MOST_BYTES} bytes")
    return content


def _parsed(content: bytes, path: str) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(content, path)
    except SyntaxError as error:
        raise _no_python(path, (f"line {error.lineno}: " if error.lineno else "") + str(error.msg)) from None
    except ValueError as error:
        raise _no_python(path, str(error)) from None
    except (RecursionError, MemoryError):
        raise _no_python(path, "it is nested too deeply") from None


def _no_python(path: str, why: str) -> Fault:
    return Fault("function-failed", f"`{path}` can't be read as Python: {why}", "mend it, or name another file")


def _imported(parsed: ast.Module, package: str) -> Iterator[str]:
    """Yield what the imports of a module in a package may load: of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(parsed):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parts = package.split(".") if package else []
                if level <= len(parts):
                    above = parts[: len(parts) - level + 1] if level else []
                    base = [*above, *([module] if module else [])]
                    yield from (".".join([*base, alias.name]) for alias in names)


def _check_name(parsed: ast.Module, path: str, name: str) -> None:
    """Refuse a name that nothing in the file gives to anything."""
    given = set[str]()
    for node in ast.walk(parsed):
        match node:
            case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found) | ast.ClassDef(name=found):
                given.add(found)
            case ast.Name(id=found, ctx=ast.Store()):
                given.add(found)
            case ast.alias(name=found, asname=other):
                given.add(other or found.partition(".")[0])
    functions = [node.name for node in parsed.body if isinstance(node, ast.FunctionDef)]
    if not given & {name, "*", "__getattr__"}:
        help_ = did_you_mean(name, functions) or "name a function that stands in it"
        raise Fault("unknown-function", f"`{path}` has no `{name}`", help_)
