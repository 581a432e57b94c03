"""Call the kernels with random arguments: right to the bit, or refused with what they wrote to untouched.

    python tests/fuzz/kernels.py --count 1000000 --seed 1
    python tests/fuzz/kernels.py --seed 1 --only 4711

All arrays are views of a few blocks of memory, with any strides, so outputs overlap inputs and each other now and then,
and what lies around them is seen. What is right says NumPy, of resized pictures to within their roundings, and only the
exceptions that the stub documents may come.
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from npuspec import _native

Array: TypeAlias = NDArray[Any]
Call: TypeAlias = dict[str, Any]

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
ODD = [">f4", ">i8", "c8", "O", "M8[s]", "S3", "U2", "f4,i4", "V5", "g", "S0"]
BLOCK = 4096
LARGEST_ERROR = 1.05  # of a resized value: two roundings, and a little for its weights


def view(rng: random.Random, memory: Array, shape: tuple[int, ...], dtype: str, *, plain: bool) -> Array:
    """Return an array of this shape somewhere in memory, of any strides unless it is to be plain."""
    item = np.dtype(dtype).itemsize
    strides, step = [], item
    axes = [*range(len(shape))][::-1]
    if not plain and rng.random() < 0.3:
        rng.shuffle(axes)
    chosen = dict.fromkeys(axes, 0)
    for axis in axes:
        factor = 1 if plain else rng.choice([1, 1, 1, 1, 2, -1, -2, 0])
        chosen[axis] = step * factor + (0 if plain else rng.choice([0, 0, 0, 1]))
        step = max(abs(chosen[axis]) * shape[axis], step)
    strides = [chosen[axis] for axis in range(len(shape))]
    low = sum(min(stride * (size - 1), 0) for stride, size in zip(strides, shape, strict=True) if size)
    high = sum(max(stride * (size - 1), 0) for stride, size in zip(strides, shape, strict=True) if size) + item
    if high - low > memory.nbytes:
        return np.zeros(shape, dtype)
    start = rng.randrange(memory.nbytes - (high - low) + 1) - low
    if np.dtype(dtype).hasobject:
        return np.zeros(shape, dtype)
    array = np.ndarray(shape, dtype, buffer=memory, offset=start, strides=strides)
    if rng.random() < 0.03:
        array.flags.writeable = False
    return array


def odd(rng: random.Random, array: Any, memory: Array) -> Any:
    """Return something else than an array that fits, perhaps."""
    if rng.random() < 0.96:
        return array
    item, plain = array.dtype.str, rng.random() < 0.5
    others: list[Any] = [
        lambda: rng.choice([None, 1, "text", [1.0], b"bytes", bytearray(8), memoryview(bytes(4)), np.float32(1)]),
        lambda: view(rng, memory, array.shape, rng.choice(ODD), plain=plain),
        lambda: view(rng, memory, array.shape, rng.choice(DTYPES), plain=plain),
        lambda: array[None],
        lambda: view(rng, memory, (*array.shape[:-1], 0), item, plain=plain),
        lambda: np.array(1, item),
        lambda: memoryview(array),
    ]
    return rng.choice(others)()


def shapes_of(rng: random.Random, rows: int, room: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of samples, which have room but for a few."""
    shapes = [tuple(rng.randint(0, size) for size in room) for _ in range(rows)]
    if rng.random() < 0.05 and rows:
        shapes[-1] = tuple(size + rng.randint(0, 1) for size in shapes[-1])
    return shapes


def packed(rng: random.Random, memories: list[Array], sizes: list[int], rest: tuple[int, ...], dtype: str) -> Call:
    """Return samples that lie one after another."""
    total = max(sum(sizes) + rng.choice([0] * 20 + [-1, 1]), 0)
    samples = odd(rng, view(rng, rng.choice(memories), (total, *rest), dtype, plain=False), memories[0])
    if rng.random() < 0.03 and sizes:
        return {"samples": samples, "sizes": np.array([-1, *sizes[1:]])}
    said = odd(rng, np.array(sizes, rng.choice(["i4", "i8"])), memories[0])
    if said is None and isinstance(samples, memoryview):
        samples = np.asarray(samples)  # Python can't iterate over all of the other
    return {"samples": samples, "sizes": said}


