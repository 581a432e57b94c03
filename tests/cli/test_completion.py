"""`npuspec completion`: a real bash with what it prints, and keys pressed in it."""

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import npuspec

TAB, ALL, SHOW = "\t", "\x1b*", "\x18\x10"
"""Complete as far as it is clear; insert all that it may be; print the line as it stands."""
SETUP = r"""
bind 'set enable-bracketed-paste off'
bind -x '"\C-x\C-p": printf "<%s>\n" "$READLINE_LINE"'
source completion.bash
"""

Press = Callable[[str], str]


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    """Type keys into a bash that has sourced the script, and return the line that they make."""
    ran = npuspec("completion", "bash")
    assert ran.code == 0, ran.err
    (tmp_path / "completion.bash").write_text(ran.out)
    (tmp_path / "setup.bash").write_text(SETUP)
    for name in ("specs/asr.toml", "specs/tts.toml", "spare.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    ours, theirs = pty.openpty()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", "setup.bash", "-i"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "TERM": "dumb", "INPUTRC": os.devnull, "PS1": "", "HISTFILE": ""},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as shell:
        os.close(theirs)

        def keys(typed: str) -> str:
            os.write(ours, (typed + SHOW).encode())
            seen = ""
            while (found := re.search(r"<(npuspec[^>]*)>", seen)) is None:
                assert select.select([ours], [], [], 60)[0], f"bash says nothing more after {seen!r}"
                seen += os.read(ours, 4096).decode()
            os.write(ours, b"\x15")  # the line is erased for the next one
            return found[1]

        yield keys
        shell.kill()
    os.close(ours)


def test_bash_completes_verbs(press: Press) -> None:
    assert press("npuspec pl" + TAB) == "npuspec plan "
    assert press("npuspec ex" + TAB) == "npuspec explain "
    assert press("npuspec check specs/asr.toml --fi" + TAB) == "npuspec check specs/asr.toml --fix "
    assert press("npuspec bu" + TAB) == "npuspec buckets "
    assert press("npuspec doc" + TAB) == "npuspec doctor "


def test_bash_completes_options_and_their_values(press: Press) -> None:
    assert press("npuspec plan --detailed" + TAB) == "npuspec plan --detailed-exitcode "
    assert press("npuspec buckets spare.txt --mea" + TAB) == "npuspec buckets spare.txt --measure "
    assert press("npuspec check --format s" + TAB) == "npuspec check --format sarif "
    assert press("npuspec plan --device " + ALL).split()[3:] == ["NPU", "CPU"]
    assert press("npuspec doctor --device " + ALL).split()[3:] == ["NPU", "CPU"]


def test_bash_completes_files_where_files_are_meant(press: Press) -> None:
    assert press("npuspec check spe" + TAB) == "npuspec check specs/"
    assert press("npuspec buckets spa" + TAB) == "npuspec buckets spare.txt "
    assert press("npuspec check specs/a" + TAB) == "npuspec check specs/asr.toml "
    assert press("npuspec check specs/asr.toml specs/t" + TAB) == "npuspec check specs/asr.toml specs/tts.toml "
    assert press("npuspec plan specs/asr.toml --out spa" + TAB) == "npuspec plan specs/asr.toml --out spare.txt "


def test_bash_completes_codes_and_properties(press: Press) -> None:
    assert press("npuspec explain turbo" + ALL).split()[2:] == ["turbo-sequential", "turbo-sustained", "turbo"]
    assert press("npuspec explain missing-pi" + TAB) == "npuspec explain missing-pin "


def test_what_cannot_be_completed_stays(press: Press) -> None:
    assert press("npuspec explain no-such-co" + TAB) == "npuspec explain no-such-co"


@pytest.mark.parametrize(("shell", "beginning"), [("zsh", "#compdef npuspec\n"), ("fish", "function ")])
def test_other_shells_have_scripts_of_their_own(shell: str, beginning: str) -> None:
    ran = npuspec("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(beginning)
    assert f"_NPUSPEC_COMPLETE={shell}_complete" in ran.out


def test_a_shell_that_is_not_known_is_refused() -> None:
    assert npuspec("completion", "tcsh").code == 2
