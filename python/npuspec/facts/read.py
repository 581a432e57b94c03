"""The parent's side: ask a child, and keep what it says by the digest of everything that it depends on."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from msgspec import convert

from npuspec.child import Progress, run_task
from npuspec.facts.formats import readers_of
from npuspec.facts.model import Content, Lengths, Parts, Signature
from npuspec.sources import Fetched, fetch_written
from npuspec.store import Store, canonical_json, digest_json, distrust

_FORMAT = 8  # of what is kept: raised when the meaning of a fact changes
_PATIENCE = 20.0  # seconds for all patterns of a spec, which take milliseconds
_MODULES = {"parts": "npuspec.facts.scope"}
"""Where a fact of a model is found out, if not in `inspect`."""


@cache
def toolchain(*readers: str) -> dict[str, str]:
    """Return the versions of everything that shapes a bundle; "" where a package isn't installed.

    `readers` are the packages that the samples are read with, as `formats.readers_of` gives them.
    """

    def version(name: str) -> str:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return ""

    return {name: version(name) for name in ("npuspec", "openvino", "nncf", "numpy", *readers)}


def signature(model: Fetched, store: Store) -> Signature:
    """Return the model's ports and operations; the model itself is read once.

    Raises:
        ChildError: `not-a-model` if OpenVINO can't read it.

    """
    return convert(_kept(store, model, "signature", {}), Signature)


def parts(
    model: Fetched,
    store: Store,
    *,
    patterns: Sequence[str],
    subgraphs: Sequence[Mapping[str, Sequence[str]]],
    progress: Progress,
) -> Parts:
    """Return the operations that patterns and subgraphs mean.

    Args:
        model: the model.
        store: where answers are kept.
        patterns: regular expressions; they may be a stranger's, so that their time is limited.
        subgraphs: each with `inputs` and `outputs`.
        progress: told the number of each pattern before it is tried.

    Raises:
        TimeoutError: the last pattern that was tried takes too long.

    """
    question = {"patterns": [*patterns], "subgraphs": [{key: [*ends] for key, ends in s.items()} for s in subgraphs]}
    answer = _kept(store, model, "parts", question, progress=progress, limit=_PATIENCE)
    return convert(answer, Parts)


def lengths(
    model: Fetched,
    store: Store,
    *,
    shapes: Mapping[str, Sequence[str | int]],
    sizes: Mapping[str, Sequence[int]],
    multiples: Mapping[str, int],
    stated: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Lengths:
    """Return how the outputs' lengths follow from the padded dimensions.

    Args:
        model: the model.
        store: where facts are kept.
        shapes: each input's shape, with names for the padded dimensions.
        sizes: the sizes that each of these will have, rising.
        multiples: of what its sizes are multiples in the original model.
        stated: extents of outputs that the spec states by hand; they are checked, not looked for.

    """
    question = {
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "sizes": {dim: list(found) for dim, found in sizes.items()},
        "multiples": dict(multiples),
        "stated": {output: [dict(extent) for extent in extents] for output, extents in stated.items()},
    }
    return convert(_kept(store, model, "lengths", question), Lengths)


def latency(
    model: Fetched,
    *,
    shapes: Mapping[str, Sequence[str | int]],
    fills: Mapping[str, str | int],
    sizes: Sequence[Mapping[str, int]],
    device: str,
    progress: Progress,
) -> list[float]:
    """Time a model on a device, static at each choice of sizes; this is never kept.

    Args:
        model: the model.
        shapes: each input's shape, with names for the padded dimensions.
        fills: what each input is filled with: a number, or the size of the dimension of that name.
        sizes: the choices, each with a size for every padded dimension.
        device: OpenVINO's name of it.
        progress: told of the inferences that are done.

    Returns:
        The median of one inference for each choice, in milliseconds.

    Raises:
        ChildError: `impossible-shape` if the model can't have the sizes, or `compile-failed`.

    """
    arguments = {
        "model": str(model.root / model.entry),
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "fills": dict(fills),
        "sizes": [dict(choice) for choice in sizes],
        "device": device,
    }
    result: list[float] = run_task("npuspec.facts.timing:latency", arguments, progress)
    return result


def content(data: Fetched, store: Store) -> Content:
    """Return what is in the samples: what is the same, and what looks like random numbers or is constant."""
    return convert(_of_data(store, data, "npuspec.facts.decode:content", {}, {}), Content)


def text_digests(data: Fetched, tokenizer: Fetched | None, store: Store, *, field: str | None) -> dict[str, list[str]]:
    """Return the SHA-256 of each text in each file, by the files' paths, in the order of the files' content.

    Raises:
        ChildError: `unreadable-sample`, `unknown-field`, `not-a-tokenizer` or `missing-extra`.

    """
    question = {"field": field, "tokenizer": None if tokenizer is None else tokenizer.digest}
    place = None if tokenizer is None else str(tokenizer.only)
    found: dict[str, list[str]] = _of_data(
        store, data, "npuspec.facts.texts:digests", question, {"field": field, "tokenizer": place}
    )
    return found


def given_samples(
    function: str, files: Mapping[str, str], *, folder: Path, store: Store, input_: str | None
) -> Fetched:
    """Run a function of a spec's own that gives samples, and return them as files, by their content.

    It is run each time: what it gives may follow from what no digest covers.

    Args:
        function: `module:function`.
        files: the SHA-256 of each file that it is made of, by the paths below the folder.
        folder: the spec's.
        store: where the samples are kept.
        input_: the one input that they are for, or None where they name their inputs.

    Raises:
        ChildError: `function-failed`, `function-result`, `unknown-function` or `unreadable-file`.
        OSError: when the store can't be written.

    """
    distrust()
    task = {"folder": str(folder), "name": function, "files": dict(files), "input": input_}
    return fetch_written(
        lambda output: run_task("npuspec.facts.given:given", {**task, "output": str(output)}), store=store
    )


def device_identities() -> dict[str, str]:
    """Return each device that is present and what exactly it is: its full name, capabilities and OpenVINO's build."""
    result: dict[str, str] = run_task("npuspec.facts.inspect:devices", {})
    return result


def _kept(store: Store, model: Fetched, kind: str, question: Mapping[str, Any], **how: Any) -> Any:
    """Return the fact that answers a question about a model: its files, and which of them is read."""
    key = {"format": _FORMAT, "toolchain": toolchain(), "model": model.digest, "entry": model.entry}
    arguments = {"model": str(model.root / model.entry), **question}
    task = f"{_MODULES.get(kind, 'npuspec.facts.inspect')}:{kind}"
    return _keep(store, {**key, "fact": kind, **question}, task, arguments, **how)


def _of_data(store: Store, data: Fetched, task: str, question: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
    """Return the fact that answers a question about the data: their files, and what is read with which package."""
    paths = [file.path for file in data.files]
    key = {"format": _FORMAT, "toolchain": toolchain(*readers_of(paths)), "data": data.digest, "fact": task, **question}
    return _keep(store, key, task, {"data": str(data.root), "paths": paths, **more})


def _keep(store: Store, key: Mapping[str, Any], task: str, arguments: Mapping[str, Any], **how: Any) -> Any:
    digest = digest_json(key)
    if (entry := store.get("facts", digest)) is None:
        distrust()
        answer = run_task(task, arguments, **how)
        with store.making("facts", digest) as folder:
            (folder / "fact.json").write_bytes(canonical_json(answer))
        return answer
    return json.loads((entry / "fact.json").read_bytes())
