"""`npuspec report`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npuspec.cli.options import FILE
from npuspec.diagnostics.errors import EXIT_BUNDLE, EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from npuspec.diagnostics import BundleError
    from npuspec.plan.model import Plan
    from npuspec.report import Report
    from npuspec.tune.model import Report as Tuned

_MOST = 2**24  # bytes of what tuning found


@click.command("report")
@click.argument("bundle", metavar="BUNDLE|DIR", type=FILE)
@click.option("--output", "-o", type=FILE, help="Where it goes; report.html if left out, and Markdown is printed.")
@click.option("--markdown", is_flag=True, help="Write what matters in a pull request, as Markdown.")
@click.option("--against", metavar="BUNDLE|PLAN", type=FILE, help="Compare the plan with this one, not the last one.")
@click.option("--tuned", metavar="JSON", type=FILE, help="Show the candidates of `npuspec tune SPEC --json`.")
@click.option("--platform", metavar="NPU", help="Show the schedule that a compiler makes for this NPU, such as 4000.")
@click.option(
    "--compiler",
    metavar="COMMAND",
    help="What compiles for it; else NPUSPEC_NPU_COMPILER says it, or OpenVINO's own does.",
)
def report(
    bundle: Path,
    output: Path | None,
    markdown: bool,
    against: Path | None,
    tuned: Path | None,
    platform: str | None,
    compiler: str | None,
) -> None:
    """Write all that is known of a bundle, or of all bundles in a folder, on one page.

    \b
        npuspec report build/asr -o asr.html
        npuspec report build/asr --platform 4000
        npuspec tune specs/asr.toml --json > tuned.json; npuspec report build/asr --tuned tuned.json
        npuspec report build                          all that lie in it, and an overview
        npuspec report build/asr --markdown >> "$GITHUB_STEP_SUMMARY"

    The page is one file of HTML that needs no network: what the spec asks for, what was done, what the plan changed
    since the last version, accuracy and gates, latency, accuracy against latency, the time of operations and what was
    fused, for which the model is run on the CPU here, the engines' schedule, devices and caches. docs/report.md says
    more.
    """
    from npuspec.cli.output import print_error, write_file
    from npuspec.cli.progress import Progress
    from npuspec.cli.show import show_plan
    from npuspec.compilers import compiler_for
    from npuspec.report import Asked, Missing, bundles_in, gather_all
    from npuspec.report.markdown import render_markdown

    if markdown and platform:
        raise click.UsageError("--platform is for the page: Markdown has no schedule")
    if compiler is not None and platform is None:
        raise click.UsageError("--compiler compiles for --platform: name one, such as 4000")
    render_page = None if markdown else _page()
    found = bundles_in(bundle)
    if len(found) > 1 and (against or tuned):
        raise click.UsageError(f"--{'against' if against else 'tuned'} is of one bundle: name one of `{bundle}`")
    target = output or Path("report.html")
    if output is not None or not markdown:
        _check_outside(target, found)
    asked = Asked(
        tell=show_plan,
        against=None if against is None else (str(against), _plan(against)),
        run=not markdown,
        tuned=None if tuned is None else _tuned(tuned),
        platform=platform,
        compiler=None if platform is None else compiler_for([platform], compiler, "leave --platform out"),
    )
    with Progress() as progress:
        reports, broken = gather_all(found, asked, progress.announce, progress.counted)
        if render_page is None:
            text = render_markdown(reports, broken)
        else:
            progress.announce("drawing")
            text = render_page(reports, broken, f"npuspec report: {bundle.absolute().name}")
    if markdown and output is None:
        click.echo(text.encode(), nl=False)  # in any locale, as for a file
    else:
        write_file(target, text)
        click.echo(f"{target}: {len(text.encode()) / 2**20:.1f} MiB")
    for error in broken.values():
        print_error(error.diagnostics)
    if broken:
        raise click.exceptions.Exit(EXIT_BUNDLE)
    missing = [report.timeline.why for report in reports if platform and isinstance(report.timeline, Missing)]
    if missing:
        raise click.ClickException(f"there is no schedule: {missing[0]}")


def _check_outside(output: Path, bundles: "Sequence[Path]") -> None:
    """Refuse to write into a bundle that is read."""
    from npuspec.diagnostics import Diagnostic, SpecError

    for bundle in bundles:
        if output.resolve().is_relative_to(bundle.resolve()):
            message = f"`{output}` lies in the bundle `{bundle}`, whose files are as they were made"
            raise SpecError(Diagnostic("unwritable-output", message, "name a file outside of it"))


def _page() -> "Callable[[Sequence[Report], Mapping[str, BundleError], str], str]":
    """Return what renders the page, for which packages of an extra are needed."""
    from npuspec.diagnostics import Diagnostic, InputError

    try:
        from npuspec.report.page import render_page
    except ModuleNotFoundError as error:
        message = f"a report needs the package `{error.name}`"
        raise InputError(Diagnostic("missing-extra", message, "pip install 'npuspec[report]'")) from None
    return render_page


def _plan(path: Path) -> "Plan":
    from npuspec.cli.output import print_diagnostics
    from npuspec.plan.side import read_side
    from npuspec.store import Store

    side = read_side(path, Store())
    print_diagnostics(side.diagnostics, side.document)
    if side.plan is None:
        raise click.exceptions.Exit(EXIT_USAGE)
    return side.plan


def _tuned(path: Path) -> "Tuned":
    import msgspec

    from npuspec.diagnostics import Diagnostic, InputError
    from npuspec.tune.model import Report

    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MOST), type=Report)
    except (OSError, ValueError, RecursionError) as error:
        message = f"`{path}` isn't what `npuspec tune --json` writes: {error}"
        raise InputError(
            Diagnostic("wrong-argument", message, "make it: npuspec tune SPEC --json > tuned.json")
        ) from None
