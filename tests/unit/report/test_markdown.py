"""The Markdown says what matters for a pull request, and obeys nobody."""

import re
from dataclasses import replace

from npuspec.diagnostics import BundleError, Diagnostic
from npuspec.report import Missing
from npuspec.report.markdown import render_markdown
from report.toys import EVIL, report

BROKEN = BundleError(Diagnostic("broken-bundle", f"of {EVIL} nothing is left"))


def test_the_verdict_comes_first_and_what_failed_stands_out() -> None:
    lines = render_markdown([report("asr")], {}).splitlines()
    assert lines[0] == "### npuspec report: <code>asr</code>"
    assert lines[2] == "**2 of 3 gates passed**, 2.0 MiB, made for CPU, version `000000000000`"
    assert sum(line.startswith("| **failed** |") for line in lines) == 1
    assert "| <code>asr</code> | 0.9 | 2 | no other beats it, ships |" in lines
    assert any(line.startswith("Compared with <code>asr</code>: **") for line in lines)


def test_without_anything_to_compare_with_it_says_so() -> None:
    bare = report(gates=(), latencies=(), choices=(), doubts=(), difference=Missing("no version"))
    text = render_markdown([bare], {})
    assert "**no gates**" in text
    assert "No difference: <code>no version</code>" in text
    assert "<details>" not in text


def test_nothing_in_a_name_is_read_as_markdown() -> None:
    choice = report(EVIL).choices[0]
    text = render_markdown([report(EVIL, choices=())], {EVIL: BROKEN})
    assert not re.search(r"<script|<img|[@\x1b\u202e\ud800]|\{\{", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {3, 6}
    assert text.count("<code>") == text.count("</code>")
    assert EVIL in choice.note  # the words of a choice are ours: a candidate's name is all that isn't


def test_a_figure_is_short_whatever_it_is() -> None:
    choice = report("asr").choices[0]
    huge = replace(choice, candidates=(replace(choice.candidates[0], accuracy=1e308),))
    assert "| 1e+308 |" in render_markdown([report("asr", choices=(huge,))], {})


def test_of_what_no_report_can_be_made_is_named() -> None:
    text = render_markdown([report("asr")], {"ocr": BROKEN})
    assert text.startswith("### npuspec report: <code>asr</code>\n")
    assert "\n\n**No report of** <code>ocr</code>: <code>of " in text
