"""The models and samples that the wrong specs name; run as a program, it makes them in a folder."""

import shutil
import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel


def _save(folder: Path, name: str, x: ov.Node, *more: ov.Node) -> None:
    """Save a model that takes `x`, and perhaps another input `n`."""
    outputs = [op.relu(x, name="/Relu"), *(op.relu(node) for node in more)]
    model = ov.Model([node.output(0) for node in outputs], [x, *more])
    for ports, names in ((model.inputs, ("x", "n")), (model.outputs, ("y", "m"))):
        for port, port_name in zip(ports, names, strict=False):
            port.get_tensor().set_names({port_name})
    ov.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)


def _save_attention(folder: Path, name: str) -> None:
    """Save a model of one head that was written out: products, a scale, a softmax."""
    x = op.parameter([-1, -1, 8], ov.Type.f32)
    weights = [op.constant(np.eye(8, dtype=np.float32) * number) for number in (1, 2, 3)]
    query, key, value = (op.matmul(x, weight, False, False) for weight in weights)
    scores = op.multiply(op.matmul(query, key, False, True), np.float32(0.35))
    model = ov.Model([op.matmul(op.softmax(scores, -1), value, False, False).output(0)], [x])
    model.inputs[0].get_tensor().set_names({"x"})
    model.outputs[0].get_tensor().set_names({"y"})
    ov.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)


def _save_spectrum(folder: Path, name: str) -> None:
    """Save a model that filters its input, squares that, and takes the logarithm of the sum."""
    x = op.parameter([-1, -1], ov.Type.f32)
    row = op.unsqueeze(x, np.array([1]))
    kernels = [op.constant(np.eye(4, 16, number, np.float32)[:, None]) for number in (1, 2)]
    parts = [op.convolution(row, k, [8], [4], [4], [1], name=f"/Conv_{n}") for n, k in enumerate(kernels)]
    power = op.add(*(op.power(part, np.float32(2), name=f"/Pow_{n}") for n, part in enumerate(parts)), name="/Add")
    model = ov.Model([op.log(op.maximum(power, np.float32(1e-9)), name="/Log").output(0)], [x])
    model.inputs[0].get_tensor().set_names({"x"})
    model.outputs[0].get_tensor().set_names({"y"})
    ov.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)


def _onnx(location: str = "") -> bytes:
    """Return the least ONNX model, or the least that has a tensor outside of it."""

    def field(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    entry = field(1, b"location") + field(2, location.encode())
    tensor = field(5, bytes([8, 1, 16, 1]) + field(8, b"w") + field(13, entry) + bytes([14 << 3, 1]))
    return bytes([8, 8]) + field(7, field(2, b"g") + (tensor if location else b"")) + field(8, bytes([16, 17]))


def make_beside(folder: Path) -> None:
    """Make the files beside the specs: models, and folders of samples."""
    _save(folder, "model", op.parameter([-1, -1], ov.Type.f32))
    _save(folder, "fixed", op.parameter([1, 32], ov.Type.f32))
    _save(folder, "two", op.parameter([-1, -1], ov.Type.f32), op.parameter([-1, -1], ov.Type.i64))
    _save(folder, "any-rank", op.parameter(ov.PartialShape.dynamic(), ov.Type.f32))
    _save_attention(folder, "attention")
    _save_spectrum(folder, "spectrum")
    (folder / "page.xml").write_text("<html></html>\n")
    (folder / "empty.onnx").write_bytes(_onnx())
    (folder / "outside.onnx").write_bytes(_onnx("../weights.bin"))
    for name, count in (("samples", 6), ("twins", 1), ("mixed", 1), ("cases", 1)):
        (folder / name).mkdir()
        for number in range(count):
            np.save(folder / name / f"{number}.npy", np.arange(number, number + 8, dtype=np.float32))
    (folder / "frames").mkdir()
    for number in range(6):
        np.save(folder / f"frames/{number}.npy", np.arange(number, number + 64, dtype=np.float32).reshape(8, 8))
    (folder / "noise").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        np.save(folder / f"noise/{number}.npy", rng.random(4096, np.float32))
    (folder / "silent").mkdir()
    for number in range(4):
        np.save(folder / f"silent/{number}.npy", np.cumsum(rng.random(300) - 0.5).astype(np.float32) * min(number, 1))
    (folder / "pictures").mkdir()
    for number in range(100):
        Image.fromarray(np.arange(number, number + 64, dtype=np.uint8).reshape(8, 8)).save(
            folder / f"pictures/{number}.png"
        )
    (folder / "cut-off").mkdir()
    for number in range(4):
        path = folder / f"cut-off/{number}.npy"
        np.save(path, np.arange(8, dtype=np.float32))
        path.write_bytes(path.read_bytes()[: (160, 150, 144, 5)[number]])
    (folder / "lengths.txt").write_text("# tokens of real sentences\n" + "12\n9\n30\n" * 100)
    (folder / "seconds.txt").write_text("12\n9\n\n3.5\n-1\n")
    (folder / "labels.txt").write_text("cat\ndog\n" * 2)
    (folder / "characters.txt").write_text("\na\nb\n")
    (folder / "characters.bin").write_bytes(b"\x80\x03]q\x00.")
    shutil.copyfile(folder / "twins/0.npy", folder / "twins/1.npy")
    (folder / "mixed/notes.txt").write_text("recorded indoors\n")
    (folder / "talk").mkdir()
    (folder / "talk/first.yml").write_text("conversations:\n- - Who are you?\n  - I am a sample.\n")
    unknown = "[UNK]"
    words = {unknown: 0, "you": 1, "sample": 2}
    Tokenizer(WordLevel(words, unk_token=unknown)).save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    (folder / "clips.py").write_text("def short_clips():\n    raise SystemExit('this was run')\n")
    (folder / "old.py").write_text("def clips()\n    return []\n")
    for name in ("a.npy", "A.npy"):
        np.save(folder / "cases" / name, np.zeros(8, np.float32))


if __name__ == "__main__":
    make_beside(Path(sys.argv[1]))
