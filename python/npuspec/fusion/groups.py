"""Chains of the same operations and the same fate, told together."""

from collections.abc import Iterable
from itertools import groupby

from npuspec.bundle.program import Frozen
from npuspec.fusion.model import Border, Judged

_LONG = 5  # operations of a chain that are all named


class Group(Frozen):
    """Chains that are alike, of which each is told as the first is."""

    chains: tuple[Judged, ...]

    @property
    def first(self) -> Judged:
        """The one that stands for all."""
        return self.chains[0]

    @property
    def chain(self) -> str:
        """What they are made of, by type."""
        types = [operation.type for operation in self.first.operations]
        return f"{self.first.kind} of {len(types)} operations" if len(types) > _LONG else " + ".join(types)

    @property
    def apart(self) -> str:
        """What runs by itself, by type."""
        return _apart(self.first)

    @property
    def us(self) -> float:
        """The time of that, of all together."""
        return sum(chain.us for chain in self.chains)

    @property
    def share(self) -> float:
        """Of the whole."""
        return sum(chain.share for chain in self.chains)

    @property
    def counted(self) -> bool:
        """Whether the time is all known."""
        return all(chain.counted for chain in self.chains)

    @property
    def time(self) -> str:
        """The time in words."""
        return _time(self.us, self.counted)


def grouped(chains: Iterable[Judged]) -> list[Group]:
    """Return chains in groups, what takes longest first."""
    groups = [Group(chains=tuple(found)) for _, found in groupby(sorted(chains, key=_key), _key)]
    return sorted(groups, key=lambda group: -group.us)


def _key(chain: Judged) -> tuple[str, ...]:
    return chain.verdict, Group(chains=(chain,)).chain, _apart(chain), chain.cause or ""


def _apart(chain: Judged) -> str:
    types = [operation.type for operation in chain.operations if operation.name in chain.apart]
    return " + ".join(types) if len(types) <= _LONG else f"{len(types)} of them"


def border_in_words(border: Border) -> str:
    """Return what is done at a border, and what it costs."""
    gives, takes = ("given as", "takes") if border.side == "input" else ("taken as", "gives")
    form = f": {gives} {border.caller}, and the device {takes} {border.device}" if border.device else ": axes are moved"
    return f"{border.side} {border.port}{form}, {_time(border.us, border.counted)}, {border.share:.1%}"


def _time(us: float, counted: bool) -> str:
    return f"{us:.1f} us" if counted else f"above {us:.1f} us"
