"""Quantize with NNCF's accuracy control: what costs the most accuracy becomes floating point again."""

from collections.abc import Iterable, Mapping
from typing import Any

import openvino as ov
from msgspec import convert

from npuspec.child import Progress
from npuspec.plan.model import Recipe
from npuspec.stages import MODEL, TIMINGS
from npuspec.stages.calibration import Calibration, dynamic, read_fitting, report
from npuspec.stages.judge import Judge
from npuspec.stages.quantize import Job
from npuspec.stages.recipe import advanced_parameters, calling_nncf, quantize_options
from npuspec.stages.request import Request, peak_memory


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write model.xml, model.bin, quantization.json and timings.json, like `quantize`.

    The accuracy is the worst of the gates': a share or a cosine that is at its best at 1, or an error rate's distance
    from 1.
    """
    request = Request.of(arguments)
    recipe = convert(request.parameters["recipe"], Recipe)
    job = Job.of(request, recipe)
    fitting = read_fitting(request, job.program, "calibration")
    calibration = Calibration(job.feed, fitting.samples, progress)
    original = dynamic(request, job.core, request.inputs[0] / MODEL)
    judge = Judge(request, request.parameters["samples"]["calibration"])
    wanted = [original.infer(sample) for sample in fitting.samples]

    def accuracy(compiled: ov.CompiledModel, numbers: Iterable[int]) -> tuple[float, list[float]]:
        model = dynamic(request, job.core, compiled)
        chosen = [*numbers]
        every = []
        for number in chosen:
            sample = fitting.samples[number]
            judge.begin()
            judge.add(sample.name, model.infer(sample), wanted[number])
            every.append(judge.end().accuracy)
        return sum(every) / len(every), every

    with calling_nncf() as nncf:
        quantized = nncf.quantize_with_accuracy_control(
            job.model,
            nncf.Dataset(calibration),
            nncf.Dataset(range(len(fitting.samples))),
            accuracy,
            max_drop=recipe.max_drop,
            drop_type=nncf.DropType[recipe.drop_type.upper()],
            subset_size=len(calibration),
            advanced_quantization_parameters=advanced_parameters(recipe),
            **quantize_options(nncf, recipe, job.kept, job.kept_types),
        )
    job.write(request, quantized, report(fitting, job.program, recipe.subset_size))
    request.write_json(TIMINGS, {"peak_mib": peak_memory()})
