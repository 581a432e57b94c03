"""What is found of a model's chains, of what a device executed, and what comes of holding one against the other."""

from typing import Literal

from msgspec import field

from npuspec.bundle.program import Frozen

Cause = Literal["consumer", "quantizer", "dtype", "dynamic", "shape", "written-out", "device"]
"""Why a chain isn't one: what stands in the model, or else nothing but the device."""


class Operation(Frozen):
    """An operation, by its name in the model and OpenVINO's type of it."""

    name: str
    type: str


class Obstacle(Frozen):
    """What stands in the model in the way of a link."""

    behind: str
    """The operation behind which it stands."""
    before: str
    """The link that it keeps apart from those before."""
    cause: Cause
    by: str
    """What it is, in words."""


class Chain(Frozen):
    """Operations, each of which reads the one before, that devices can make one of."""

    kind: Literal["convolution", "matmul", "normalisation"]
    links: tuple[Operation, ...]
    obstacles: tuple[Obstacle, ...] = ()


class Port(Frozen):
    """An input or an output, by the name that callers know."""

    name: str
    dtype: str


class Graph(Frozen):
    """What is looked for in a model."""

    chains: tuple[Chain, ...]
    types: dict[str, str]
    """Operation to type."""
    inputs: dict[str, Port]
    """By the name that the parameter has in the graph."""
    outputs: dict[str, Port]
    first: dict[str, str]
    """Operations that read an input, and the parameter."""
    last: dict[str, str]
    """Operations that give an output, and the result."""


class Node(Frozen):
    """What a device executed as one."""

    name: str
    operations: tuple[str, ...]
    """Those of the model that are in it, by name."""
    type: str
    us: float = 0.0
    counted: bool = True
    """Whether the time is known: an estimate counts some as nothing."""
    precision: str = ""
    """What it computes in; empty where that isn't known."""
    dtype: str = ""
    """What it gives."""
    layout: str = ""
    reads: tuple[str, ...] = ()
    converts: dict[str, float] = field(default_factory=dict)
    """Dtypes that it converts to by the way, with the time that takes."""
    moves_us: float = 0.0
    """How long it only moves axes."""


class Executed(Frozen):
    """What a device executed."""

    nodes: tuple[Node, ...]
    whole_us: float


class Judged(Frozen):
    """A chain, and what became of it."""

    kind: str
    operations: tuple[Operation, ...]
    verdict: Literal["fused", "apart", "unknown"]
    apart: tuple[str, ...] = ()
    """Operations that run by themselves."""
    cause: Cause | None = None
    why: str = ""
    advice: str = ""
    us: float = 0.0
    counted: bool = True
    share: float = 0.0
    """Of the whole."""


class Border(Frozen):
    """What is done to an input before the model's own operations, or to an output behind them."""

    side: Literal["input", "output"]
    port: str
    what: Literal["layout", "dtype"]
    caller: str
    """What the caller gives or takes; empty where that isn't known."""
    device: str
    """What the device takes or gives."""
    us: float
    counted: bool = True
    share: float
    advice: str


class Report(Frozen):
    """All that was found for one model on one device."""

    device: str
    variant: str | None
    estimated: bool
    """Whether times are a compiler's estimate, and nothing ran."""
    whole_us: float
    chains: tuple[Judged, ...]
    borders: tuple[Border, ...]
