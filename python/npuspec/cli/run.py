"""`npuspec run`."""

from pathlib import Path
from typing import Any

import click

from npuspec.cli.options import DEVICE, FILE, Device

_ORIGINS = {
    "blob": "compiled before, in the bundle",
    "hit": "compiled before, in the cache",
    "miss": "compiled now, and in the cache from now on",
    "compiled": "compiled now, and not kept",
}


@click.command("run")
@click.argument("bundle", type=FILE)
@click.option(
    "--input",
    "-i",
    "inputs",
    metavar="NAME=FILE.npy",
    multiple=True,
    required=True,
    help="An unpadded array without batch axis; once for each data input.",
)
@click.option("--output", "-o", type=FILE, help="Write the outputs to this .npz file.")
@click.option("--device", type=DEVICE, help="Instead of the bundle's target and fallbacks.")
def run(bundle: Path, inputs: tuple[str, ...], output: Path | None, device: Device | None) -> None:
    """Run a bundle on one sample: a line for each output, and with --output its values.

    Lengths and masks are made by npuspec, and outputs are cut to the sample's valid length.
    """
    import time
    import warnings

    from npuspec.diagnostics import Diagnostic, InputError
    from npuspec.diagnostics.text import printable
    from npuspec.runtime import FallbackWarning, load
    from npuspec.runtime.arrays import read_array, write_arrays

    def read(argument: str) -> tuple[str, Any]:
        name, equals, file = argument.partition("=")
        if not equals:
            raise InputError(
                Diagnostic("wrong-argument", f"`{argument}` isn't NAME=FILE.npy", "--input waveform=clip.npy")
            )
        try:
            return name, read_array(Path(file))
        except ValueError as error:
            message = f"`{file}` is no array that can be read: {error}"
            raise InputError(Diagnostic("unreadable-sample", message, "numpy.save writes one")) from None

    arrays = dict(read(argument) for argument in inputs)
    if len(arrays) < len(inputs):
        raise InputError(Diagnostic("wrong-argument", "an input is given twice", "--input once for each data input"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)  # it stands in the notes
        session = load(bundle, device=device)
    for note in session.notes:
        click.secho(f"note: {printable(note)}", err=True, bold=True)
    with session:
        start = time.perf_counter()
        outputs = session.infer(arrays)
        milliseconds = (time.perf_counter() - start) * 1e3
    for name, array in outputs.items():
        click.echo(f"{name}: {list(array.shape)} {array.dtype}")
    click.echo(f"{milliseconds:.1f} ms on {session.device}", err=True)
    click.echo("; ".join(f"{name}: {_ORIGINS[origin]}" for name, origin in session.origins.items()), err=True)
    if output is not None:
        try:
            with output.open("wb") as file:
                write_arrays(file, outputs)
        except OSError as error:
            message = f"can't write `{output}`: {error.strerror}"
            raise InputError(
                Diagnostic("unwritable-output", message, "name a file in a folder that is there")
            ) from None
