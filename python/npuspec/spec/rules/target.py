"""Which devices the model may run on."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic
from npuspec.spec.models import Spec


def fallback_is_target(spec: Spec) -> Iterator[Diagnostic]:
    """A fallback is another device."""
    for index, device in enumerate(spec.target.fallback):
        if device in (spec.target.device, *spec.target.fallback[:index]):
            help_ = "name another device, or take it out"
            yield Diagnostic("useless-fallback", f"falling back to `{device}` changes nothing", help_).at(
                ("target", "fallback", index)
            )
