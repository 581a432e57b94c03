"""The waste of padding in a plan: counted from real lengths, and no part of what is done."""

from functools import partial
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from builders import BUCKETS, SMALL, plan_of, spec_of
from conftest import npuspec
from npuspec.cli.show import show_plan
from npuspec.plan import Plan
from npuspec.plan.diff import diff_plans
from npuspec.plan.effects import Consequence
from npuspec.plan.model import Waste
from npuspec.plan.passes.waste import count_waste, stated_lengths
from npuspec.plan.stale import plan_changes
from npuspec.sources import fetch_beside
from npuspec.store import Store, digest_bytes
from toy_specs import write_spec

LENGTHS = 'overflow = "error"\nlengths = "lengths.txt"'


def stated(text: str, overflow: str = "error") -> str:
    return text.replace('overflow = "error"', LENGTHS.replace('"error"', f'"{overflow}"'))


def counted(folder: Path, text: str, lengths: str) -> tuple[tuple[Waste, ...], list[tuple[str, tuple[str | int, ...]]]]:
    (folder / "lengths.txt").write_text(lengths)
    fetch = partial(fetch_beside, folder=folder, store=Store(folder / "store"), offline=True)
    waste, faults = count_waste(spec_of(text), fetch)
    return waste, [(fault.code, fault.labels[0].path) for fault in faults]


def test_each_size_has_its_samples_and_the_waste_is_what_is_padding(tmp_path: Path) -> None:
    [waste], faults = counted(tmp_path, stated(BUCKETS), "8\n16\n24\n")
    assert faults == []
    assert waste == Waste(
        dim="time",
        digest=digest_bytes(b"8\n16\n24\n"),
        lengths=3,
        longer=0,
        samples=(2, 1),
        padding=1 - 48 / 64,
        padding_of_one=1 - 48 / 96,
    )


def test_a_dimension_that_is_padded_to_one_size_has_waste_too(tmp_path: Path) -> None:
    [waste], faults = counted(tmp_path, stated(SMALL), "16\n")
    assert (waste.padding, waste.padding_of_one, waste.samples, faults) == (0.75, 0.75, (1,), [])


def test_what_would_be_refused_is_a_warning_and_not_computed(tmp_path: Path) -> None:
    [waste], faults = counted(tmp_path, stated(BUCKETS), "16\n32\n33\n")
    assert (waste.longer, waste.samples, waste.padding) == (1, (1, 1), 0)
    assert faults == [("refused-lengths", ("dims", "time", "lengths"))]


def test_what_is_cut_fills_the_largest_size(tmp_path: Path) -> None:
    [waste], faults = counted(tmp_path, stated(BUCKETS, "truncate"), "16\n33\n90\n")
    assert (waste.longer, waste.samples, waste.padding, faults) == (2, (1, 2), 0, [])


def test_a_size_that_nothing_is_padded_to_is_a_warning(tmp_path: Path) -> None:
    assert counted(tmp_path, stated(BUCKETS), "17\n32\n")[1] == [("idle-bucket", ("dims", "time", "sizes", 0))]
    assert counted(tmp_path, stated(BUCKETS), "16\n0\n")[1] == [("idle-bucket", ("dims", "time", "sizes", 1))]


def test_lengths_may_be_in_several_files(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("20\n")
    [waste], faults = counted(tmp_path, stated(BUCKETS).replace("lengths.txt", "*.txt"), "8\n")
    assert (waste.lengths, waste.samples, faults) == (2, (1, 1), [])


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("none.txt", "missing-file"),
        ("../lengths.txt", "path-outside"),
        ("https://example.org/l.txt", "invalid-source"),
        ("pypi:npuspec-example==1.0/lengths.txt", "source-not-cached"),
    ],
)
def test_lengths_that_cannot_be_had_are_said_at_their_key(tmp_path: Path, source: str, code: str) -> None:
    text = stated(BUCKETS).replace("lengths.txt", source)
    assert counted(tmp_path, text, "8\n") == ((), [(code, ("dims", "time", "lengths"))])