def options(rng: random.Random) -> Call:
    """Return arguments that are no arrays."""
    call: Call = {"side": rng.choice(["right", "right", "left"] if rng.random() < 0.99 else ["both", "", 1])}
    if rng.random() < 0.5:
        call["value"] = rng.choice([0, 1, -1, 127, 255, 1 << 40, 0.5, 65519.0, 65520.0, 1e300, float("inf"), "x", None])
    if rng.random() < 0.2:
        call["finite"] = True
    if rng.random() < 0.5:
        call |= how(rng)
    return call


def a_pad(rng: random.Random, memories: list[Array]) -> Call:
    """Return arguments of `pad`."""

    def some(shape: tuple[int, ...], dtypes: list[str], likely_plain: float) -> Any:
        array = view(rng, rng.choice(memories), shape, rng.choice(dtypes), plain=rng.random() < likely_plain)
        return odd(rng, array, memories[0])

    dtype = rng.choice(DTYPES)
    given = "f4" if dtype == "f2" and rng.random() < 0.5 else dtype
    rank, rows = rng.choice([1, 1, 1, 2, 2, 3, 4]), rng.choice([0, 1, 1, 2, 3, 9])
    room = tuple(rng.choice([0, 1, 2, 3, 5, 8] + [40] * (rank == 1)) for _ in range(rank))
    axis = rng.randrange(rank) if rng.random() < 0.97 else rng.choice([-1, rank, 1 << 62])
    shapes = shapes_of(rng, rows, room)
    call = {"axis": axis, "out": some((rows, *room), [dtype], 0.97), **options(rng)}
    if rng.random() < 0.25:
        rest = tuple(rng.randint(0, size) for size in room[1:])
        call |= packed(rng, memories, [shape[0] for shape in shapes], rest, given)
    else:
        samples = [some(shape, [given], 0.5) for shape in shapes]
        call["samples"] = samples if rng.random() < 0.9 else tuple(samples)
    if rng.random() < 0.5:
        call["lengths"] = some((rows,) if rng.random() < 0.7 else (rows, 1), ["i4", "i8"], 1)
    if rng.random() < 0.5:
        size = room[axis] if 0 <= axis < rank else 1
        call["mask"] = some((rows, size), ["?", "u1", "i1", "i4", "i8", "f2", "f4"], 1)
    return call


def an_unpad(rng: random.Random, memories: list[Array]) -> Call:
    """Return arguments of `unpad`."""
    dtype, rank, rows = rng.choice(DTYPES), rng.choice([1, 1, 2, 3]), rng.choice([0, 1, 2, 3, 9])
    room = tuple(rng.choice([0, 1, 2, 3, 5, 8]) for _ in range(rank))
    shapes = shapes_of(rng, rows, room)
    batch = odd(rng, view(rng, rng.choice(memories), (rows, *room), dtype, plain=rng.random() < 0.5), memories[0])
    outs = [odd(rng, view(rng, rng.choice(memories), shape, dtype, plain=True), memories[0]) for shape in shapes]
    return {
        "batch": batch,
        "outs": outs,
        "side": rng.choice(["right", "left", "left", "right", "both"]),
        "level": how(rng)["level"],
    }


def a_repack(rng: random.Random, memories: list[Array]) -> Call:
    """Return arguments of `repack`."""
    dtype, last = rng.choice(DTYPES), rng.random() < 0.5
    *batch, h, w, c = (rng.choice([0, 1, 2, 3, 4, 5, 9, 17]) for _ in range(rng.choice([3, 4])))
    given, made = [(*batch, c, h, w), (*batch, h, w, c)][:: 1 if last else -1]
    array = view(rng, rng.choice(memories), given, dtype, plain=rng.random() < 0.5)
    out = view(rng, rng.choice(memories), made, dtype, plain=rng.random() < 0.97)
    call = {"array": odd(rng, array, memories[0]), "out": odd(rng, out, memories[0]), "channels_last": last}
    return {**call, **how(rng)}


