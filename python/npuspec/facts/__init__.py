"""What is read from a model or a machine before anything is planned. Read in a child process, kept by digest."""

from npuspec.facts.formats import readers_of
from npuspec.facts.model import FrontEnd, Lengths, Match, Parts, Port, Signature
from npuspec.facts.read import device_identities, latency, lengths, noise, parts, signature, text_digests, toolchain

__all__ = [
    "FrontEnd",
    "Lengths",
    "Match",
    "Parts",
    "Port",
    "Signature",
    "device_identities",
    "latency",
    "lengths",
    "noise",
    "parts",
    "readers_of",
    "signature",
    "text_digests",
    "toolchain",
]
