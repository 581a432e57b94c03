"""What a device's own compiler does for ever, or dies of, ends as a fault with a cause."""

from pathlib import Path
from typing import Any

import pytest

from npuspec.child import ChildError
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.execute import apply
from npuspec.execute.stages import run_compiler

ABORTED = 'LLVM ERROR: Failed to infer result type(s):\n"IE.Eye"(...) {} : (tensor<1xsi32>) -> ( ??? )\n'


def test_a_device_s_own_compiler_has_no_more_time_than_any_other(
    toy_spec: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npuspec.execute.stages.LIMIT", 0.0)
    with pytest.raises(StageError, match=r"stage compile\[CPU, time32\]: CPU: the compiler had no answer") as caught:
        apply(toy_spec, tmp_path / "bundle")
    assert caught.value.code == "compile-timeout"
    assert not [*(own_cache / "tmp").iterdir()]


@pytest.mark.parametrize(
    ("device", "code", "told"),
    [("NPU", "compiler-aborted", "its process ended\n    it died\n    begins"), ("CPU", "stage-aborted", "it died")],
)
def test_an_npu_s_compiler_that_ends_the_process_is_explained_by_all_that_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, code: str, told: str
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise ChildError(Diagnostic("stage-aborted", "it died"), f"begins\n{ABORTED}")

    monkeypatch.setattr("npuspec.execute.stages.run_task", die)
    with pytest.raises(StageError) as caught:
        run_compiler(device, {"inputs": [str(tmp_path)]}, lambda *_: None)
    assert caught.value.code == code
    assert told in caught.value.diagnostics[0].message
