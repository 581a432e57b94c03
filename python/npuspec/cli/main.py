"""The verbs, and the one place where errors become messages and exit codes."""

import gc
import importlib
import os
import signal
import sys
from typing import NoReturn

import click

from npuspec.cli.output import print_error
from npuspec.diagnostics import Diagnostic, NpuspecError
from npuspec.diagnostics.disk import disk_fault
from npuspec.diagnostics.errors import EXIT_FAILED, EXIT_INTERNAL, EXIT_INTERRUPTED

_HELP = """Deployment specs for Intel NPUs: one TOML file, checked, planned, applied and measured.

\b
    npuspec init model.onnx           a first spec, from the model's own inputs
    npuspec check specs/asr.toml      is it right? (no network)
    npuspec plan specs/asr.toml       what exactly will be done?
    npuspec diff specs/asr.toml --base main    what would a change of it do?
    npuspec apply specs/asr.toml      do it: a bundle with its evidence
    npuspec run build/asr --input waveform=clip.npy
    npuspec verify build/asr          is every byte as it was made?
    npuspec bench build/asr           how fast is it?
    npuspec fusion build/asr          what does the device make one operation of, and what not?
    npuspec report build/asr          all that is known of it, on one page
    npuspec tune specs/asr.toml       which precision, batch and settings are best, and which advice holds?
    npuspec buckets lengths.txt -k 3  which sizes cost the least?
    npuspec doctor                    does this machine hinder its NPU?

\b
Exit codes: 0 done, 1 a stage or gate failed, 2 the spec or the call is wrong, 3 the bundle, the plan file or the
lock is broken or stale, 4 no such device, 5 there are changes (where that was asked).
"""

VERBS = (
    *("init", "check", "plan", "diff", "apply", "run", "verify", "bench", "fusion", "report", "tune"),
    *("buckets", "doctor", "explain", "schema", "completion"),
)


class _Verbs(click.Group):
    """A verb's file is imported when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return [*VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(importlib.import_module(f"npuspec.cli.{cmd_name}"), cmd_name)
        return command


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"npuspec {version('npuspec')}")
        ctx.exit()


@click.command(cls=_Verbs, help=_HELP, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def app() -> None:
    """Take the options that stand before a verb."""


def _say_interrupted() -> None:
    click.echo("interrupted: what was finished is kept, and the old bundle still stands", err=True)


def main() -> NoReturn:
    """Run the command line; whatever happens, the user sees a message of ours and never a traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, with nothing left behind
    gc.set_threshold(100_000)  # importing makes many objects and no garbage
    # Plugins that happen to be installed neither slow the language down nor change it.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        code = app.main(prog_name="npuspec", standalone_mode=False)  # under `python -m` too: it is what completes
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except NpuspecError as error:
        print_error(error.diagnostics)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
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
