"""The verbs, and the one place where errors become messages and exit codes."""

import os
import signal
import sys
from typing import NoReturn

import typer

from npuspec.cli import apply, check, explain, plan, run
from npuspec.cli.output import print_error
from npuspec.diagnostics import Diagnostic, NpuspecError
from npuspec.diagnostics.disk import disk_fault
from npuspec.diagnostics.errors import EXIT_FAILED, EXIT_INTERNAL, EXIT_INTERRUPTED

_HELP = """Deployment specs for Intel NPUs: one TOML file, checked, planned, applied and measured.

\b
    npuspec check specs/asr.toml      is it right? (no network)
    npuspec plan specs/asr.toml       what exactly will be done?
    npuspec apply specs/asr.toml      do it: a bundle with its evidence
    npuspec run build/asr --input waveform=clip.npy

Exit codes: 0 done, 1 a stage or gate failed, 2 the spec or the call is wrong, 3 the bundle is broken, 4 no such device.
"""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(check.check)
app.command("plan")(plan.plan)
app.command("apply")(apply.apply)
app.command("run")(run.run)
app.command("explain")(explain.explain)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"npuspec {version('npuspec')}")
        raise typer.Exit


@app.callback(help=_HELP)
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Take the options that stand before a verb."""


def _say_interrupted() -> None:
    typer.echo("interrupted: what was finished is kept, and the old bundle still stands", err=True)


def main() -> NoReturn:
    """Run the command line; whatever happens, the user sees a message of ours and never a traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, with nothing left behind
    try:
        app(prog_name="npuspec")  # under `python -m` too: the name that completion is for
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:  # typer ends so
            _say_interrupted()
        raise
    except NpuspecError as error:
        print_error(error.diagnostics)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say_interrupted()
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if os.environ.get("NPUSPEC_TRACEBACK"):
            raise
        print_error([disk_fault(error)])
        sys.exit(EXIT_FAILED)
    except Exception as error:
        if os.environ.get("NPUSPEC_TRACEBACK"):
            raise
        message = f"npuspec itself failed: {type(error).__name__}: {error}"
        print_error([Diagnostic("internal-error", message, "report it, with what NPUSPEC_TRACEBACK=1 shows")])
        sys.exit(EXIT_INTERNAL)
    sys.exit(0)
