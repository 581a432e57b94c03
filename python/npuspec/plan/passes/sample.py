"""Choose the recipe, and split the data: what calibrates is never what the gates run on."""

from itertools import pairwise

from npuspec.diagnostics import Diagnostic
from npuspec.plan.model import PlannedSource, Recipe, Samples
from npuspec.spec import Spec

SUFFIXES = (".npy", ".wav")


def plan_recipe(spec: Spec) -> Recipe:
    """Return the quantization in NNCF's terms."""
    written = spec.quantization
    return Recipe(
        mode=written.mode,
        preset=written.preset,
        model_type=written.model_type,
        subset_size=written.samples,
        fast_bias_correction=written.fast_bias_correction,
        smooth_quant_alpha=written.smooth_quant_alpha,
        overflow_fix=written.overflow_fix,
        activations_range=written.activations_range,
        keep_names=tuple(sorted(set(written.keep.names))),
        keep_types=tuple(sorted(set(written.keep.types))),
    )


def split_samples(spec: Spec, source: PlannedSource | None) -> tuple[Samples | None, list[Diagnostic]]:
    """Split the files in the order of their content's SHA-256.

    That order is the same wherever the files lie and whatever they are called, and as good as random: a folder for
    each speaker or language doesn't put all of one kind on one side.
    """
    if spec.data is None or source is None:
        return None, []
    faults = []
    if others := [file.path for file in source.files if not file.path.lower().endswith(SUFFIXES)]:
        message = f"{len(others)} file(s) are no samples that can be read, `{others[0]}` among them"
        faults.append(
            Diagnostic("unsupported-data-format", message, f"a glob for {' or '.join(SUFFIXES)} files only").at(
                ("data", "source")
            )
        )
    if spec.data.sample_rate is None and any(f.path.lower().endswith(".wav") for f in source.files):
        message = "`sample-rate` is missing: the rate in Hz that the model was trained on"
        faults.append(
            Diagnostic("missing-key", message, "nothing is resampled without a word: sample-rate = 16000").at(("data",))
        )
    ordered = sorted(source.files, key=lambda file: (file.sha256, file.path))
    twins = [a.path for a, b in pairwise(ordered) if a.sha256 == b.sha256]
    if twins:
        message = f"{len(twins)} sample(s) occur twice, `{twins[0]}` among them"
        faults.append(
            Diagnostic("duplicate-samples", message, "calibration and gates would share them: take one out").at(
                ("data", "source")
            )
        )
    wanted = spec.quantization.samples if spec.quantization.is_calibrated else 0
    at = ("quantization", "samples") if "samples" in spec.quantization.model_fields_set else ("quantization",)
    spare = len(ordered) - wanted
    if spare < 0 or (spec.gates and spare == 0):
        message = (
            f"{wanted} samples are to calibrate, and there are {len(ordered)}"
            if spare < 0
            else f"all {wanted} samples calibrate: none is left for the gates"
        )
        help_ = f"more data, or samples = {len(ordered) * 2 // 3}" if len(ordered) > 1 else "more data"
        faults.append(Diagnostic("too-few-samples", message, help_).at(at))
    if faults:
        return None, faults
    paths = [file.path for file in ordered]
    samples = Samples(
        source=source,
        input=spec.data.input,
        sample_rate=spec.data.sample_rate,
        calibration=tuple(sorted(paths[:wanted])),
        validation=tuple(sorted(paths[wanted:])),
    )
    return samples, []
