"""Rules that look at several tables together: one small function each, none of which reads a file."""

from collections.abc import Callable, Iterator

from npuspec.diagnostics import Diagnostic
from npuspec.spec.models import Spec
from npuspec.spec.rules import batching, budgets, data, dims, inputs, precision, properties, target, tasks

Rule = Callable[[Spec], Iterator[Diagnostic]]

PROPERTY_RULES: tuple[Rule, ...] = (
    properties.unknown_property,
    properties.retired_name,
    properties.private_property,
    properties.read_only_property,
    properties.reserved_property,
    properties.property_scope,
    properties.mmap_on_device,
    properties.property_device,
    properties.property_value,
    properties.precision_refused,
    properties.known_unchecked,
    properties.unchecked_form,
    properties.turbo_sequential,
    properties.redundant_bypass,
    properties.bypassed_driver_cache,
    properties.contradictory_properties,
    properties.doubtful_properties,
)
"""Those that look at nothing but [properties], [target] and [cache]."""

RULES: tuple[Rule, ...] = (
    *PROPERTY_RULES,
    target.fallback_is_target,
    target.hidden_fallback,
    target.platforms_of_npu,
    target.uncached,
    target.sustained_turbo,
    dims.undeclared_dim,
    dims.dim_name,
    dims.dim_of_output,
    dims.batch_is_first,
    dims.padded_of,
    data.data_for_an_input,
    data.one_origin,
    data.keys_of_text,
    data.gate_compares_two,
    dims.one_side,
    dims.sizes_on_grid,
    batching.chosen_candidate,
    batching.split_batch,
    batching.latency_batch,
    dims.too_many_variants,
    data.limits_of_gate,
    budgets.platform_of_budget,
    budgets.figure_of_budget,
    budgets.variant_of_budget,
    tasks.labels_for_a_task,
    tasks.decode_of_a_task,
    tasks.decode_keys,
    data.idle_quantization,
    data.idle_recipe_keys,
    data.pattern_form,
    data.small_calibration,
    precision.ungated_quantization,
    precision.goal_of_search,
    precision.group_of_int4,
    dims.chunk_keys,
    inputs.layout_of_axes,
    inputs.channel_numbers,
    inputs.resize_of_pictures,
)
