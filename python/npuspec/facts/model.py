"""The facts themselves, as plain data."""

from msgspec import field

from npuspec.bundle.program import Dim, Extent, Frozen


class Port(Frozen):
    """An input or output of a model: its name, NumPy's name of its dtype, and its shape (None: varies)."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class FrontEnd(Frozen):
    """A spectrum that a model makes of an input in itself, up to its logarithm."""

    inputs: tuple[str, ...]
    """The model's inputs that it is made of."""
    outputs: tuple[str, ...]
    """The logarithms."""
    operations: dict[str, str]
    """What can be quantized of it: names, each with the type of the operation."""


class Signature(Frozen):
    """A model's ports, and its operations: their friendly names and their types, each in sorted order.

    Constants are none, and neither are the nodes that stand for inputs and outputs: NNCF quantizes what reads them.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    operations: tuple[str, ...]
    types: tuple[str, ...]
    attention: bool
    """Whether a softmax stands between two products of activations, as in a transformer."""
    front_end: FrontEnd | None = None


class Match(Frozen):
    """The operations that a pattern matches from their names' beginning; else one whose name holds a match."""

    names: tuple[str, ...]
    within: str | None


class Parts(Frozen):
    """What patterns and subgraphs mean in a model, in the order in which they were asked for."""

    patterns: tuple[Match, ...]
    subgraphs: tuple[tuple[str, ...], ...]
    """Operations on a path from one of the inputs to one of the outputs, with both; sorted."""
    ends: tuple[tuple[str, ...], ...]
    """Of each subgraph, those of its inputs and outputs that are on no such path."""


class Lengths(Frozen):
    """What propagating several sizes through the model showed.

    `failures` are outputs whose length couldn't be found, each with the reason.
    """

    dims: dict[str, Dim]
    extents: dict[str, tuple[Extent, ...]]
    failures: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    """Each output's shape at the largest sizes."""


class Content(Frozen):
    """What is in the files of samples."""

    digests: dict[str, str] = field(default_factory=dict)
    """By path, the SHA-256 of the arrays, whatever form they are saved in."""
    noise: dict[str, str] = field(default_factory=dict)
    """By path, the kind of random numbers that a sample looks like."""
    constant: tuple[str, ...] = ()
    """Paths of samples that are one value over and over, such as silence or a black picture."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """By path, why a file couldn't be decoded."""