def a_normalize(rng: random.Random, memories: list[Array]) -> Call:
    """Return arguments of `normalize`."""
    last, batch = rng.random() < 0.5, rng.choice([(), (), (1,), (2,), (0,)])
    h, w, c = (rng.choice([0, 1, 2, 5, 9]), rng.choice([0, 1, 3, 8, 17, 40]), rng.choice([0, 1, 2, 3, 4, 5]))
    d, top, left = rng.choice([1, 2, 3, 3, 4]), rng.choice([0, 0, 1, -1]), rng.choice([0, 0, 2])
    tall, wide = max(h + top + rng.choice([0, 0, 1, -1]), 0), max(w + left + rng.choice([0, 0, 3]), 0)
    image = view(rng, rng.choice(memories), (*batch, h, w, c), "u1", plain=rng.random() < 0.5)
    made = (*batch, tall, wide, d) if last else (*batch, d, tall, wide)
    out = view(rng, rng.choice(memories), made, rng.choice(["f2", "f4"]), plain=rng.random() < 0.97)
    numbers = [0.0, 1.0, -0.5, 1 / 255, 3.7, 700.0]
    channels = [(rng.randint(-(rng.random() < 0.02), max(c - 1, 0)), *rng.choices(numbers, k=3)) for _ in range(d)]
    if rng.random() < 0.02:
        channels[-1] = (0, *rng.choice([(float("nan"), 1.0, 1.0), (1.0, 1e300, 0.0), (1.0, 1.0, float("inf"))]))
    call = {"image": odd(rng, image, memories[0]), "out": odd(rng, out, memories[0]), "channels": channels}
    return {**call, "at": (top, left), "channels_last": last, **how(rng)}


def a_resize(rng: random.Random, memories: list[Array]) -> Call:
    """Return arguments of `resize`."""
    batch, sides = rng.choice([(), (), (1,), (2,), (0,)]), [0, 1, 1, 2, 3, 5, 8, 13, 30]
    channels = rng.choice([1, 3, 3, 4, 4, 2, 0])
    image = view(
        rng, rng.choice(memories), (*batch, *rng.choices(sides, k=2), channels), "u1", plain=rng.random() < 0.5
    )
    out = view(rng, rng.choice(memories), (*batch, *rng.choices(sides, k=2), channels), "u1", plain=rng.random() < 0.97)
    return {"image": odd(rng, image, memories[0]), "out": odd(rng, out, memories[0]), "level": how(rng)["level"]}


def how(rng: random.Random) -> Call:
    """Return what makes no difference."""
    threads, level = rng.choice([1, 1, 2, 3]), rng.choice([None, *_native.levels()])
    if rng.random() < 0.02:
        threads, level = rng.choice([(0, level), (-1, level), (threads, "sse"), (threads, "")])
    return {"threads": threads, "level": level}


def repacked(call: Call) -> list[tuple[Array, Array]]:
    """Return the output of a call of `repack` that was taken, and what it is to be."""
    return [(seen(call["out"]), np.moveaxis(seen(call["array"]), *((-3, -1) if call["channels_last"] else (-1, -3))))]


def normalized(call: Call) -> list[tuple[Array, Array]]:
    """Return the output of a call of `normalize` that was taken, and what it is to be."""
    image, out, (top, left) = seen(call["image"]), seen(call["out"]), call["at"]
    wanted = np.empty_like(out)
    planes = np.moveaxis(wanted, -1 if call["channels_last"] else -3, 0)
    for plane, (source, scale, offset, fill) in zip(planes, call["channels"], strict=True):
        plane[...] = np.float32(fill)
        values = image[..., source].astype(np.float32) * np.float32(scale) + np.float32(offset)
        with np.errstate(over="ignore"):
            plane[..., top : top + image.shape[-3], left : left + image.shape[-2]] = values
    return [(out, wanted)]


def resized(call: Call) -> list[tuple[Array, Array]]:
    """Return the output of a call of `resize` that was taken, and what it is to be, if it is close to that."""
    image, out = seen(call["image"]), seen(call["out"])
    if not out.size:
        return [(out, out)]
    exact = np.einsum("yh,...hwc,xw->...yxc", weights(image, out, -3), image, weights(image, out, -2), optimize=True)
    close = np.abs(out - exact) < LARGEST_ERROR
    return [(out, np.where(close, out, np.rint(exact)).astype(np.uint8))]


def weights(image: Array, out: Array, axis: int) -> Array:
    """Return the weight of each place of the image, for each place of the result."""
    size, made = image.shape[axis], out.shape[axis]
    centres = (np.arange(made)[:, None] + 0.5) * size / made
    triangles = np.maximum(1 - np.abs(np.arange(size) + 0.5 - centres) / max(size / made, 1), 0)
    scaled: Array = triangles / triangles.sum(1, keepdims=True)
    return scaled


def place(shape: tuple[int, ...], room: tuple[int, ...], side: str) -> tuple[slice, ...]:
    """Return where in a row a sample lies."""
    sizes = zip(shape, room, strict=True)
    return tuple(slice(0, size) if side == "right" else slice(most - size, most) for size, most in sizes)


