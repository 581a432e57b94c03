"""What is read from a model or a machine before anything is planned. Read in a child process, kept by digest."""

from npuspec.facts.formats import readers_of
from npuspec.facts.lines import read_lines
from npuspec.facts.model import Content, Lengths, Port, Signature
from npuspec.facts.read import (
    content,
    device_identities,
    given_samples,
    latency,
    lengths,
    signature,
    text_digests,
    toolchain,
)

__all__ = [
    "Content",
    "Lengths",
    "Port",
    "Signature",
    "content",
    "device_identities",
    "given_samples",
    "latency",
    "lengths",
    "read_lines",
    "readers_of",
    "signature",
    "text_digests",
    "toolchain",
]
