"""The files beside the model and the samples stay in the spec's folder."""

import pytest

from builders import DATA, SMALL, spec_of
from npuspec.diagnostics import Path
from npuspec.plan.passes.beside import check_beside


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (SMALL + DATA + 'labels = "../labels.txt"\n', "path-outside", ("data", "labels")),
        (SMALL + DATA + 'labels = "https://example.org/l.txt"\n', "invalid-source", ("data", "labels")),
    ],
)
def test_a_path_out_of_the_folder_is_refused_though_it_is_not_read_yet(text: str, code: str, path: Path) -> None:
    [fault] = check_beside(spec_of(text))
    assert (fault.code, fault.labels[0].path) == (code, path)


def test_paths_beside_the_spec_are_right() -> None:
    text = SMALL + DATA + 'labels = "pypi:name==1.0/labels.txt"\n'
    assert check_beside(spec_of(text)) == []