def test_bad_lengths_have_no_waste(tmp_path: Path) -> None:
    assert counted(tmp_path, stated(BUCKETS), "8\nx\n") == ((), [("bad-lengths", ("dims", "time", "lengths"))])


def test_only_dimensions_that_are_padded_have_lengths() -> None:
    assert stated_lengths(spec_of(stated(BUCKETS))) == {"time": "lengths.txt"}
    assert stated_lengths(spec_of(BUCKETS)) == {}


def with_waste(text: str, digest: str = "a" * 64) -> Plan:
    waste = Waste(dim="time", digest=digest, lengths=9, longer=1, samples=(5, 3), padding=0.25, padding_of_one=0.5)
    return structs.replace(plan_of(text), waste=(waste,))


def test_what_is_done_is_the_same_with_other_lengths_and_with_none() -> None:
    without, first, second = plan_of(BUCKETS), with_waste(stated(BUCKETS)), with_waste(stated(BUCKETS), "b" * 64)
    assert without.digest == first.digest == second.digest
    assert [s.digest for s in without.stages] == [s.digest for s in first.stages]
    assert first.encode() != second.encode()
    assert msgspec.json.decode(first.encode(), type=Plan) == first
    assert plan_changes(first, second) == plan_changes(without, first) == []


def test_nothing_follows_from_other_lengths_and_diff_names_them() -> None:
    found = diff_plans(with_waste(stated(BUCKETS)), with_waste(stated(BUCKETS), "b" * 64))
    assert [change.sentence() for change in found.changes] == ["dims.time.lengths.sha256 aaaaaaaaaaaa → bbbbbbbbbbbb"]
    assert found.consequences == (Consequence.NOTHING,)
    assert found.stages == ()
    named = diff_plans(plan_of(BUCKETS), with_waste(stated(BUCKETS)))
    assert [change.what for change in named.changes] == ["dims.time.lengths", "dims.time.lengths.sha256"]
    assert named.consequences == (Consequence.NOTHING,)


def test_a_plan_shows_its_waste() -> None:
    lines = show_plan(with_waste(stated(BUCKETS)), "s.toml").splitlines()
    at = lines.index("waste of padding, from real lengths")
    assert lines[at + 1 : at + 5] == [
        "  time: 25.0% of what is computed is padding, and with 32 alone 50.0%",
        "    9 lengths of lengths.txt, sha256 aaaaaaaaaaaa",
        "    padded: 5 to 16, 3 to 32",
        "    longer than 32: 1, refused",
    ]
    assert not any(line.startswith("  dims.time.lengths") for line in lines)
    assert "waste of padding" not in show_plan(plan_of(BUCKETS), "s.toml")


def test_a_plan_of_a_real_model_counts_and_apply_does_nothing_again_for_other_lengths(tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    (tmp_path / "lengths.txt").write_text("20\n12\n")
    spec.write_text(spec.read_text().replace('overflow = "error"', LENGTHS))
    made = npuspec("apply", spec, "-o", tmp_path / "bundle")
    assert made.code == 0, made.err
    (tmp_path / "lengths.txt").write_text("20\n12\n40\n")
    planned = npuspec("plan", spec)
    assert "warning[refused-lengths]: 1 of 3 real lengths are longer than 32" in planned.err
    assert "time: 50.0% of what is computed is padding\n" in planned.out
    again = npuspec("apply", spec, "-o", tmp_path / "bundle")
    assert "\nnothing to do: " in again.out, again.out + again.err


def test_warnings_about_lengths_can_be_allowed(tmp_path: Path) -> None:
    allowed = '\n[[allow]]\ncode = "refused-lengths"\nreason = "the application splits them"\n'
    spec = write_spec(tmp_path, more=allowed)
    (tmp_path / "lengths.txt").write_text("20\n40\n")
    spec.write_text(spec.read_text().replace('overflow = "error"', LENGTHS))
    assert npuspec("check", spec).err == ""
    (tmp_path / "lengths.txt").write_text("20\n")
    assert "warning[unused-allowance]" in npuspec("check", spec).err
    spec.write_text(spec.read_text().replace("lengths.txt", "pypi:npuspec-example==1.0/lengths.txt"))
    assert "unused-allowance" not in npuspec("check", spec).err
