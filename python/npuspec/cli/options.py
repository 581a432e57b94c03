"""Arguments and options that several verbs have."""

from pathlib import Path
from typing import Any, Literal

import click

Device = Literal["NPU", "CPU"]
FILE = click.Path(path_type=Path)


class _Devices(click.Choice[str]):
    """Devices; what OpenVINO would choose among them by itself is refused with what it would do."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from npuspec.npu import explain_chooser

        if (chooser := explain_chooser(value)) is not None:
            self.fail(f"{chooser[0]}. Name one of {', '.join(self.choices)}.", param, ctx)
        return super().convert(value, param, ctx)


DEVICE = _Devices(["NPU", "CPU"])

allow_code = click.option("--allow-code", is_flag=True, help="Run code that the spec names beside it.")
device = click.option("--device", type=DEVICE, help="Instead of the spec's target and its fallbacks.")


def complete_variants(ctx: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    """Return the variants of the bundle that is named before, for a shell to complete."""
    from npuspec.bundle import open_bundle
    from npuspec.diagnostics import NpuspecError

    try:  # an option without its value leaves arguments unread
        variants = open_bundle(Path(*ctx.args[:1]), hashed=False).manifest.program.variants
    except NpuspecError:
        return []
    return [variant.name for variant in variants if variant.name.startswith(start)]
