"""What is read from a model or a machine before anything is planned. Read in a child process, kept by digest."""

from npuspec.facts.formats import readers_of
from npuspec.facts.lines import read_lines
from npuspec.facts.model import Content, FrontEnd, Lengths, Match, Parts, Port, Signature
from npuspec.facts.read import (
    content,
    device_identities,
    given_samples,
    latency,
    lengths,
    parts,
    signature,
    text_digests,
    toolchain,
)

__all__ = [
    "Content",
    "FrontEnd",
    "Lengths",
    "Match",
    "Parts",
    "Port",
    "Signature",
    "content",
    "device_identities",
    "given_samples",
    "latency",
    "lengths",
    "parts",
    "read_lines",
    "readers_of",
    "signature",
    "text_digests",
    "toolchain",
]
