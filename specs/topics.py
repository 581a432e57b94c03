"""Topic accuracy of sentence embeddings: how often the sentence that is nearest to another is of the same topic.

A metric for a spec beside this file, such as text.toml. A sentence's topic is the file that it stands in.

    [[gates]]
    metric = "function"
    function = "topics:topic_accuracy"
    of = "quantized"
    compared = "with-original"
    min = -0.02

    npuspec apply specs/text.toml --allow-code
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

EMBEDDINGS = "onnx::Shape_422"  # the output, one vector for each sentence
_ROWS = 1024  # sentences that are compared with all others at once


def topic_accuracy(
    outputs: Sequence[Mapping[str, NDArray[Any]]], names: Sequence[str], labels: Sequence[str] | None
) -> float:
    """Return the share of sentences whose nearest by cosine, they themselves left out, is of their topic.

    Args:
        outputs: each sentence's.
        names: such as `english/ai.yml:3`.
        labels: not looked at.

    """
    del labels
    topics = np.array([PurePosixPath(name.rpartition(":")[0]).stem for name in names])
    vectors = np.stack([sample[EMBEDDINGS] for sample in outputs]).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    right = 0
    for first in range(0, len(vectors), _ROWS):
        cosines = vectors[first : first + _ROWS] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, first + rows] = -np.inf
        right += int((topics[cosines.argmax(axis=1)] == topics[first + rows]).sum())
    return right / len(vectors)
