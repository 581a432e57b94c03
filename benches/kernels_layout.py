"""Repacking, normalizing and resizing against NumPy, OpenCV, numba, Pillow and OpenVINO, and what memory allows.

All contenders of a case run in one process, in an order that is shuffled from round to round, each a few times in a
row; after each time, a consumer reads the result. What counts is the median. numba and OpenCV are in the group `bench`;
without them they don't contend.

    python benches/kernels_layout.py [PART OF A CASE'S NAME]
"""

import gc
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from openvino.preprocess import PrePostProcessor
from PIL import Image

from npuspec import kernels

try:
    import cv2
    import numba
except ImportError:
    cv2 = numba = None
else:
    cv2.setNumThreads(1)

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Contenders: TypeAlias = dict[str, Callable[[], object]]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OPENCV_CHANNELS = 128  # at most
ROUNDS = 41
SLICE = 3e-4  # seconds that a contender runs in a row
CONFIG = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}


@dataclass(frozen=True)
class Case:
    """What the contenders write to; the limit is the first of them, ours the second."""

    out: Array
    contenders: Contenders


def aligned(shape: tuple[int, ...], dtype: Any, page: int = 0) -> Array:
    """Zeros that begin `page` bytes into a page: copying between addresses that are alike is slow on some machines."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 8192, "u1")
    begin = -memory.ctypes.data % 4096 + page
    array: Array = memory[begin : begin + size].view(dtype).reshape(shape)
    return array


def layout_case(dtype: str, channels: int, side: int, *, last: bool) -> Case:
    """Return a case of repacking one image of that many channels; `last` says where they go."""
    shape, moved = (1, side, side, channels), (1, channels, side, side)
    if last:
        shape, moved = moved, shape
    source, out = aligned(shape, dtype), aligned(moved, dtype, 2048)
    source[...] = np.arange(source.size).reshape(shape) % 120
    view = source.transpose((0, 2, 3, 1) if last else (0, 3, 1, 2))
    layout: kernels.Layout = "NHWC" if last else "NCHW"
    flat = source.reshape(-1)
    contenders: Contenders = {
        "copy": lambda: np.copyto(out.reshape(-1), flat),
        "npuspec": lambda: kernels.repack(source, layout, out),
        "npuspec, 2 threads": lambda: kernels.repack(source, layout, out, threads=2),
        "NumPy": lambda: np.copyto(out, view),
        "OpenVINO": openvino_transpose(source, out, (0, 2, 3, 1) if last else (0, 3, 1, 2)),
    }
    if cv2 is not None and dtype != "f2" and channels <= OPENCV_CHANNELS:
        if last:
            planes, whole = list(source[0]), out[0]
            contenders["OpenCV"] = lambda: cv2.merge(planes, whole)
        else:
            whole, planes = source[0], list(out[0])
            contenders["OpenCV"] = lambda: cv2.split(whole, planes)
    return Case(out, contenders)


def openvino_transpose(source: Array, out: Array, axes: tuple[int, ...]) -> Callable[[], object]:
    """Return a request of a model that does nothing else."""
    kind = ov.Type(source.dtype)
    data = ops.parameter(list(source.shape), kind)
    model = ov.Model([ops.transpose(data, np.array(axes, "i8"))], [data])
    request = ov.Core().compile_model(model, "CPU", CONFIG).create_infer_request()
    request.set_input_tensor(ov.Tensor(source, shared_memory=True))
    request.set_output_tensor(ov.Tensor(out, shared_memory=True))
    infer: Callable[[], object] = request.infer
    return infer


def openvino_prepost(image: Array, out: Array, *, last: bool) -> Callable[[], object]:
    """Return a request of a model that does nothing but what its preprocessor puts there."""
    data = ops.parameter(list(out.shape), ov.Type.f32)
    steps = PrePostProcessor(ov.Model([ops.result(data)], [data]))
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NHWC" if last else "NCHW"))
    scaled = steps.input().preprocess().convert_element_type(ov.Type.f32)
    scaled.mean([255 * mean for mean in MEAN]).scale([255 * std for std in STD])
    if out.dtype == np.float16:
        steps.output().tensor().set_element_type(ov.Type.f16)
    request = ov.Core().compile_model(steps.build(), "CPU", CONFIG).create_infer_request()
    request.set_input_tensor(ov.Tensor(image, shared_memory=True))
    request.set_output_tensor(ov.Tensor(out, shared_memory=True))
    infer: Callable[[], object] = request.infer
    return infer


def compiled(*, last: bool) -> Callable[[Array, Array, Array, Array], None]:
    """Return the loop that one would write, compiled by numba."""

    def first_loop(image: Array, out: Array, a: Array, b: Array) -> None:
        for h in range(image.shape[0]):
            for w in range(image.shape[1]):
                for c in range(3):
                    out[c, h, w] = image[h, w, c] * a[c] + b[c]

    def last_loop(image: Array, out: Array, a: Array, b: Array) -> None:
        for h in range(image.shape[0]):
            for w in range(image.shape[1]):
                for c in range(3):
                    out[h, w, c] = image[h, w, c] * a[c] + b[c]

    loop: Callable[[Array, Array, Array, Array], None] = numba.njit(last_loop if last else first_loop)
    return loop


def image_case(height: int, width: int, dtype: str, *, last: bool = False, room: tuple[int, int] | None = None) -> Case:
    """Return a case of normalizing one picture, put into the middle of `room` if that is given."""
    image = aligned((height, width, 3), "u1")
    image[...] = np.arange(image.size).reshape(image.shape) % 251
    across = room or (height, width)
    layout: kernels.Layout = "HWC" if last else "CHW"
    out = aligned((*across, 3) if last else (3, *across), dtype, 2048)
    a, b = (1 / 255 / np.array(STD)).astype("f4"), (-np.array(MEAN) / STD).astype("f4")
    moved = out if last else out.transpose(1, 2, 0)
    top, left = (across[0] - height) // 2, (across[1] - width) // 2
    place = moved[top : top + height, left : left + width]
    fill = (np.float32(114) * a + b).astype(dtype)
    floats = np.empty((3, height, width), "f4").transpose(1, 2, 0)
    pixels = np.empty((height, width, 3), "f4")

    def numpy() -> None:
        if room:
            moved[...] = fill
        for c in range(3):
            np.multiply(image[..., c], a[c], out=floats[..., c])
            np.add(floats[..., c], b[c], out=place[..., c], casting="same_kind")

    contenders: Contenders = {
        "fill": lambda: out.fill(1),
        "npuspec": lambda: kernels.normalize(image, layout, out, mean=MEAN, std=STD, fill=114),
        "npuspec, 2 threads": lambda: kernels.normalize(image, layout, out, mean=MEAN, std=STD, fill=114, threads=2),
        "NumPy": numpy,
    }
    if not room:
        contenders["OpenVINO"] = openvino_prepost(image[None], out[None], last=last)
    if cv2 is not None and not room:
        scale, offset = tuple(a.tolist()), tuple(b.tolist())

        def opencv() -> None:
            scaled = cv2.multiply(image, (*scale, 0), dst=pixels, dtype=cv2.CV_32F)
            cv2.add(scaled, (*offset, 0), dst=pixels)
            if last or dtype == "f2":
                place[...] = pixels
            else:
                cv2.split(pixels, list(out))

        contenders["OpenCV"] = opencv
        if dtype == "f4":
            loop = compiled(last=last)
            contenders["numba"] = lambda: loop(image, out, a, b)
    return Case(out, contenders)


def resize_case(before: tuple[int, int], after: tuple[int, int]) -> Case:
    """Return a case of resizing one picture. Of OpenCV's filters, none is ours: both look at fewer pixels."""
    image, copy, out = aligned((*before, 3), "u1"), aligned((*before, 3), "u1", 2048), aligned((*after, 3), "u1", 2048)
    image[...] = np.random.default_rng(1).integers(0, 256, image.shape)
    picture = Image.fromarray(image)
    contenders: Contenders = {
        "copying the picture": lambda: np.copyto(copy, image),
        "npuspec": lambda: kernels.resize(image, after, out),
        "Pillow": lambda: picture.resize(after[::-1], Image.Resampling.BILINEAR),
    }
    if cv2 is not None:
        contenders["OpenCV, linear"] = lambda: cv2.resize(image, after[::-1], dst=out, interpolation=cv2.INTER_LINEAR)
        contenders["OpenCV, area"] = lambda: cv2.resize(image, after[::-1], dst=out, interpolation=cv2.INTER_AREA)
    return Case(out, contenders)


