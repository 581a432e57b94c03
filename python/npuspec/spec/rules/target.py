"""Which devices the model may run on, and how it will be used there."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Severity
from npuspec.spec.models import Spec


def fallback_is_target(spec: Spec) -> Iterator[Diagnostic]:
    """A fallback is another device."""
    for index, device in enumerate(spec.target.fallback):
        if device in (spec.target.device, *spec.target.fallback[:index]):
            help_ = "name another device, or take it out"
            at = ("target", "fallback", index)
            fault = Diagnostic("useless-fallback", f"falling back to `{device}` changes nothing", help_)
            yield fault.at(at).mend(at, "entry")


def hidden_fallback(spec: Spec) -> Iterator[Diagnostic]:
    """With a fallback an application runs on where its NPU is absent, and its users may never hear of it."""
    if spec.target.device == "NPU" and (others := [d for d in spec.target.fallback if d != "NPU"]):
        message = f"where the NPU is absent, the model runs on {others[0]}, with a warning that an application may hide"
        help_ = "leave `fallback` out, so that an absent NPU is an error, or allow this with the reason"
        fault = Diagnostic("hidden-fallback", message, help_, severity=Severity.WARNING)
        yield fault.at(("target", "fallback"))


def platforms_of_npu(spec: Spec) -> Iterator[Diagnostic]:
    """Platforms are NPUs."""
    if spec.target.platforms and "NPU" not in (spec.target.device, *spec.target.fallback):
        message = "`platforms` are NPUs, and the spec's devices have none"
        help_ = 'take it out, or state device = "NPU"'
        yield Diagnostic("useless-platforms", message, help_).at(("target", "platforms"))


def uncached(spec: Spec) -> Iterator[Diagnostic]:
    """Without a cache an NPU's compiler runs at every start."""
    if "NPU" in (spec.target.device, *spec.target.fallback) and spec.cache.kind == "none":
        message = "nothing is cached: every start compiles the model anew, which can take minutes on an NPU"
        help_ = 'kind = "blob", which puts the compiled model into the bundle'
        yield Diagnostic("no-cache", message, help_, severity=Severity.WARNING).at(("cache", "kind"))


def sustained_turbo(spec: Spec) -> Iterator[Diagnostic]:
    """Turbo is for short loads: under a sustained one the power limit takes it back."""
    if spec.properties.device.get("turbo") is True and spec.load.kind == "sustained":
        message = "turbo isn't meant for a sustained load: the platform's power limit takes it back, and others pay"
        fault = Diagnostic("turbo-sustained", message, "take turbo out", severity=Severity.WARNING)
        yield fault.at(("properties", "turbo")).at(("load", "kind"), "the load is sustained")
