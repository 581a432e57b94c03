"""From sentences to a padded batch of token ids: what the tokenizer takes, and what is left besides.

The tokenizer's Python library gives ids as lists alone. So they become lists, arrays, and a batch; the mask never is a
list, since it follows from the lengths.

    python benches/tokens.py
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import tomli
from tokenizers import Tokenizer

import npuspec
from npuspec import kernels

SPEC = Path(__file__).parent.parent / "specs" / "text.toml"
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "runs",
    "away",
    "from",
    "us",
    "all",
]
BATCH, SIZE = 32, 128


def measure(step: Callable[[], object], rounds: int) -> float:
    """Return the median of a step's microseconds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        taken.append((time.perf_counter() - start) * 1e6)
    return median(taken)


def main() -> None:
    """Measure each step."""
    data = tomli.loads(SPEC.read_text("utf-8"))["data"]
    (file,) = npuspec.fetch(data["tokenizer"], sha256=data["tokenizer-sha256"])
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    draw = np.random.default_rng(0)
    sentences = [" ".join(draw.choice(WORDS, draw.integers(20, 100))) for _ in range(BATCH)]
    encoded = tokenizer.encode_batch(sentences)
    lists = [one.ids for one in encoded]
    ids = [np.array(one, np.int64) for one in lists]
    out, mask = np.empty((BATCH, SIZE), np.int64), np.empty((BATCH, SIZE), np.int64)
    steps: dict[str, Callable[[], object]] = {
        "encode": lambda: tokenizer.encode_batch(sentences),
        "encode without offsets": lambda: tokenizer.encode_batch_fast(sentences),
        "ids to lists": lambda: [one.ids for one in encoded],
        "masks to lists": lambda: [one.attention_mask for one in encoded],
        "lists to arrays": lambda: [np.array(one, np.int64) for one in lists],
        "pad, with mask": lambda: kernels.pad(ids, out=out, mask=mask),
    }
    whole = measure(steps["encode"], 31)
    for name, step in steps.items():
        taken = measure(step, 31)
        print(f"{name:24}{taken:10.1f} us {taken / whole:7.2%} of encode")


if __name__ == "__main__":
    main()
