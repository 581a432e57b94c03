"""What compilers and plugins say is explained, and each explanation has met the real message."""

from collections.abc import Callable
from pathlib import Path

import openvino as ov
import pytest

from compilers import toys
from npuspec.compilers import find_compiler
from npuspec.compilers.messages import Message, compile_fault, find_message, message_table
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.diagnostics.codes import CODES

PROVOKED: list[tuple[Callable[[], ov.Model], str, dict[str, str], str, str]] = [
    (toys.unbounded, "4000", {}, "dynamic-shape", "NPU 4000: a size is left open without an upper bound: `filter`"),
    (toys.bounded, "3720", {}, "dynamic-shape", "NPU 3720: a size is left open, and this NPU takes none"),
    (toys.bounded, "5010", {}, "dynamic-shape", "more than the compiler can do here"),
    (toys.joined, "4000", {}, "dynamic-shape", "more than the compiler can do here"),
    (toys.any_rank, "4000", {}, "dynamic-shape", "no fixed number of axes"),
    (toys.fine, "9999", {}, "unknown-platform", "NPU 9999: the compiler doesn't know this NPU"),
    (toys.fine, "4000", {"NPU_BOGUS": "1"}, "property-refused", "Option 'NPU_BOGUS' is not supported"),
    (toys.fine, "4000", {"NPU_COMPILATION_MODE": "Foo"}, "property-refused", "Unsupported compilation mode 'Foo'"),
    (toys.fine, "4000", {"NPU_DMA_ENGINES": "77"}, "property-refused", "Number of DMA ports (77)"),
    (toys.strings, "4000", {}, "unsupported-type", "Incorrect precision: string"),
    (toys.bfloat16, "4000", {}, "unsupported-type", "doesn't compute in: `cut` (ReLU)"),
    (toys.unique, "4000", {}, "unsupported-operation", "has no such operation: `sorted` (Unique)"),
    (toys.eight_axes, "4000", {}, "unsupported-operation", "or not in this form"),
    (toys.eye, "4000", {}, "compiler-aborted", "its process ended: `diagonal` (Eye)"),
]
"""A model, the platform, properties, the code, and a part of what is said."""


@pytest.fixture
def refused(npu_compiler: Path, tmp_path: Path) -> Callable[[Path, str, dict[str, str]], Diagnostic]:
    def refuse(model: Path, platform: str, properties: dict[str, str]) -> Diagnostic:
        compiler = find_compiler(str(npu_compiler))
        assert compiler is not None
        with pytest.raises(StageError) as caught:
            compiler.compile(model, platform, tmp_path / "blob", properties, tmp_path / "trace")
        assert not (tmp_path / "blob").exists()
        return caught.value.diagnostics[0]

    return refuse


@pytest.mark.parametrize(
    ("model", "platform", "properties", "code", "told"), PROVOKED, ids=[f"{p[0].__name__}-{p[1]}" for p in PROVOKED]
)
def test_what_the_compiler_says_has_a_cause_and_a_mend(
    refused: Callable[[Path, str, dict[str, str]], Diagnostic],
    tmp_path: Path,
    model: Callable[[], ov.Model],
    platform: str,
    properties: dict[str, str],
    code: str,
    told: str,
) -> None:
    fault = refused(toys.write(model(), tmp_path), platform, properties)
    assert fault.code == code
    assert told in fault.message
    assert "\n    " in fault.message  # the whole of what was said
    assert fault.help


def test_a_damaged_model_is_said_to_be(
    refused: Callable[[Path, str, dict[str, str]], Diagnostic], tmp_path: Path
) -> None:
    model = toys.write(toys.fine(), tmp_path)
    model.with_suffix(".bin").unlink()
    assert refused(model, "4000", {}).code == "broken-model"


@pytest.mark.parametrize(("compiler", "code"), [("DRIVER", "no-device"), ("PLUGIN", "no-compiler")])
def test_what_openvino_says_without_a_device_or_a_compiler(compiler: str, code: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        ov.Core().compile_model(toys.fine(), "NPU", {"NPU_COMPILER_TYPE": compiler, "NPU_PLATFORM": "4000"})
    fault = compile_fault("NPU", "compile", str(caught.value))
    assert fault.code == code
    assert str(caught.value).strip().splitlines()[-1] in fault.message


def test_every_row_that_can_be_provoked_is() -> None:
    said = {code for *_, code, _ in PROVOKED} | {"broken-model", "no-device", "no-compiler"}
    assert {row.code for row in message_table() if row.source != "driver"} == said


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("LLVM ERROR: out of memory", "out-of-memory"),
        ("L0 zeFenceHostSynchronize result: ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001", "device-lost"),
        ("pfnCreate2 result: ZE_RESULT_ERROR_UNSUPPORTED_VERSION, code 0x78000002", "driver-too-old"),
    ],
)
def test_what_only_a_driver_says_is_known_too(said: str, code: str) -> None:
    found = find_message(said)
    assert found is not None
    assert found[0].code == code


def test_what_is_not_known_is_passed_on_whole() -> None:
    fault = compile_fault("NPU 4000", "compile", "first\nsecond", ["third"])
    assert fault.code == "compile-failed"
    assert fault.message == "NPU 4000: the compiler refuses the model\n    first\n    second\n    third"


def test_every_code_of_the_table_is_explained() -> None:
    rows: list[Message] = [*message_table()]
    assert {row.code for row in rows} <= CODES.keys()
    assert {row.source for row in rows} == {"kit", "plugin", "driver"}