def cases() -> dict[str, Callable[[], Case]]:
    """Return what makes each case, by name."""
    layouts = [
        *[("u1", 3, 224), ("u1", 4, 224), ("u1", 3, 640), ("u1", 4, 640), ("f2", 3, 224)],
        *[("f4", 3, 112), ("f4", 3, 640), ("f4", 3, 1080), ("u1", 64, 32), ("f2", 64, 32)],
        *[("f4", 64, 28), ("f4", 64, 32), ("f4", 16, 224), ("u1", 64, 224), ("f2", 64, 224)],
        *[("f4", 64, 224), ("f4", 256, 224)],
    ]
    made: dict[str, Callable[[], Case]] = {}
    for dtype, channels, side in layouts:
        for last in (False, True):
            name = f"layout {dtype} C{channels} {side} {'NHWC' if last else 'NCHW'}"
            made[name] = partial(layout_case, dtype, channels, side, last=last)
    for side, dtype, last in [
        (224, "f4", False),
        (640, "f4", False),
        (640, "f4", True),
        (224, "f2", False),
        (640, "f2", False),
    ]:
        name = f"image {side} {dtype} {'HWC' if last else 'CHW'}"
        made[name] = partial(image_case, side, side, dtype, last=last)
    made["image 1080 f4 CHW"] = partial(image_case, 1080, 1920, "f4")
    made["image 360 in 640 f4 CHW"] = partial(image_case, 360, 640, "f4", room=(640, 640))
    made["resize 1080 1920 to 640 640"] = partial(resize_case, (1080, 1920), (640, 640))
    made["resize 480 640 to 224 224"] = partial(resize_case, (480, 640), (224, 224))
    return made


