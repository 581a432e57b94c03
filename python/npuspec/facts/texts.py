"""Texts, each of which is a sample: the lines of a file, or the strings below a member of YAML or JSON."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, SpecError
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.facts.formats import missing_extra, unreadable
from npuspec.facts.lines import decoded
from npuspec.sources.kinds import TREE, YAML, suffix_of
from npuspec.store import digest_bytes

MOST_TEXTS = 100_000  # of all files: a plan names each
MOST_BYTES = 1 << 24  # of one file
MOST_NODES = 1_000_000  # of one file, counting what an alias stands for each time that it stands there
DEEPEST = 64
_MOST_TOKENIZER = 1 << 27  # bytes


def digests(arguments: Mapping[str, Any], progress: Progress) -> dict[str, list[str]]:
    """Return the SHA-256 of each text in the files of the folder `arguments["data"]`, by their paths.

    The tokenizer, where there is one yet, is only opened.
    """
    if arguments["tokenizer"] is not None:
        open_tokenizer(Path(arguments["tokenizer"]))
    found: dict[str, list[str]] = {}
    left = MOST_TEXTS
    for number, path in enumerate(arguments["paths"]):
        texts = read_texts(Path(arguments["data"]), path, arguments["field"])
        left -= len(texts)
        if left < 0:
            raise unreadable(path, f"up to its end there are more than {MOST_TEXTS} texts")
        found[path] = [digest_bytes(text.encode()) for text in texts]
        progress(number + 1, len(arguments["paths"]))
    return found


def read_texts(folder: Path, path: str, field: str | None) -> list[str]:
    """Return the texts of one file in their order, without those that are empty or blank.

    Args:
        folder: where the file lies.
        path: its path below.
        field: for YAML and JSON: the member of the top level whose strings are meant, and those below it.

    Raises:
        StageError: `unreadable-sample`, or `missing-extra`.
        SpecError: `unknown-field`.

    """
    try:
        content = decoded(folder / path, MOST_BYTES)
        if suffix_of(path) not in TREE:
            texts = [line.removesuffix("\r") for line in content.split("\n")]
        elif suffix_of(path) in YAML:
            texts = _of_yaml(content, path, str(field))
        else:
            texts = _of_json(content, path, str(field))
        for text in texts:
            text.encode()  # JSON and YAML can spell half characters
    except (ValueError, OSError, RecursionError) as error:
        raise unreadable(path, " ".join(str(error).split())) from None
    return [text for text in texts if text.strip()]


def open_tokenizer(file: Path) -> Any:
    """Open a `tokenizer.json`; whatever it says of padding and truncation is left out.

    Raises:
        SpecError: `not-a-tokenizer`.
        StageError: `missing-extra`.

    """
    try:
        from tokenizers import Tokenizer  # an extra: only specs with text need it
    except ImportError:
        raise missing_extra("tokenizers", "text") from None
    try:
        tokenizer = Tokenizer.from_str(decoded(file, _MOST_TOKENIZER))
    except Exception as error:  # noqa: BLE001  tokenizers' own errors have no base but this
        message = f"`{file.name}` is no tokenizer that can be read: {error}"
        help_ = "name the `tokenizer.json` of the model, as Hugging Face's tokenizers save it"
        raise SpecError(Diagnostic("not-a-tokenizer", message, help_)) from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _of_json(content: str, path: str, field: str) -> list[str]:
    def below(value: Any) -> str | list[Any]:
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, str | list) else []

    top = json.loads(content)
    return _strings(_member(top if isinstance(top, dict) else {}, path, field), below)


def _of_yaml(content: str, path: str, field: str) -> list[str]:
    """Return strings of YAML from its nodes: no object is ever made of them, and no merge key unfolded."""
    try:
        import yaml  # an extra: only specs with text in YAML need it
    except ImportError:
        raise missing_extra("pyyaml", "text in YAML") from None

    def below(node: Any) -> str | list[Any]:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value) if node.tag == "tag:yaml.org,2002:str" else []
        return [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else list(node.value)

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for number, event in enumerate(yaml.parse(content, Loader=loader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            _check_extent(number, depth)
        top = yaml.compose(content, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    pairs = top.value if isinstance(top, yaml.MappingNode) else []
    members = {key.value: value for key, value in pairs if isinstance(key, yaml.ScalarNode)}
    return _strings(_member(members, path, field), below)


def _member(members: Mapping[str, Any], path: str, field: str) -> Any:
    if field not in members:
        message = f"`{path}` has no member `{field}` at its top level"
        raise SpecError(
            Diagnostic("unknown-field", message, did_you_mean(field, members) or "`data.field` names a member there")
        )
    return members[field]


def _strings(top: Any, below: Callable[[Any], str | list[Any]]) -> list[str]:
    """Return all strings from a value down, in their order."""
    found: list[str] = []
    todo, met = [(top, 0)], 0
    while todo:
        value, depth = todo.pop()
        met += 1
        _check_extent(met, depth)
        content = below(value)
        if isinstance(content, str):
            found.append(content)
        else:
            todo += [(item, depth + 1) for item in reversed(content)]
    return found


def _check_extent(count: int, depth: int) -> None:
    if depth > DEEPEST or count > MOST_NODES:
        raise ValueError(f"it is nested deeper than {DEEPEST}, or has more than {MOST_NODES} nodes")
