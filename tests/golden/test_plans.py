"""The whole plan of each spec in this repository, byte for byte; UPDATE_GOLDEN=1 writes it anew."""

from pathlib import Path

import pytest

from conftest import ROOT, npuspec
from goldens import assert_same

HERE = Path(__file__).parent
SPECS = sorted((ROOT / "specs").glob("*.toml"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_the_plan_is_the_one_that_was_reviewed(spec: Path) -> None:
    ran = npuspec("plan", "--json", spec)
    assert ran.code == 0, ran.err
    assert_same(ran.out, HERE / f"{spec.stem}.plan.json")


def test_no_plan_is_kept_for_a_spec_that_is_gone() -> None:
    assert [path.name for path in sorted(HERE.glob("*.json"))] == [f"{spec.stem}.plan.json" for spec in SPECS]
