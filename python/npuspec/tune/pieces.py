"""Advice that is heard everywhere, as it is heard, and how `npuspec tune` tries it on a model."""

import textwrap
from typing import NamedTuple

_WIDTH = 100


class Piece(NamedTuple):
    """A piece of advice."""

    claim: str
    tried: str
    known: str
    """What decides whether it holds."""


PIECES = {
    "turbo": Piece(
        "Turbo mode makes an NPU faster.",
        "The spec at FP16 and batch 1 with `turbo`, timed on an NPU beside the same without.",
        "It asks for the highest clock. A driver may drop that without a word, and heat ends it; an estimate is made "
        "for one clock, and shows nothing of it.",
    ),
    "int8": Piece(
        "INT8 is three to four times faster than FP16.",
        "The spec in INT8 beside FP16, both at batch 1: first the gates, then the latency.",
        "Matrix products and convolutions gain. What stands between them may have to be converted back and forth, so "
        "that small or depthwise layers lose. What fails its gates isn't taken, however fast.",
    ),
    "nhwc": Piece(
        "Give pictures as NHWC, which is an NPU's own layout.",
        "The input as NHWC with the turn of its axes in the model, beside the spec as it is.",
        "It spares one move of the input, and nothing where the compiler removes that anyway.",
    ),
    "batch": Piece(
        "Batches of 4, 8 or 16 raise the throughput.",
        "The spec with batches of 4, 8 and 16 as far as they don't harm, the time for a sample beside that of batch 1.",
        "A batch gains where weights are read once for all samples, and loses where its activations no longer fit the "
        "NPU's own memory. A sample of it waits for all others.",
    ),
    "caches": Piece(
        "A compiled model that is kept makes the start fast.",
        "Loading the bundle in processes of its own, with nothing kept and with what the first start left.",
        "It spares compiling, once for each version of the driver.",
    ),
    "buckets": Piece(
        "Several sizes waste less on padding than one.",
        "The sizes of the spec beside the largest alone, the mean over its real lengths.",
        "It depends on nothing but how the lengths lie, and on what each size costs: `npuspec buckets`.",
    ),
    "hint": Piece(
        "THROUGHPUT gives more samples a second, LATENCY an earlier answer.",
        "The spec with either hint, as many inferences at a time as the device finds best.",
        "On an NPU it sets the number of tiles and of infer requests; on a CPU that of streams and their threads.",
    ),
    "async": Piece(
        "Many infer requests under way give more samples a second than one after the other.",
        "The spec at FP16 and batch 1, one inference at a time and then as many as the device finds best.",
        "It gains where one inference leaves a part of the device idle, or the host works in between.",
    ),
}  # fmt: skip


def explain_advice(name: str) -> str | None:
    """Return a piece of advice as text for people; None where none is called so."""
    if (piece := PIECES.get(name.lower())) is None:
        return None
    paragraphs = (
        f"advice: {piece.claim}",
        f"tried as: {piece.tried}",
        piece.known,
        "Whether it holds for a model on a device: npuspec tune SPEC. More: docs/advice.md",
    )
    return "\n\n".join(textwrap.fill(text, _WIDTH) for text in paragraphs)
