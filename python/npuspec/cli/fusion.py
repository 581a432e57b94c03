"""`npuspec fusion`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npuspec.cli.options import DEVICE, FILE, Device, complete_variants
from npuspec.diagnostics.errors import EXIT_FAILED

if TYPE_CHECKING:
    from npuspec.fusion import Asked


@click.command("fusion")
@click.argument("model", metavar="BUNDLE|MODEL", type=FILE)
@click.option("--device", type=DEVICE, help="What runs it.  [default: CPU]")
@click.option("--platform", metavar="NUMBER", help="Compile it for this NPU, which needn't be here: 4000.")
@click.option(
    "--variant",
    metavar="NAME",
    shell_complete=complete_variants,
    help="Which of a bundle's models.  [default: the largest]",
)
@click.option(
    "--compiler",
    metavar="COMMAND",
    help="What compiles for --platform; else NPUSPEC_NPU_COMPILER says it, or OpenVINO's own does.",
)
@click.option("--fail-on", type=click.Choice(["unfused"]), help="Exit code 1 where a chain isn't fused.")
@click.option("--json", "json_", is_flag=True, help="Print all that was found as JSON.")
def fusion(
    model: Path,
    device: Device | None,
    platform: str | None,
    variant: str | None,
    compiler: str | None,
    fail_on: str | None,
    json_: bool,
) -> None:
    """Find out which operations a device makes one of, and which it doesn't, with what that costs.

    Looked at are chains of a convolution or a MatMul with its bias and activation, and normalisations, in a bundle's
    model or in an ONNX or OpenVINO IR file of static shapes; and what is converted or moved at its inputs and outputs.

    \b
        npuspec fusion build/asr                         run on the CPU, and timed
        npuspec fusion build/asr --platform 4000         what the compiler for an NPU makes of it: estimated
        npuspec fusion model.onnx --fail-on unfused      for CI

    A CPU shows what became of each operation, an NPU's compiler a schedule of what it will run. What neither names
    isn't judged, and is told apart from what is fused.

    Exit codes: 0 all was looked at, 1 a stage failed, or with --fail-on a chain isn't fused, 2 the model or the call is
    wrong, 3 the bundle is broken, 4 no such device.
    """
    from npuspec.cli.fusion_show import show
    from npuspec.cli.progress import Progress
    from npuspec.compilers import compiler_for
    from npuspec.facts import device_identities
    from npuspec.fusion import check_fusion
    from npuspec.npu import choose_device

    if device is not None and platform is not None:
        raise click.UsageError("--platform compiles for an NPU that needn't be here, and --device runs: leave one out")
    if compiler is not None and platform is None:
        raise click.UsageError("--compiler compiles for --platform: name one, such as 4000")
    wanted = device or ("NPU" if platform else "CPU")
    asked = (
        _of_bundle(model, variant, wanted, platform) if model.is_dir() else _of_file(model, variant, wanted, platform)
    )
    chosen = None if platform is None else compiler_for([platform], compiler, "look at what runs here: --device CPU")
    with Progress() as progress:
        if platform is None:
            choose_device([wanted], device_identities())
        progress.announce(f"compiling for NPU {platform}" if platform else f"running on {wanted}")
        report = check_fusion(asked, progress.counted, chosen)
    if json_:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())
    else:
        show(report, str(model))
    if fail_on and any(chain.verdict == "apart" for chain in report.chains):
        raise click.exceptions.Exit(EXIT_FAILED)


def _of_bundle(path: Path, variant: str | None, device: Device, platform: str | None) -> "Asked":
    from npuspec.bundle import open_bundle
    from npuspec.diagnostics import Diagnostic, SpecError
    from npuspec.diagnostics.suggest import did_you_mean
    from npuspec.fusion import Asked

    bundle = open_bundle(path)
    names = [found.name for found in bundle.manifest.program.variants]
    if variant is not None and variant not in names:
        help_ = did_you_mean(variant, names) or f"it has {', '.join(names)}"
        raise SpecError(Diagnostic("unknown-variant", f"the bundle has no variant `{variant}`", help_))
    return Asked.of_bundle(bundle, device, platform, variant)


def _of_file(path: Path, variant: str | None, device: Device, platform: str | None) -> "Asked":
    """Return a model file, copied with what belongs to it to a place that only npuspec writes."""
    from npuspec.diagnostics import SpecError
    from npuspec.fusion import Asked
    from npuspec.sources import fetch_unpinned
    from npuspec.store import Store

    if variant is not None:
        raise click.UsageError("--variant is one of a bundle's, and this is a model")
    fetched, faults = fetch_unpinned(path.name, folder=path.parent, store=Store())
    if fetched is None:
        raise SpecError(faults)
    return Asked(model=fetched.root / fetched.entry, device=device, platform=platform)
