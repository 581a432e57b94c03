"""A spec's text as it is estimated for an NPU that it needn't name."""

import tomli

from npuspec.tune.edit import drop, put

TILES = {"3720": (1, 2), "4000": (2, 4), "5010": (1, 3)}
"""What Intel's compiler takes for THROUGHPUT and for LATENCY; what it makes of either hint is the same otherwise."""
_OF_PLATFORM = ("compile-s", "latency-ms", "throughput")
"""The budgets that a compiler shows of a platform; `size-mib` without one is of all that ships."""


def for_platform(text: str, platform: str) -> str:
    """Return the text with a platform among those that are compiled for."""
    named = tomli.loads(text).get("target", {}).get("platforms", ())
    return put(text, {("target", "platforms"): sorted({*named, platform})})


def of_platform(text: str, platform: str) -> str:
    """Return the text with its budgets held of a platform, as far as a compiler for it shows what they ask."""
    gates = tomli.loads(text).get("gates", ())
    stated = {(gate.get("metric"), gate.get("variant")) for gate in gates if gate.get("platform") == platform}
    return put(
        text,
        {
            ("gates", number, "platform"): platform
            for number, gate in enumerate(gates)
            if "platform" not in gate
            and gate.get("metric") in _OF_PLATFORM
            and (gate["metric"], gate.get("variant")) not in stated
        },
    )


def alike(text: str, platform: str) -> str:
    """Return the text with as many tiles as an NPU takes for one inference, whatever the hint."""
    text = put(text, {("properties", "performance-hint"): "THROUGHPUT"})
    if platform in TILES:
        return put(text, {("properties", "tiles"): TILES[platform][1]})
    return drop(text, [("properties", "tiles")] if "tiles" in tomli.loads(text)["properties"] else [])
