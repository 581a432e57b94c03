"""A report as a comment on a pull request; nothing in it that a spec or a model says is read as Markdown."""

from collections.abc import Iterable, Iterator, Mapping

from npuspec.diagnostics import NpuspecError
from npuspec.diagnostics.markdown import code
from npuspec.report.facts import mebibytes
from npuspec.report.model import Choice, Missing, Report


def render_markdown(reports: Iterable[Report], broken: Mapping[str, NpuspecError]) -> str:
    """Return gates, doubts, latency, candidates and what the plan changed; what is long stays in the page."""
    told = ["\n".join(_lines(report)) + "\n" for report in reports]
    told += [f"**No report of** {code(name)}: {code(error.diagnostics[0].message)}\n" for name, error in broken.items()]
    return "\n".join(told)


def _lines(report: Report) -> Iterator[str]:
    gates = f"{report.passed} of {len(report.gates)} gates passed" if report.gates else "no gates"
    yield f"### npuspec report: {code(report.name)}"
    yield f"\n**{gates}**, {mebibytes(report.bytes)}, made for {report.made_for}, version `{report.version[:12]}`\n"
    if report.gates:
        yield from _table("outcome", "gate")
        yield from (_row("passed" if gate.passed else "**failed**", code(gate.sentence())) for gate in report.gates)
    if report.doubts:
        yield "\nWhat the evidence leaves open:\n"
        yield from (f"- {code(doubt)}" for doubt in report.doubts)
    if report.latencies:
        yield from ("\n<details><summary>Latency</summary>\n", *_table("where", "variant", "batch", "precision", "ms"))
        for row in report.latencies:
            where = f"{code(row.where)}, {row.kind}"
            yield _row(where, code(row.variant), str(row.batch), code(row.precision), f"{row.ms:.4g}")
        yield "\n</details>"
    for choice in report.choices:
        yield from _choice(choice)
    if isinstance(report.difference, Missing):
        yield f"\nNo difference: {code(report.difference.why)}"
    else:
        diff = report.difference.diff
        follows = ", ".join(diff.consequences) if diff.changes else "no changes"
        yield f"\nCompared with {code(report.difference.base)}: **{follows}**\n"
        yield from (f"- {reason.beginning} {', '.join(map(code, reason.causes))}" for reason in diff.reasons)


def _choice(choice: Choice) -> Iterator[str]:
    yield f"\n<details><summary>{code(choice.title)}</summary>\n"
    yield f"Accuracy is {choice.accuracy}. Latency is in {choice.latency}. {choice.note}".rstrip() + "\n"
    yield from _table("candidate", "accuracy", "latency", "")
    for row in choice.candidates:
        told = ", ".join(text for text, is_so in (("no other beats it", row.best), (choice.taken, row.taken)) if is_so)
        yield _row(code(row.name), f"{row.accuracy:.4g}", f"{row.latency:.5g}", told)
    yield "\n</details>"


def _table(*names: str) -> Iterable[str]:
    return _row(*names), "|" + "---|" * len(names)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
