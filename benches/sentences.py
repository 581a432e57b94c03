"""What buckets and batches bring on sentences as they are: specs/text.toml against one padded maximum of 128 tokens.

Applies the spec with one size and a batch of 1, as it stands, and with a batch of 8 (or takes the bundles from the
folder where it has put them before). All sentences of the corpus go through each in turn, several times, on CPU in one
process: one request at a time, all at once (`infer_many`), or streamed; all results are compared first.

    python benches/sentences.py build/sentences
"""

import argparse
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import tomli
import yaml
from numpy.typing import NDArray
from tokenizers import Tokenizer

import npuspec

SPEC = Path(__file__).parent.parent / "specs" / "text.toml"
EMBEDDINGS = "onnx::Shape_422"
CORPUS = "pypi:chatterbot-corpus==1.3.3/chatterbot_corpus/data/english/*.yml"
CORPUS_SHA256 = "6f227ff2bceb225c01cd000d5d2abfdecc35fc132dc913532f710b0c1019931f"

Array = NDArray[Any]
Way = Callable[[list[Array]], list[Array]]


def write_specs(folder: Path) -> dict[str, Path]:
    """Write the three specs, without gates."""
    text = SPEC.read_text("utf-8").partition("\n[[gates]]")[0]
    buckets = re.sub(r"\nlengths = .*", "", text)
    one = re.sub(r'strategy = "buckets"\nsizes = .*', 'strategy = "pad"\nsize = 128', buckets)
    eight = '\n[batching]\nsize = 8\n\n[[allow]]\ncode = "split-batch"\nreason = "measured on a CPU"\n'
    specs = {"one size": one, "buckets": buckets, "buckets, 8 at once": buckets + eight}
    paths = {name: folder / f"{name.replace(', ', '-').replace(' ', '-')}.toml" for name in specs}
    for name, path in paths.items():
        path.write_text(specs[name], "utf-8")
    return paths


def read_sentences() -> list[Array]:
    """Return the token ids of each distinct sentence, int64 [tokens]."""
    data = tomli.loads(SPEC.read_text("utf-8"))["data"]
    (file,) = npuspec.fetch(data["tokenizer"], sha256=data["tokenizer-sha256"])
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    files = npuspec.fetch(CORPUS, sha256=CORPUS_SHA256)
    talks = [talk for path in files for talk in yaml.safe_load(path.read_text("utf-8"))[data["field"]]]
    sentences = dict.fromkeys(said for talk in talks for said in talk if isinstance(said, str))
    return [np.array(found.ids, np.int64) for found in tokenizer.encode_batch(list(sentences))]


def ways_of(sessions: dict[str, npuspec.Session]) -> dict[str, Way]:
    """Return the ways to embed all sentences."""
    one, eight = sessions["one size"], sessions["buckets, 8 at once"]

    def many(session: npuspec.Session) -> Way:
        return lambda all_: [result[EMBEDDINGS] for result in session.infer_many([{"input_ids": ids} for ids in all_])]

    return {
        "one size, one at a time": lambda all_: [one.infer({"input_ids": ids})[EMBEDDINGS] for ids in all_],
        **{name: many(session) for name, session in sessions.items()},
        "buckets, 8 at once, streamed": lambda all_: [
            result[EMBEDDINGS] for result in eight.stream({"input_ids": ids} for ids in all_)
        ],
    }


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7, help="how often all sentences go through each (default 7)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", npuspec.FallbackWarning)

    arguments.folder.mkdir(parents=True, exist_ok=True)
    sessions = {}
    for name, spec in write_specs(arguments.folder).items():
        npuspec.apply(spec, spec.with_suffix(""), device="CPU")
        sessions[name] = npuspec.load(spec.with_suffix(""), device="CPU")
    ways = ways_of(sessions)
    sentences = read_sentences()
    first, *others = ways
    wanted = ways[first](sentences)
    for name in others:
        difference = max(float(np.abs(a - b).max()) for a, b in zip(wanted, ways[name](sentences), strict=True))
        print(f"{name}: largest difference from {first} {difference:.1e}")
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(arguments.rounds):
        for name in list(ways) if number % 2 else reversed(ways):
            start = time.perf_counter()
            ways[name](sentences)
            taken[name].append(time.perf_counter() - start)
    print(f"{len(sentences)} sentences, medians of {arguments.rounds} rounds in turn")
    for name, times in taken.items():
        ratio = median(a / b for a, b in zip(taken[first], times, strict=True))
        print(f"  {name:30} {len(sentences) / median(times):8.0f} a second, {ratio:5.2f} times as many as {first}")


if __name__ == "__main__":
    main()
