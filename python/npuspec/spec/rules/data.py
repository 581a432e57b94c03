"""What is measured and calibrated, and on which samples."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic, Path
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.spec.models import DataInput, Spec


def data_for_an_input(spec: Spec) -> Iterator[Diagnostic]:
    """Samples are of a data input, and they are there when something needs them."""
    if spec.data is None:
        needs: list[Path] = [("quantization",)] if spec.quantization.mode != "none" else []
        needs += [("gates", i) for i in range(len(spec.gates))]
        fault = Diagnostic(
            "no-data", "there are no real samples: the spec has no [data]", "add it, with `source` and `input`"
        )
        for path in needs:
            fault = fault.at(path, "this needs them")
        yield from [fault] if needs else []
        return
    names = [n for n, t in spec.inputs.items() if isinstance(t, DataInput)]
    if spec.data.input not in names:
        message = f"`{spec.data.input}` is no data input of this spec"
        yield Diagnostic("unknown-input", message, did_you_mean(spec.data.input, names)).at(("data", "input"))
    elif len(names) > 1:
        message = "samples of one input can't feed a model with several data inputs"
        yield Diagnostic("several-data-inputs", message, "gates and quantization need a model with one data input").at(
            ("data", "input")
        )


def gate_compares_two(spec: Spec) -> Iterator[Diagnostic]:
    """A gate compares two different models that both exist."""
    for index, gate in enumerate(spec.gates):
        if gate.of == gate.against:
            message = f"a gate that compares `{gate.of}` with itself always passes"
            yield Diagnostic("empty-gate", message, 'against = "original"').at(("gates", index, "against"))
        if gate.of == "quantized" and spec.quantization.mode == "none":
            message = "there is no quantized model to gate"
            yield Diagnostic("empty-gate", message, 'state quantization.mode = "int8", or gate `static`').at(
                ("gates", index, "of")
            )


def idle_quantization(spec: Spec) -> Iterator[Diagnostic]:
    """A recipe that isn't used is a mistake: most likely the mode was forgotten."""
    if spec.quantization.mode == "none" and (written := spec.quantization.model_fields_set - {"mode"}):
        message = "nothing is quantized, yet a recipe is stated"
        key = min(written).replace("_", "-")
        fault = Diagnostic("idle-quantization", message, 'add mode = "int8", or take the recipe out')
        yield fault.at(("quantization", key), part="key")
