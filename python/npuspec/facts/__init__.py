"""What is read from a model or a machine before anything is planned. Read in a child process, kept by digest."""

from npuspec.facts.formats import readers_of
from npuspec.facts.lines import read_lines
from npuspec.facts.model import Lengths, Port, Signature
from npuspec.facts.read import device_identities, latency, lengths, noise, signature, text_digests, toolchain

__all__ = [
    "Lengths",
    "Port",
    "Signature",
    "device_identities",
    "latency",
    "lengths",
    "noise",
    "read_lines",
    "readers_of",
    "signature",
    "text_digests",
    "toolchain",
]