def measure(case: Case) -> dict[str, float]:
    """Return the median time of each contender, in seconds, the reader's own time taken off."""
    lines = case.out.reshape(-1).view("u1")[::64]

    def once(work: Callable[[], object], times: int) -> float:
        work()  # what the one before left in the caches is gone
        start = time.perf_counter()
        for _ in range(times):
            work()
            np.bitwise_or.reduce(lines)
        return (time.perf_counter() - start) / times

    works: Contenders = {"": lambda: None} | case.contenders
    times = {name: max(1, int(SLICE / min(once(work, 1) for _ in range(3)))) for name, work in works.items()}
    taken = {name: list[float]() for name in works}
    names = list(works)
    gc.disable()
    for _ in range(ROUNDS):
        random.shuffle(names)
        for name in names:
            taken[name].append(once(works[name], times[name]))
    gc.enable()
    reader = median(taken.pop(""))
    return {name: max(median(values) - reader, 1e-9) for name, values in taken.items()}


def main() -> int:
    """Print, for each case, how fast ours is as a part of the limit, and how many times as fast as each contender."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, make in cases().items():
        if wanted not in name:
            continue
        case = make()
        medians = measure(case)
        (limit, least), (_, ours), *others = medians.items()
        line = "  ".join(f"{other} {taken / ours:.2f}x" for other, taken in others)
        print(f"{name:26} {ours * 1e6:9.1f} us, {least / ours:.2f} of {limit};  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
