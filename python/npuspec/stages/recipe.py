"""A recipe in NNCF's own terms."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from npuspec.diagnostics import Diagnostic, NpuspecError, StageError
from npuspec.plan.model import Recipe


@contextmanager
def calling_nncf(help_: str = 'keep what it names in floating point, or set mode = "none"') -> Iterator[Any]:
    """Give NNCF, and tell what it refuses in its own words, and what helps.

    Raises:
        StageError: `missing-extra` or `quantize-failed`.

    """
    try:
        import nncf  # noqa: PLC0415  an extra: only specs that quantize need it
    except ImportError:
        message = "quantizing needs the package nncf"
        raise StageError(Diagnostic("missing-extra", message, "pip install 'npuspec[quantize]'")) from None
    try:
        yield nncf
    except (NpuspecError, OSError):
        raise
    except Exception as error:  # noqa: BLE001  NNCF's own errors have no base but this
        message = f"NNCF can't quantize the model: {str(error).strip()}"
        raise StageError(Diagnostic("quantize-failed", message, help_)) from None


def quantize_options(nncf: Any, recipe: Recipe, names: list[str], types: list[str]) -> dict[str, Any]:
    """Return what `nncf.quantize` and `nncf.quantize_with_accuracy_control` have in common.

    Args:
        nncf: the package.
        recipe: what the spec states.
        names: operations that stay floating point.
        types: types of operations that do.

    """
    presets = {"performance": nncf.QuantizationPreset.PERFORMANCE, "mixed": nncf.QuantizationPreset.MIXED}
    return {
        "preset": presets[recipe.preset],
        "model_type": nncf.ModelType.TRANSFORMER if recipe.model_type == "transformer" else None,
        "fast_bias_correction": recipe.fast_bias_correction,
        "ignored_scope": nncf.IgnoredScope(names=names, types=types),
    }


def advanced_parameters(recipe: Recipe) -> Any:
    """Return NNCF's advanced parameters; what the recipe leaves open stays NNCF's own choice."""
    from nncf.quantization import advanced_parameters as advanced  # noqa: PLC0415
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet  # noqa: PLC0415

    parameters = advanced.AdvancedQuantizationParameters(
        overflow_fix=advanced.OverflowFix[recipe.overflow_fix.replace("-layer", "_layer").upper()]
    )
    if (alpha := recipe.smooth_quant_alpha) is not None:
        parameters.smooth_quant_alphas = advanced.AdvancedSmoothQuantParameters(convolution=alpha, matmul=alpha)
    if recipe.activations_range is not None:
        name = recipe.activations_range.replace("-", "_").upper()
        parameters.activations_range_estimator_params = getattr(RangeEstimatorParametersSet, name)
    return parameters


def compress_options(nncf: Any, recipe: Recipe, names: list[str], types: list[str]) -> Mapping[str, Any]:
    """Return what `nncf.compress_weights` is told; the same Args as for `quantize_options`."""
    modes = {mode.value.replace("_", "-"): mode for mode in nncf.CompressWeightsMode}
    is_int4 = recipe.weights_mode.startswith("int4")
    return {
        "mode": modes[recipe.weights_mode],
        "ignored_scope": nncf.IgnoredScope(names=names, types=types),
        **({"group_size": recipe.group_size} if recipe.group_size is not None else {}),
        **({"ratio": 1.0, "all_layers": True} if is_int4 else {}),
    }
