"""The models that are compared: the original, and the static variants that were made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino as ov

from npuspec.bundle.program import Input, Program
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.runtime import Engine, Session
from npuspec.runtime.device import compile_model
from npuspec.runtime.feed import Array
from npuspec.stages import BLOB, MODEL
from npuspec.stages.placed import Apart, Batch, naming
from npuspec.stages.reference import REFERENCE, Dynamic
from npuspec.stages.request import Request

Outputs = Mapping[str, Array]
"""A sample's outputs by name, without the batch axis."""


@dataclass(frozen=True, slots=True)
class Models:
    """The original, and the static variants of each model made of it."""

    original: Dynamic
    sessions: dict[str, Session]
    """The static and the quantized model, as an application runs them."""
    padded: Apart
    """The static model, each variant alone."""
    beside: Apart
    """What ships, each variant alone."""
    ships: str
    """`static` or `quantized`."""
    shipped: dict[str, ov.CompiledModel]
    static_irs: dict[str, Path]
    reference: Callable[[], Mapping[str, ov.CompiledModel]]
    """The static model on CPU in float32."""

    @classmethod
    def load(cls, core: ov.Core, request: Request, program: Program, inputs: tuple[Input, ...]) -> "Models":
        """Compile the results of earlier stages: the published model, static ones, those that ship, and their blobs.

        Args:
            core: where they are compiled.
            request: names their folders.
            program: that of the static models.
            inputs: what the published one takes.

        Raises:
            StageError: `output-shape`: a static model gives another number of rows than its batch has.

        """
        parameters, names = request.parameters, [v.name for v in program.variants]
        device, count = parameters["device"], len(program.variants)
        first, rest = request.inputs[0], request.inputs[1:]
        static, final, made = rest[:count], rest[count : 2 * count], rest[2 * count :]
        irs = {name: folder / MODEL for name, folder in zip(names, static, strict=True)}
        shipped = {
            name: _deployed(core, folder / MODEL, blob / BLOB, device, parameters["properties"])
            for name, folder, blob in zip(names, final, made, strict=True)
        }
        _check_rows(program, shipped)

        def reference() -> dict[str, ov.CompiledModel]:
            return {name: compile_model(core, ir, "CPU", REFERENCE) for name, ir in irs.items()}

        if final == static:
            compiled, runs_on, ships = shipped, device, "static"
        else:
            compiled, runs_on, ships = reference(), "CPU", "quantized"
            _check_rows(program, compiled)
        sessions = {"static": Session(Engine(program, compiled, device=runs_on))}
        if ships == "quantized":
            sessions[ships] = Session(Engine(program, shipped, device=device))
        return cls(
            original=Dynamic(core, first / MODEL, program, inputs, parameters.get("selects", ())),
            sessions=sessions,
            padded=Apart(program, compiled, runs_on),
            beside=Apart(program, shipped, device),
            ships=ships,
            shipped=shipped,
            static_irs=irs,
            reference=reference if final == static else lambda: compiled,
        )

    def infer_batch(self, batch: Batch) -> list[Outputs]:
        """Run each of a batch's samples beside the others on what ships."""
        first = batch.rows[0]
        session = self.sessions[self.ships] if first.overflows else self.beside[first.variant]
        with naming(first.name):
            return [*session.infer_many(batch.inputs())[: len(batch.rows)]]


def _deployed(core: ov.Core, ir: Path, blob: Path, device: str, properties: Mapping[str, Any]) -> ov.CompiledModel:
    """Return the model as a session gets it: from the blob where there is one."""
    if blob.exists():
        return core.import_model(blob.read_bytes(), device, dict(properties))
    return compile_model(core, ir, device, properties)


def _check_rows(program: Program, models: Mapping[str, ov.CompiledModel]) -> None:
    for name, model in models.items():
        for output in program.outputs:
            shape = list(model.output(output.name).shape)
            if shape[:1] != [program.batch]:
                message = f"output `{output.name}` has shape {shape} in variant {name}: not {program.batch} rows"
                help_ = "state the batch that the model was made for; each of its outputs must have one"
                raise StageError(Diagnostic("output-shape", message, help_))
