"""What was found, as JSON for programs and as Markdown for an issue. Neither names a user, a host or a home folder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from npuspec.diagnostics.text import one_line
from npuspec.doctor.check import Check, Status

_FORMAT = 1


def as_json(checks: Sequence[Check], bundles: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return everything that was found; `ok` is false where there is a problem."""
    rows = [{"name": c.name, "status": str(c.status), "found": c.found, "means": c.means, "do": c.todo} for c in checks]
    findings = [finding["status"] for bundle in bundles for finding in bundle["findings"]]
    is_ok = Status.PROBLEM not in (*(check.status for check in checks), *findings)
    return {"format": _FORMAT, "ok": is_ok, "checks": rows, "bundles": [*bundles]}


def as_markdown(version: str, found: Mapping[str, Any]) -> str:
    """Return the record of a self-test, from its JSON form."""
    lines = [f"## npuspec doctor {version}", "", *_table(("check", "", "found"), _checks(found["checks"]))]
    for row in found["checks"]:
        if row["status"] in {Status.WARNING, Status.PROBLEM}:
            lines += ["", f"**{row['name']}**: {_cell(row['means'])}. {_cell(row['do'])}"]
    for bundle in found["bundles"]:
        lines += ["", *_bundle(bundle)]
    return "\n".join(lines) + "\n"


def _checks(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    return [(row["name"], row["status"], row["found"]) for row in rows if row["status"] != Status.NOT_HERE]


def _bundle(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {_cell(record['bundle'])}"
    yield ""
    tools = ", ".join(f"{name} {version}" for name, version in record["toolchain"].items() if version)
    made = f"version {record['version'][:12]}, cache {record['cache']}, batch {record['batch']}"
    yield f"{made}; made with {_cell(tools)}"
    if "parity" in record:
        yield from _measured(record)
    yield ""
    yield from [_finding(finding) for finding in record["findings"]] or ["nothing is wrong"]


def _measured(record: Mapping[str, Any]) -> Iterator[str]:
    first, second = record["start"], record["again"]
    executed = sorted({device for devices in first["executed"].values() for device in devices})
    yield ""
    yield f"device {first['device']}, executed on {', '.join(executed)}: {_cell(first['identity'])}"
    yield ""
    starts = [
        (name, f"{start['load_seconds']:.2f} s", ", ".join(f"{v}: {o}" for v, o in start["from"].items()))
        for name, start in (("first", first), ("second, another process", second))
    ]
    yield from _table(("start", "load", "from"), starts)
    yield ""
    latency = [
        (
            r["variant"],
            r["sample"],
            f"{r['first_ms']:.2f}",
            f"{r['median_ms']:.2f}",
            f"{r['p95_ms']:.2f}",
            str(r["runs"]),
        )
        for r in first["latency"]
    ]
    yield from _table(("variant", "sample", "first ms", "median ms", "p95 ms", "runs"), latency)
    yield ""
    parity = [(r["output"], _figure(r["max_abs_difference"]), _figure(r["cosine"], 6)) for r in record["parity"]]
    yield from _table(("output, against the CPU in float32", "largest difference", "cosine"), parity)


def _figure(value: float | None, digits: int = 3) -> str:
    return "none" if value is None else f"{value:.{digits}g}"


def _finding(finding: Mapping[str, str]) -> str:
    code = f" [{finding['code']}]" if finding["code"] else ""
    help_ = f": {finding['help']}" if finding["help"] else ""
    return f"- {finding['status']}{code}: {_cell(finding['message'])}{_cell(help_)}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _row(heads)
    yield _row(["---"] * len(heads))
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Return a text that neither ends a cell nor becomes anything but text."""
    return one_line(text).replace("|", "\\|").replace("<", "&lt;")
