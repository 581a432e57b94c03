"""`npuspec run`."""

from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import typer


def run(
    bundle: Annotated[Path, typer.Argument(help="A bundle, as `apply` made it.", show_default=False)],
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=FILE.npy",
            help="An unpadded array without batch axis; once for each data input.",
        ),
    ],
    output: Annotated[
        Optional[Path],  # noqa: UP045  typer reads the annotation
        typer.Option("--output", "-o", help="Write the outputs to this .npz file.", show_default=False),
    ] = None,
    device: Annotated[
        Optional[Literal["NPU", "CPU"]],  # noqa: UP045
        typer.Option(help="Instead of the bundle's target and fallbacks."),
    ] = None,
) -> None:
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
        typer.secho(f"note: {printable(note)}", err=True, bold=True)
    with session:
        start = time.perf_counter()
        outputs = session.infer(arrays)
        milliseconds = (time.perf_counter() - start) * 1e3
    for name, array in outputs.items():
        typer.echo(f"{name}: {list(array.shape)} {array.dtype}")
    typer.echo(f"{milliseconds:.1f} ms on {session.device}", err=True)
    if output is not None:
        try:
            with output.open("wb") as file:
                write_arrays(file, outputs)
        except OSError as error:
            message = f"can't write `{output}`: {error.strerror}"
            raise InputError(
                Diagnostic("unwritable-output", message, "name a file in a folder that is there")
            ) from None
