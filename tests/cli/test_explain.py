"""`npuspec explain`, and what is common to all verbs: help, version, completion."""

import re

import click
import pytest
from click.testing import CliRunner

from conftest import npuspec
from npuspec import _native
from npuspec.cli.main import VERBS, app
from npuspec.diagnostics.codes import CODES


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_with_its_examples(code: str) -> None:
    result = CliRunner().invoke(app, ["explain", code])
    doc = CODES[code]
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{code} ({doc.severity})\n\n")
    assert doc.why in " ".join(result.stdout.split("\n"))
    assert ("\nwrong:\n\n" + doc.wrong in result.stdout) is bool(doc.wrong)
    assert ("\nright:\n\n" + doc.right in result.stdout) is bool(doc.right)
    assert all(len(line) <= 120 for line in result.stdout.splitlines())


def test_a_misspelt_code_is_exit_code_2_with_the_right_one() -> None:
    ran = npuspec("explain", "unknwon-key")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "no diagnostic, no property and no advice is called `unknwon-key`; did you mean `unknown-key`?\n"


def test_a_word_that_is_like_no_code_has_no_suggestion() -> None:
    ran = npuspec("explain", "xyzzy")
    assert (ran.code, ran.err) == (2, "no diagnostic, no property and no advice is called `xyzzy`\n")


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_names_each_of_its_options_and_arguments(verb: str) -> None:
    command = app.get_command(click.Context(app), verb)
    assert command is not None
    ran = npuspec(verb, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: npuspec {verb} ")
    for parameter in command.params:
        for name in (
            parameter.opts
            if parameter.param_type_name == "option"
            else [parameter.make_metavar(click.Context(command))]
        ):
            assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", ran.out), name


def test_the_help_names_each_verb_and_the_exit_codes() -> None:
    ran = npuspec("-h")
    assert ran.code == 0
    assert all(re.search(rf"^  {verb} ", ran.out, re.MULTILINE) for verb in VERBS)
    assert "4 no such device" in " ".join(ran.out.split())
    assert "    npuspec run build/asr --input waveform=clip.npy\n" in ran.out


def test_without_arguments_the_help_is_shown() -> None:
    ran = npuspec()
    assert ran.code == 2
    assert "Usage: npuspec [OPTIONS] COMMAND" in ran.out + ran.err


def test_the_version_is_that_of_the_extension() -> None:
    ran = npuspec("--version")
    assert (ran.code, ran.out) == (0, f"npuspec {_native.__version__}\n")


@pytest.mark.parametrize("arguments", [["frobnicate"], ["chekc", "a.toml"], ["--frobnicate"]])
def test_an_unknown_verb_or_option_is_exit_code_2(arguments: list[str]) -> None:
    ran = npuspec(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "No such" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_completion_is_printed(shell: str) -> None:
    ran = npuspec("completion", shell)
    assert ran.code == 0
    assert f"_NPUSPEC_COMPLETE={shell}_complete" in ran.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("npuspec pl", ["plan"]),
        ("npuspec explain wrong-p", ["wrong-pin", "wrong-port-dtype", "wrong-port-rank"]),
        ("npuspec plan --dev", ["--device"]),
        ("npuspec plan --device N", ["NPU"]),
    ],
)
def test_what_is_typed_is_completed(words: str, offered: list[str]) -> None:
    count = str(len(words.split()) - 1)
    ran = npuspec(_NPUSPEC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count)
    assert [line.partition(",")[2] for line in ran.out.splitlines()] == offered
