"""The facts themselves, as plain data."""

from pydantic import Field

from npuspec.bundle.program import Dim, Extent, Frozen


class Port(Frozen):
    """An input or output of a model: its name, NumPy's name of its dtype, and its shape (None: varies)."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Signature(Frozen):
    """A model's ports, and its operations: their friendly names and their types, each in sorted order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    operations: tuple[str, ...]
    types: tuple[str, ...]
    attention: bool
    """Whether a softmax stands between two products of activations, as in a transformer."""


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
    """What is in the files of samples, as far as they could be decoded."""

    digests: dict[str, str] = Field(default_factory=dict)
    """By path, the SHA-256 of the arrays, whatever form they are saved in."""
    noise: dict[str, str] = Field(default_factory=dict)
    """By path, the kind of random numbers that a sample looks like."""
    constant: tuple[str, ...] = ()
    """Paths of samples that are one value over and over, such as silence or a black picture."""
