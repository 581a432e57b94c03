"""What OpenVINO's virtual devices do, which choose among devices by themselves."""

DEVICES = ("NPU", "CPU")
"""Those that npuspec runs models on."""

_WHAT = {
    "AUTO": "runs on the first of {} that is there and takes the model, on the CPU until that has compiled, and on "
    "another where an inference fails: none of it is said",
    "MULTI": "spreads requests over {}, so that neighbours are of different devices",
    "HETERO": "splits the model's operations between {}, which an NPU's plugin doesn't support",
    "BATCH": "gathers requests for {} into batches, which an NPU's plugin doesn't support",
}
_ALL = {
    "AUTO": "the GPUs and the CPU (its own list has no NPU)",
    "MULTI": "no device",
    "HETERO": "no device",
    "BATCH": "no device",
}


def explain_chooser(device: str) -> tuple[str, str] | None:
    """Return what a virtual device such as `AUTO:NPU,CPU` does, and what to state instead; None for any other."""
    kind, _, listed = device.partition(":")
    kind = kind.strip().upper()
    if kind not in _WHAT:
        return None
    names = [name.strip().partition("(")[0].upper() for name in listed.split(",") if name.strip()]
    taken = [name for name in names if not name.startswith("-")]
    left_out = [name[1:] for name in names if name.startswith("-")]
    among = ", ".join(taken) or _ALL[kind] + (f", without {', '.join(left_out)}" if left_out else "")
    ours = [name for name in dict.fromkeys(name.partition(".")[0] for name in taken) if name in DEVICES]
    target, *fallback = ours or DEVICES
    stated = f', and what may take its place: fallback = ["{fallback[0]}"]' if fallback else ""
    return f"`{device}` {_WHAT[kind].format(among)}", f'state the device: device = "{target}"{stated}'
