"""`npuspec check`."""

from pathlib import Path
from typing import Any

import click

from npuspec.cli.options import FILE
from npuspec.diagnostics.errors import EXIT_USAGE

_ROUNDS = 20  # of mends that uncover others; more would mean that two of them undo each other
FORMATS = ("text", "concise", "json", "github", "sarif")


@click.command("check")
@click.argument("specs", nargs=-1, required=True, type=FILE)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="text", help="How faults are printed.", show_default=True
)
@click.option("--fix", is_flag=True, help="Mend what has one safe mend, in the files themselves.")
def check(specs: tuple[Path, ...], format_: str, fix: bool) -> None:
    """Check specs: the TOML, the language, its rules, and the model if it is on this disk already.

    Never touches the network. All faults of all files are printed at once, with the place in the TOML and what to do.
    Exit code 0 without errors, 2 with.

    \b
    text     for people, on stderr; files without errors are listed on stdout
    concise  a line for each fault
    json     all that is known, for programs
    github   workflow commands, which annotate a pull request
    sarif    SARIF 2.1.0, for code scanning
    """
    from npuspec.cli.output import print_error, print_rows
    from npuspec.diagnostics.disk import disk_fault
    from npuspec.diagnostics.text import printable

    rows: list[dict[str, Any]] = []
    for path in dict.fromkeys(specs):
        try:
            found, text = _mended(path) if fix else _verdict(path)
        except OSError as error:
            print_error([disk_fault(error)])
            raise click.exceptions.Exit(EXIT_USAGE) from None
        rows += found
        if format_ == "text":
            print_rows(found, text)
            if not _has_errors(found):
                click.echo(printable(f"{path}: ok"))
    if format_ != "text":
        click.echo(_rendered(rows, format_), nl=False)
    elif not fix and (count := sum(bool(row["edits"]) for row in rows)):
        click.echo(f"{count} of these can be mended: npuspec check --fix", err=True)
    if _has_errors(rows):
        raise click.exceptions.Exit(EXIT_USAGE)


def _verdict(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Return a spec's diagnostics in their JSON form, and its text; what hasn't changed isn't looked at again."""
    from npuspec.store.entries import cache_dir
    from npuspec.store.recall import keep, recall, watching

    root, question = cache_dir(), ["check", str(path), str(path.absolute())]
    if (kept := recall(root, question)) is not None:
        return kept["rows"], kept["text"]
    from npuspec.diagnostics.form import json_form
    from npuspec.plan import check as check_spec
    from npuspec.store import Store

    with watching() as seen:
        document, diagnostics = check_spec(path, Store(root))
        rows = json_form(diagnostics, document)
    keep(root, question, seen, {"rows": rows, "text": document.text})
    return rows, document.text


def _mended(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Mend a spec and return what is left; one mend may uncover the next."""
    from npuspec.diagnostics.form import json_form
    from npuspec.diagnostics.mend import apply_edits, mendable, write_text
    from npuspec.diagnostics.text import printable
    from npuspec.plan import check as check_spec
    from npuspec.store import Store

    count = 0
    for _ in range(_ROUNDS):
        document, diagnostics = check_spec(path, Store())
        rows = json_form(diagnostics, document)
        if not (done := mendable(document.text, rows)):
            break
        write_text(path, apply_edits(document.text, rows))
        count += len(done)
    if count:
        click.echo(printable(f"{path}: {count} {'fault' if count == 1 else 'faults'} mended"), err=True)
    return rows, document.text


def _has_errors(rows: list[dict[str, Any]]) -> bool:
    return any(row["severity"] == "error" for row in rows)


def _rendered(rows: list[dict[str, Any]], format_: str) -> str:
    match format_:
        case "concise":
            from npuspec.diagnostics.concise import render_concise

            return render_concise(rows)
        case "github":
            from npuspec.diagnostics.github import render_github

            return render_github(rows)
        case "sarif":
            from npuspec.diagnostics.sarif import render_sarif

            return render_sarif(rows)
        case _:
            import json

            return json.dumps(rows, indent=1) + "\n"
