"""What OpenVINO tells of the real speech model, and of small ones: asked in a child, and kept."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from conftest import MODEL_SHA256, MODEL_SOURCE, ROOT
from npuspec.bundle.program import Dim, Extent
from npuspec.child import ChildError
from npuspec.facts import Port, device_identities, lengths, readers_of, signature, toolchain
from npuspec.facts.inspect import dtype_name
from npuspec.sources import Fetched, fetch_model
from npuspec.store import Store

SHAPES: dict[str, list[str | int]] = {"waveform": [1, "time"], "waveform_lengths": [1]}


@pytest.fixture(scope="session")
def speech() -> Fetched:
    fetched, faults = fetch_model(MODEL_SOURCE, MODEL_SHA256, folder=ROOT, store=Store())
    assert fetched is not None, faults
    return fetched


def saved(folder: Path, model: ov.Model) -> Fetched:
    """Save a model beside a spec, and fetch it from there."""
    ov.save_model(model, folder / "m.xml", compress_to_fp16=False)
    fetched, faults = fetch_model("m.xml", None, folder=folder, store=Store(folder / "store"))
    assert fetched is not None, faults
    return fetched


def named(model: ov.Model, *, inputs: list[str], outputs: list[str]) -> ov.Model:
    for port, name in zip([*model.inputs, *model.outputs], [*inputs, *outputs], strict=True):
        port.get_tensor().set_names({name})
    return model


def test_the_signature_has_every_port_with_its_dtype_and_its_open_axes(speech: Fetched) -> None:
    found = signature(speech, Store())
    assert found.inputs == (
        Port(name="waveform", dtype="float32", shape=(None, None)),
        Port(name="waveform_lengths", dtype="int64", shape=(None,)),
    )
    assert [(port.name, port.dtype) for port in found.outputs] == [("log_probs", "float32"), ("out_lengths", "int64")]
    assert "/Conv" in found.operations
    assert list(found.operations) == sorted(set(found.operations))


def test_operations_that_share_a_name_are_numbered_and_ports_keep_theirs(tmp_path: Path) -> None:
    x = node = op.parameter([1, 4], np.float32, name="same")
    for name in ("one", "one/2", "one", "one", "same"):
        node = op.relu(node, name=name)
    found = signature(saved(tmp_path, ov.Model([op.result(node, name="one")], [x], "m")), Store(tmp_path / "store"))
    assert [port.name for port in (*found.inputs, *found.outputs)] == ["same", "one"]
    assert found.operations == ("one/2", "one/3", "one/4", "one/5", "same/2")


def test_the_length_of_the_output_and_the_shortest_sample_are_found(speech: Fetched) -> None:
    found = lengths(speech, Store(), shapes=SHAPES, sizes={"time": [80_000]}, multiples={"time": 1}, stated={})
    assert found.dims == {"time": Dim(minimum=201, maximum=80_000)}
    assert found.extents["log_probs"] == (Extent(dim="time", axis=1, offset=320, divisor=320),)
    assert found.extents["out_lengths"] == ()
    assert found.failures == {}
    assert found.shapes["log_probs"][:2] == (1, 251)


def test_a_stated_length_is_tried_on_the_model(speech: Fetched) -> None:
    wrong = {"log_probs": [{"dim": "time", "axis": 1, "offset": 0, "divisor": 320}]}
    found = lengths(speech, Store(), shapes=SHAPES, sizes={"time": [80_000]}, multiples={"time": 1}, stated=wrong)
    assert found.failures == {"log_probs": "axis 1 from `time`: stated as 0 for 201, but the model gives 1"}


def test_sizes_below_the_model_s_shortest_are_an_error(speech: Fetched) -> None:
    with pytest.raises(ChildError) as caught:
        lengths(speech, Store(), shapes=SHAPES, sizes={"time": [100]}, multiples={"time": 1}, stated={})
    assert caught.value.code == "impossible-shape"
    assert caught.value.diagnostics[0].message.startswith("the model can't have the sizes {'time': 100}: ")


def test_what_was_asked_once_is_kept(speech: Fetched, tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = signature(speech, store)
    kept = sorted((tmp_path / "facts").iterdir())
    assert len(kept) == 1
    gone = Fetched(root=tmp_path / "gone", files=speech.files, digest=speech.digest, entry=speech.entry)
    assert signature(gone, store) == first
    assert sorted((tmp_path / "facts").iterdir()) == kept


def test_two_padded_dimensions_are_each_found(tmp_path: Path) -> None:
    image = op.parameter([-1, -1, -1], ov.Type.f32)
    rows = op.strided_slice(image, [0, 0, 0], [0, 0, 0], [1, 2, 1], [1, 1, 1], [1, 1, 1])
    doubled = op.concat([rows, rows], axis=2)
    model = named(ov.Model([doubled], [image]), inputs=["image"], outputs=["out"])
    found = lengths(
        saved(tmp_path, model),
        Store(tmp_path / "facts"),
        shapes={"image": [1, "height", "width"]},
        sizes={"height": [8, 64], "width": [32]},
        multiples={"height": 1, "width": 1},
        stated={},
    )
    assert found.extents["out"] == (
        Extent(dim="height", axis=1, offset=1, divisor=2),
        Extent(dim="width", axis=2, scale=2),
    )
    assert found.shapes["out"] == (1, 32, 64)


def test_an_output_whose_size_depends_on_values_is_an_error(tmp_path: Path) -> None:
    x = op.parameter([-1, -1], ov.Type.f32)
    model = named(ov.Model([op.non_zero(x, "i64")], [x]), inputs=["x"], outputs=["places"])
    with pytest.raises(ChildError) as caught:
        lengths(
            saved(tmp_path, model),
            Store(tmp_path),
            shapes={"x": [1, "n"]},
            sizes={"n": [8]},
            multiples={"n": 1},
            stated={},
        )
    assert caught.value.code == "impossible-shape"
    assert "output `places` stays dynamic" in caught.value.diagnostics[0].message


def test_a_model_with_an_input_of_any_rank_is_an_error(tmp_path: Path) -> None:
    x = op.parameter(ov.PartialShape.dynamic(), ov.Type.f32)
    model = named(ov.Model([op.relu(x)], [x]), inputs=["x"], outputs=["y"])
    with pytest.raises(ChildError) as caught:
        signature(saved(tmp_path, model), Store(tmp_path))
    assert caught.value.code == "dynamic-shape"
    assert "`x` has no fixed rank" in caught.value.diagnostics[0].message


def test_a_file_that_openvino_can_not_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text('<net name="m" version="11"><layers>\n')
    fetched, _ = fetch_model("m.xml", None, folder=tmp_path, store=Store(tmp_path / "store"))
    assert fetched is not None
    with pytest.raises(ChildError) as caught:
        signature(fetched, Store(tmp_path))
    assert caught.value.code == "not-a-model"
    assert "OpenVINO can't read `m.xml`" in caught.value.diagnostics[0].message


def test_a_port_without_a_tensor_name_is_called_like_its_node(tmp_path: Path) -> None:
    x = op.parameter([2, 3], np.float32, name="given")
    found = signature(saved(tmp_path, ov.Model([op.relu(x, name="out")], [x])), Store(tmp_path))
    assert [port.name for port in found.inputs] == ["given"]


def test_the_devices_of_this_machine_are_named_with_openvino_s_build() -> None:
    found = device_identities()
    assert "CPU" in found
    assert "OpenVINO 2026" in found["CPU"]


def test_the_toolchain_is_everything_that_shapes_a_bundle() -> None:
    assert set(toolchain()) == {"npuspec", "openvino", "nncf", "numpy"}
    readers = readers_of(["a.wav", "b.npy", "c.PNG", "d.yml"])
    assert readers == ("pillow", "pyyaml", "soundfile", "tokenizers")
    assert set(toolchain(*readers)) == {*toolchain(), *readers}
    assert all(toolchain(*readers).values())
    assert toolchain("no-such-package")["no-such-package"] == ""


def test_a_model_that_takes_multiples_only_is_asked_for_nothing_else(tmp_path: Path) -> None:
    image = op.parameter([1, -1], ov.Type.f32)
    blocks = op.reshape(image, op.constant(np.array([1, -1, 8], np.int64)), special_zero=False)
    down = op.reshape(op.reduce_mean(blocks, op.constant(np.array([2])), False), op.constant(np.array([1, -1])), False)
    halves = op.concat([down, down], axis=1)
    model = named(ov.Model([halves], [image]), inputs=["image"], outputs=["out"])
    ask: dict[str, Any] = {"shapes": {"image": [1, "width"]}, "sizes": {"width": [64]}}
    found = lengths(saved(tmp_path, model), Store(tmp_path / "facts"), **ask, multiples={"width": 8}, stated={})
    assert found.dims == {"width": Dim(minimum=1, maximum=64, multiple=8)}
    assert found.extents["out"] == (Extent(dim="width", axis=1, divisor=4),)
    assert found.failures == {}
    alone = lengths(saved(tmp_path, model), Store(tmp_path / "facts"), **ask, multiples={"width": 1}, stated={})
    assert "no output shape" in alone.failures["out"]


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ("f16", "float16"),
        ("boolean", "bool"),
        ("u8", "uint8"),
        ("i64", "int64"),
        ("bf16", "bf16"),
        ("u4", "u4"),
        ("u1", "u1"),
        ("f8e4m3", "f8e4m3"),
    ],
)
def test_what_numpy_has_not_has_no_name_of_numpy_s(element: str, name: str) -> None:
    port = op.parameter([1, 4], getattr(ov.Type, element)).output(0)
    assert dtype_name(port) == name