def seen(array: Any) -> Array:
    """Return what the buffer protocol shows of anything."""
    return array if isinstance(array, np.ndarray) else np.asarray(memoryview(array))


def cut(call: Call) -> list[Array]:
    """Return the samples that a call of `pad` means."""
    if call.get("sizes") is None:
        return [seen(sample) for sample in call["samples"]]
    samples, ends = seen(call["samples"]), np.cumsum([0, *seen(call["sizes"])])
    return [samples[start:end] for start, end in pairwise(ends)]


def padded(call: Call) -> list[tuple[Array, Array]]:
    """Return each output of a call of `pad` that was taken, and what NumPy makes of it."""
    samples, out, side = cut(call), seen(call["out"]), call["side"]
    wanted = {"out": np.full_like(out, call.get("value", 0))}
    with np.errstate(over="ignore"):
        for row, sample in zip(wanted["out"], samples, strict=True):
            row[place(sample.shape, row.shape, side)] = sample
    sizes = [sample.shape[call["axis"]] for sample in samples]
    for name in ("lengths", "mask"):
        if call.get(name) is not None:
            array = seen(call[name])
            wanted[name] = (
                np.zeros_like(array) if name == "mask" else np.reshape(sizes, array.shape).astype(array.dtype)
            )
    for row, size in zip(wanted.get("mask", ()), sizes, strict=False):
        row[place((size,), row.shape, side)] = 1
    return [(seen(call[name]), array) for name, array in wanted.items()]


def unpadded(call: Call) -> list[tuple[Array, Array]]:
    """Return each output of a call of `unpad` that was taken, and what NumPy makes of it."""
    batch, outs = seen(call["batch"]), [seen(out) for out in call["outs"]]
    return [(out, row[place(out.shape, row.shape, call["side"])]) for out, row in zip(outs, batch, strict=True)]


MAKERS = {"pad": a_pad, "unpad": an_unpad, "repack": a_repack, "normalize": a_normalize, "resize": a_resize}
WANTED = {"pad": padded, "unpad": unpadded, "repack": repacked, "normalize": normalized, "resize": resized}


def same(before: list[Array], after: list[Array]) -> bool:
    """Tell whether memory is as it was."""
    return all((a == b).all() for a, b in zip(before, after, strict=True))


def try_one(rng: random.Random) -> str:
    """Make one call, and return what came of it."""
    memories = [np.frombuffer(rng.randbytes(BLOCK), "u1").copy() for _ in range(3)]
    name, make = rng.choices([*MAKERS.items()], [4, 2, 2, 2, 2])[0]
    call = make(rng, memories)
    before = [memory.copy() for memory in memories]
    try:
        getattr(_native, name)(**call)
    except _native.NonFiniteError:
        assert call["finite"]
        return "not finite"
    except (TypeError, BufferError, ValueError) as error:
        if same(before, memories):
            return type(error).__name__
        raise AssertionError(f"something was written before: {error}") from error
    # Outputs overlap nothing, so inputs are as they were; all else must be as NumPy leaves it.
    for found, wanted in WANTED[name](call):
        # A NaN is a NaN: whether it is a quiet one afterwards depends on NumPy's machine.
        equal = found.tobytes() == wanted.tobytes() or np.array_equal(found, wanted, equal_nan=found.dtype.kind == "f")
        assert equal, "not what NumPy makes of it"
        for memory, copy in zip(memories, before, strict=True):
            if found.size and np.may_share_memory(memory, found):
                start = found.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
                copy[start : start + found.nbytes] = memory[start : start + found.nbytes]
    assert same(before, memories), "something else was written"
    return f"{name} done"


def main() -> int:
    """Run; the exit code is 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--only", type=int, help="the number of one call, to see it alone")
    arguments = parser.parse_args()
    numbers = range(arguments.count) if arguments.only is None else [arguments.only]
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + arguments.seconds
    for number in numbers:
        try:
            outcomes[try_one(random.Random(f"{arguments.seed} {number}"))] += 1
        except Exception:  # noqa: BLE001  whatever it is, it was to be another
            traceback.print_exc()
            print(f"call {number} of seed {arguments.seed}")
            return 1
        if time.monotonic() > end:
            break
    for outcome, times in outcomes.most_common():
        print(f"{times:10} {outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
