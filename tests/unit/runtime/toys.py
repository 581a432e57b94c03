"""Small models whose outputs show exactly what they were fed, and bundles of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from msgspec import convert, to_builtins
from openvino import opset13 as op

from npuspec.bundle import Blob, Deployed, Manifest
from npuspec.bundle.manifest import PLAN
from npuspec.bundle.program import DataInput, Dim, Extent, Input, LengthInput, MaskInput, Output, Program, Variant
from npuspec.bundle.writer import publish, records, staging
from npuspec.runtime.device import identity

CORE = ov.Core()
Build = Callable[[Program, Variant], ov.Model]


def data(name: str = "x", axes: tuple[str | int, ...] = ("time",), dtype: str = "float32", **more: Any) -> DataInput:
    return DataInput(
        **{"name": name, "dtype": dtype, "axes": axes, "pad_value": 0.0, "pad_side": "right", "finite": False, **more}
    )


def length(name: str = "n", dtype: str = "int64", of: str = "x", dim: str = "time") -> LengthInput:
    return LengthInput(name=name, dtype=dtype, of=of, dim=dim)


def mask(name: str = "m", dtype: str = "int64", of: str = "x", dim: str = "time") -> MaskInput:
    return MaskInput(name=name, dtype=dtype, of=of, dim=dim)


def program(
    *inputs: Input,
    batch: int = 1,
    sizes: tuple[Mapping[str, int], ...] = ({"time": 8},),
    minimum: int = 1,
    length_rank: int = 1,
    outputs: tuple[Output, ...] | None = None,
) -> Program:
    """Return a program with a variant for each choice of sizes; its outputs are those of `echo`."""
    variants = []
    for chosen in sizes:
        shapes: dict[str, tuple[int, ...]] = {}
        for port in inputs:
            if isinstance(port, DataInput):
                shapes[port.name] = (batch, *(chosen.get(str(axis)) or int(axis) for axis in port.axes))
            elif isinstance(port, LengthInput):
                shapes[port.name] = (batch, 1)[:length_rank]
            else:
                shapes[port.name] = (batch, chosen[port.dim])
        name = "-".join(f"{dim}{size}" for dim, size in chosen.items()) or "static"
        variants.append(Variant(name=name, sizes=dict(chosen), shapes=shapes))
    return Program(
        batch=batch,
        dims={dim: Dim(minimum=minimum, maximum=max(c[dim] for c in sizes)) for dim in (sizes[0] if sizes else ())},
        inputs=inputs,
        outputs=tuple(Output(name=f"{i.name} fed", dtype=i.dtype, extents=()) for i in inputs)
        if outputs is None
        else outputs,
        variants=tuple(variants),
    )


def parameters(toy: Program, variant: Variant) -> dict[str, Any]:
    """Return a parameter for each input of a model."""
    result = {}
    for port in toy.inputs:
        parameter = op.parameter(list(variant.shapes[port.name]), ov.Type(port.dtype), name=port.name)
        parameter.output(0).set_names({port.name})
        result[port.name] = parameter
    return result


def model(nodes: Mapping[str, Any], given: Mapping[str, Any]) -> ov.Model:
    for name, node in nodes.items():
        node.output(0).set_names({name})
    results = [op.result(node, name=f"{name} result") for name, node in nodes.items()]
    return ov.Model(results, list(given.values()), "toy")


def echo(toy: Program, variant: Variant) -> ov.Model:
    """Return a model with an output for each input: the whole batch that it was fed, as each row of a batch."""
    given = parameters(toy, variant)
    fed = {
        name: op.broadcast(op.unsqueeze(port, 0), np.array([toy.batch, *port.shape])) for name, port in given.items()
    }
    return model({f"{name} fed": node for name, node in fed.items()}, given)


def doubled(toy: Program, variant: Variant) -> ov.Model:
    """Return a model with the output `y` = 2 `x`."""
    given = parameters(toy, variant)
    return model({"y": op.add(given["x"], given["x"])}, given)


def times(factor: float) -> Build:
    """Return what makes a model with the output `y` = `factor` * `x`, of weights that are as large for any factor."""

    def build(toy: Program, variant: Variant) -> ov.Model:
        given = parameters(toy, variant)
        weights = op.constant(np.full(variant.shapes["x"], factor, np.float32), name="weights")
        return model({"y": op.multiply(given["x"], weights, name="y")}, given)

    return build


def compiled(toy: Program, build: Any = echo) -> dict[str, Any]:
    return {v.name: CORE.compile_model(build(toy, v), "CPU") for v in toy.variants}


def along(name: str = "y", dim: str = "time", axis: int = 1, dtype: str = "float32", **form: int) -> Output:
    """Return an output that is as long as the sample, or as `form` says."""
    return Output(name=name, dtype=dtype, extents=(Extent(dim=dim, axis=axis, **form),))


def bundle(
    path: Path, toy: Program, build: Any = doubled, *, blob: bool = False, planned: bytes | None = None, **changes: Any
) -> str:
    """Publish a bundle that was made on this machine's CPU; `changes` are other values of its manifest."""
    with staging(path) as scratch:
        (scratch / "models").mkdir()
        (scratch / "blobs").mkdir()
        if planned is not None:
            (scratch / PLAN).write_bytes(planned)
        here = identity(CORE, "CPU")
        blobs = {}
        for variant in toy.variants:
            made = build(toy, variant)
            ov.save_model(made, scratch / "models" / f"{variant.name}.xml", compress_to_fp16=False)
            if blob:
                place = f"blobs/{variant.name}.blob"
                (scratch / place).write_bytes(CORE.compile_model(made, "CPU").export_model().read())
                blobs[variant.name] = Blob(device="CPU", identity=here, path=place)
        manifest = Manifest(
            plan="0" * 64,
            toolchain={},
            program=toy,
            cache="blob" if blob else "none",
            deployments=(Deployed(device="CPU", properties={}),),
            device="CPU",
            identity=here,
            models={v.name: f"models/{v.name}.xml" for v in toy.variants},
            blobs=blobs,
            files=records(scratch),
        )
        return publish(path, scratch, convert({**to_builtins(manifest), **changes}, Manifest))
