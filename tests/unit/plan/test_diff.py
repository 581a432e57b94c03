"""What changed between two plans, what follows, and why."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from msgspec import structs
from pydantic import BaseModel

from builders import DATA, GATE, SMALL, TOOLCHAIN, plan_of, port, signature_of
from npuspec.plan import Plan
from npuspec.plan.diff import PlanDiff, diff_plans
from npuspec.plan.effects import EFFECTS, PARTS, Consequence, effect_of, part_of
from npuspec.plan.model import PlannedSource
from npuspec.spec import Spec

C = Consequence
EVERYTHING = (C.RECOMPILE, C.REQUANTIZE, C.INTERFACE, C.ACCURACY)
FILES = tuple(f"{i}.npy" for i in range(6))
QUANTIZED = '\n[quantization]\nmode = "int8"\nsamples = 4\n'
FULL = SMALL + DATA + QUANTIZED + "\n[properties]\nturbo = true\n" + GATE
FLOAT = SMALL + DATA + GATE
TWO_GATES = FULL + GATE.replace('of = "static"', 'of = "quantized"')
SHAPE = 'shape = ["batch", "time"]'


def plan(text: str, files: tuple[str, ...] = FILES, **more: Any) -> Plan:
    return plan_of(text, files=files, **more)


def compared(old: str, new: str, text: str = FULL) -> PlanDiff:
    assert text.count(old) == 1
    return diff_plans(plan(text), plan(text.replace(old, new)))


def follows(diff: PlanDiff) -> list[tuple[str, tuple[Consequence, ...]]]:
    return [(change.what, change.consequences) for change in diff.changes]


def keys_of(model: type[BaseModel], at: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the path of every key of the language; a name is `*`."""
    for field, info in model.model_fields.items():
        yield from keys_below(info.annotation, (*at, info.alias or field))


def keys_below(kind: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from keys_of(kind, path)
        return
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from keys_below(arguments[0], path)
    elif origin in (Union, UnionType):
        for argument in arguments:
            if argument is not type(None):
                yield from keys_below(argument, path)
    elif origin is dict:
        yield from keys_below(arguments[1], (*path, "*"))
    elif origin is tuple and path in (("gates",), ("allow",)):
        yield from keys_below(arguments[0], (*path, "*"))
    else:
        yield ".".join(path)


def test_every_key_of_the_language_has_an_effect_and_nothing_else_has() -> None:
    keys = {key for key in keys_of(Spec) if key.split(".")[0] not in ("allow", "npuspec", "properties")}
    assert len(keys) > 60
    assert keys == EFFECTS.keys()


def test_every_effect_names_parts_that_there_are() -> None:
    for effect in EFFECTS.values():
        for name in effect.parts:
            assert part_of(name) is PARTS[name.partition(".")[0]]


def test_the_reason_of_the_contract() -> None:
    files = tuple(f"{i}.npy" for i in range(600))
    text = FULL.replace("samples = 4", "samples = 300")
    diff = diff_plans(plan(text, files), plan(text.replace("samples = 300", "samples = 500"), files))
    assert "requantized because quantization.samples 300 → 500" in [reason.sentence for reason in diff.reasons]
    assert diff.consequences == (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)


@pytest.mark.parametrize(
    ("old", "new", "what", "consequences"),
    [
        ("samples = 4", "samples = 3", "quantization.samples", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)),
        ('"int8"', '"int8"\npreset = "mixed"', "quantization.preset", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)),
        ("turbo = true", "turbo = false", "properties.turbo", (C.RECOMPILE,)),
        (
            "turbo = true",
            'turbo = true\nexecution-mode-hint = "ACCURACY"',
            "properties.execution-mode-hint",
            (C.RECOMPILE, C.ACCURACY),
        ),
        ('fallback = ["CPU"]', "", "target.fallback", (C.RELOAD,)),
        ("[target]", '[target]\nplatforms = ["4000"]', "target.platforms", (C.RECOMPILE,)),
        ("[target]", '[cache]\nkind = "directory"\n[target]', "cache.kind", (C.RECOMPILE,)),
        ("[target]", "[load]\nqueue = 8\n[target]", "load.queue", (C.RELOAD,)),
        ("size = 64", "size = 128", "dims.time.size", EVERYTHING),
        (SHAPE, f"{SHAPE}\npad-value = 1.0", "inputs.x.pad-value", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)),
        (SHAPE, f"{SHAPE}\nfinite = true", "inputs.x.finite", (C.RECOMPILE, C.REQUANTIZE, C.INTERFACE)),
        (
            "min = 0.5",
            "min = 0.4",
            "gates[frame-agreement of static against original, y]",
            (C.REMEASURE,),
        ),
    ],
)  # fmt: skip
def test_what_follows_from_one_change(old: str, new: str, what: str, consequences: tuple[Consequence, ...]) -> None:
    assert follows(compared(old, new)) == [(what, consequences)]


MASKED = FULL + '[inputs.m]\nrole = "mask"\nof = "x"\nbuilt = "in-model"\n'
SELECTED = FULL + '[outputs.y]\nselect = { kind = "masked-mean", dim = "time" }\n'
CLASSES = (port("y", None, None, 8),)


@pytest.mark.parametrize(
    ("text", "old", "new", "what", "consequences"),
    [
        (MASKED, '"in-model"', '"outside"', "inputs.m.built", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)),
        (SELECTED, "masked-mean", "last-valid", "outputs.y.select.kind", (C.RECOMPILE, C.INTERFACE, C.ACCURACY)),
        (SELECTED, "masked-mean", "zero-invalid", "outputs.y.select.kind", EVERYTHING),
        (MASKED, SHAPE, f'{SHAPE}\npad-side = "left"', "inputs.x.pad-side", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)),
        (SELECTED, SHAPE, f'{SHAPE}\npad-side = "left"', "inputs.x.pad-side", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)),
        (SELECTED, "size = 64", "size = 128", "dims.time.size", EVERYTHING),
    ],
)
def test_what_is_put_into_the_graph_is_explained(
    text: str, old: str, new: str, what: str, consequences: tuple[Consequence, ...]
) -> None:
    mask = (port("m", None, None, dtype="int64"),) if text == MASKED else ()
    signature = signature_of(port("x", None, None), *mask, outputs=CLASSES)
    assert text.count(old) == 1
    diff = diff_plans(plan(text, signature=signature), plan(text.replace(old, new), signature=signature))
    assert follows(diff) == [(what, consequences)]
    assert "shape[time64]" in [stage.name for stage in diff.stages]


@pytest.mark.parametrize(
    ("mode", "consequences"),
    [
        ("int8", (C.REMEASURE,)),
        ("mixed", (C.RECOMPILE, C.REQUANTIZE)),
        ("accuracy-control", (C.RECOMPILE, C.REQUANTIZE)),
    ],
)
def test_a_gate_that_a_mix_must_meet_is_no_mere_measurement(mode: str, consequences: tuple[Consequence, ...]) -> None:
    gate = GATE.replace('of = "static"', 'of = "quantized"').replace('"original"', '"static"')
    diff = compared("min = 0.5", "min = 0.6", FULL.replace(GATE, gate).replace('"int8"', f'"{mode}"'))
    assert follows(diff) == [("gates[frame-agreement of quantized against static, y]", consequences)]


@pytest.mark.parametrize("mode", ["mixed", "accuracy-control"])
@pytest.mark.parametrize(
    ("text", "old", "new", "what"),
    [
        (FULL, "samples = 4", "samples = 3", "quantization.samples"),
        (FULL, 'input = "x"', 'input = "x"\nsample-rate = 8000', "data.sample-rate"),
        (FULL, SHAPE, f"{SHAPE}\npad-value = 1.0", "inputs.x.pad-value"),
        (FULL, "size = 64", "size = 128", "dims.time.size"),
        (SELECTED, "masked-mean", "last-valid", "outputs.y.select.kind"),
    ],
)
def test_what_a_mix_reads_has_its_cause(mode: str, text: str, old: str, new: str, what: str) -> None:
    held = text.replace('"int8"', f'"{mode}"').replace('of = "static"', 'of = "quantized"')
    [(found, consequences)] = follows(compared(old, new, held))
    assert found == what
    assert {C.RECOMPILE, C.REQUANTIZE, C.ACCURACY} <= {*consequences}


def test_a_selection_that_is_new_is_explained_by_each_key_that_is_written() -> None:
    diff = diff_plans(plan(FULL), plan(SELECTED))
    assert dict(follows(diff)) == {f"outputs.y.select.{key}": EVERYTHING for key in ("dim", "kind")}


def test_a_batch_brings_the_default_hint_of_batches_with_it() -> None:
    assert follows(compared("[target]", "[batching]\nsize = 2\n[target]")) == [
        ("batching.size", EVERYTHING),
        ("properties.performance-hint", (C.RECOMPILE,)),
    ]


@pytest.mark.parametrize(
    ("old", "new", "what", "consequences"),
    [
        (SHAPE, f"{SHAPE}\nfinite = true", "inputs.x.finite", (C.RELOAD, C.REMEASURE, C.INTERFACE)),
        (SHAPE, f"{SHAPE}\npad-value = 1.0", "inputs.x.pad-value", (C.RELOAD, C.REMEASURE, C.ACCURACY)),
        ('overflow = "error"', 'overflow = "truncate"', "dims.time.overflow", (C.RELOAD, C.REMEASURE, C.INTERFACE)),
        (DATA, DATA + "sample-rate = 8000\n", "data.sample-rate", (C.REMEASURE,)),
    ],
)
def test_without_quantization_nothing_is_requantized(
    old: str, new: str, what: str, consequences: tuple[Consequence, ...]
) -> None:
    assert follows(compared(old, new, FLOAT)) == [(what, consequences)]


def test_without_a_cache_an_npu_s_driver_may_keep_what_was_compiled() -> None:
    bypass = ("properties.bypass-umd-caching", (C.RECOMPILE,))
    text = SMALL + '\n[cache]\nkind = "directory"\n'
    for old, new in (('"directory"', '"none"'), ('"none"', '"directory"'), ('"none"', '"blob"')):
        assert follows(compared(old, new, text.replace('"directory"', old))) == [
            ("cache.kind", (C.RECOMPILE,)),
            bypass,
        ]


def test_a_cache_that_is_in_no_blob_changes_without_compiling() -> None:
    text = SMALL.replace('"NPU"\nfallback = ["CPU"]', '"CPU"') + '\n[cache]\nkind = "directory"\n'
    assert follows(compared('"directory"', '"none"', text)) == [("cache.kind", (C.RELOAD,))]


def test_a_fallback_that_becomes_the_target_is_compiled_for() -> None:
    diff = compared('device = "NPU"\nfallback = ["CPU"]', 'device = "CPU"', SMALL)
    assert dict(follows(diff))["target.device"] == (C.RECOMPILE, C.ACCURACY)


def test_what_is_not_quantized_any_more_is_not_requantized() -> None:
    diff = compared(QUANTIZED, "\n")
    assert dict(follows(diff))["quantization.mode"] == (C.RECOMPILE, C.ACCURACY)
    assert C.REQUANTIZE not in diff.consequences


def test_a_recipe_that_is_not_used_any_more_is_no_cause() -> None:
    text = FULL.replace(DATA, "").replace(QUANTIZED, "").replace(GATE, "")
    assert {what: found for what, found in follows(diff_plans(plan(FULL), plan(text, ()))) if C.RECOMPILE in found} == {
        "quantization.mode": (C.RECOMPILE, C.ACCURACY)
    }


def test_nothing_is_said_to_follow_only_where_nothing_does() -> None:
    diff = compared(QUANTIZED, "\n")
    assert dict(follows(diff))["quantization.samples"] == (C.NOTHING,)
    assert diff.consequences == (C.RECOMPILE, C.ACCURACY)
    assert diff_plans(plan(FULL), plan(FULL)).consequences == ()


def test_what_no_stage_reads_is_no_cause_of_a_stage() -> None:
    queued = FULL.replace("turbo = true", "turbo = false").replace("[target]", "[load]\nqueue = 8\n[target]")
    assert dict(follows(diff_plans(plan(FULL), plan(queued))))["load.queue"] == (C.RELOAD,)


def test_defaults_of_a_new_table_are_no_changes() -> None:
    diff = compared(SHAPE, f"{SHAPE}\npreprocess = {{ mean = [1.0] }}")
    assert follows(diff) == [("inputs.x.preprocess.mean", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY))]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size = 64", "size    = 64 # a comment"),
        ("samples = 4", 'preset = "performance"\nsamples = 4'),
        ("turbo = true", 'turbo = true\nperformance-hint = "LATENCY"'),
        ("[target]", '[cache]\nkind = "blob"\n[target]'),
    ],
)
def test_formatting_and_a_default_that_is_written_out_are_no_changes(old: str, new: str) -> None:
    diff = compared(old, new)
    assert (diff.changes, diff.stages, diff.reasons) == ((), (), ())


def test_the_order_of_gates_says_nothing() -> None:
    first, second = GATE, GATE.replace('of = "static"', 'of = "quantized"')
    base = FULL.removesuffix(GATE)
    a, b = plan(base + first + second), plan(base + second + first)
    assert a.digest == b.digest
    assert diff_plans(a, b).changes == ()


def test_the_order_of_a_set_says_nothing() -> None:
    signature = signature_of(operations=("/A", "/B"))
    kept = FULL.replace("samples = 4", 'samples = 4\nkeep = { names = ["/A", "/B"] }')
    turned = kept.replace('"/A", "/B"', '"/B", "/A"')
    assert plan(kept, signature=signature).digest == plan(turned, signature=signature).digest


def test_limits_that_differ_in_the_last_digit_are_a_change() -> None:
    assert compared("min = 0.5", "min = 0.50000001").changes[0].after == "at least 0.50000001"


def test_each_change_has_its_own_consequences() -> None:
    text = FULL.replace("turbo = true", "turbo = false").replace("min = 0.5", "min = 0.6")
    diff = diff_plans(plan(FULL), plan(text))
    assert follows(diff) == [
        ("gates[frame-agreement of static against original, y]", (C.REMEASURE,)),
        ("properties.turbo", (C.RECOMPILE,)),
    ]


def test_another_model_under_the_same_name_is_a_change_of_its_digest() -> None:
    other = PlannedSource(source="model.onnx", digest="f" * 64, files=())
    before = plan(FULL)
    text = structs.replace(before, model=other)
    (change,) = diff_plans(before, text).changes
    assert (change.what, change.before, change.after) == ("model.sha256", before.model.digest, "f" * 64)
    assert change.shown(change.after) == "ffffffffffff"


def test_another_model_is_quantized_and_compiled_anew_and_changes_the_interface_only_with_its_ports() -> None:
    diff = diff_plans(plan(FULL), plan(FULL, model="other.onnx"))
    assert dict(follows(diff))["model.sha256"] == (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)
    signature = signature_of(outputs=(port("y", None, None, 8), port("z", None, None, 8)))
    diff = diff_plans(plan(FULL), plan(FULL, model="other.onnx", signature=signature))
    assert dict(follows(diff))["model.sha256"] == (C.RECOMPILE, C.REQUANTIZE, C.INTERFACE, C.ACCURACY)


def test_a_pin_for_the_same_model_changes_nothing_that_runs() -> None:
    pin = plan(FULL).model.digest
    diff = compared('source = "model.onnx"', f'source = "model.onnx"\nsha256 = "{pin}"')
    assert follows(diff) == [("model.sha256", (C.NOTHING,))]


@pytest.mark.parametrize("tool", TOOLCHAIN)
def test_another_tool_makes_everything_anew(tool: str) -> None:
    diff = diff_plans(plan(FULL), plan(FULL, toolchain={**TOOLCHAIN, tool: "9"}))
    assert follows(diff) == [(f"toolchain.{tool}", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY))]
    assert diff.reasons[0].sentence == f"recompiled because toolchain.{tool} {TOOLCHAIN[tool]} → 9"


def test_another_tokenizer_is_other_samples() -> None:
    text = FULL.replace(DATA, DATA + 'tokenizer = "tokenizer.json"\n')
    texts = {"a.txt": [str(n) for n in range(6)]}
    before, after = (plan(text, ("a.txt",), tokenizer=name, texts=texts) for name in ("one", "two"))
    assert follows(diff_plans(before, after)) == [
        ("data.tokenizer-sha256", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY)),
    ]
    assert before.digest != after.digest


def test_other_samples_quantize_anew() -> None:
    diff = diff_plans(plan(FULL), plan(FULL, (*FILES[:5], "new.npy")))
    assert follows(diff) == [("data.sha256", (C.RECOMPILE, C.REQUANTIZE, C.ACCURACY))]


def test_a_stage_that_differs_for_no_known_reason_is_said_by_its_name() -> None:
    before = plan(FULL)
    stages = tuple(
        structs.replace(s, digest="e" * 64) if s.name == "compile[NPU, time64]" else s for s in before.stages
    )
    diff = diff_plans(before, structs.replace(before, stages=stages))
    assert follows(diff) == [("stage compile[NPU, time64]", (C.RECOMPILE, C.ACCURACY))]


def test_against_nothing_everything_is_new_and_defaults_are_left_out() -> None:
    after = plan(FULL)
    diff = diff_plans(None, after)
    assert diff.is_new
    assert {stage.kind for stage in diff.stages} == {"new"}
    assert len(diff.stages) == len(after.stages)
    whats = {change.what for change in diff.changes}
    assert {"model.source", "model.sha256", "properties.turbo", "toolchain.openvino"} <= whats
    assert "quantization.preset" not in whats


def test_of_a_long_list_only_what_went_and_came_is_shown() -> None:
    names = tuple(f"/model/layers.{i}/attention" for i in range(9))
    listed = [
        f"samples = 4\nkeep = {{ names = [{', '.join(map(repr, chosen))}] }}" for chosen in (names[:8], names[1:])
    ]
    sides = [plan(FULL.replace("samples = 4", text), signature=signature_of(operations=names)) for text in listed]
    (change,) = diff_plans(*sides).changes
    assert change.sentence() == "quantization.keep.names 8 items → 8 items"
    assert change.items == ([f'"{names[0]}"'], [f'"{names[8]}"'])


def test_of_many_causes_the_rest_is_counted() -> None:
    diff = diff_plans(None, plan(FULL))
    recompiled = next(reason for reason in diff.reasons if reason.consequence is C.RECOMPILE)
    assert len(recompiled.causes) == 7
    assert recompiled.causes[-1].endswith("more changes")


def test_names_that_toml_quotes_are_found_in_the_table() -> None:
    assert effect_of('inputs."a.b".pad-value') == EFFECTS["inputs.*.pad-value"]
    assert effect_of('inputs."a.b".preprocess.mean') == EFFECTS["inputs.*.preprocess.mean"]


BUDGET = '\n[[gates]]\nmetric = "latency-ms"\nmax = 5\n'


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (BUDGET, "", [("gates[latency-ms]", (C.REMEASURE,))]),
        ("max = 5", "max = 6", [("gates[latency-ms]", (C.REMEASURE,))]),
        ("[properties]", "[load]\nrequests = 3\n[properties]", [("load.requests", (C.RELOAD, C.REMEASURE))]),
    ],
)
def test_what_a_budget_is_timed_with_is_timed_again(
    old: str, new: str, wanted: list[tuple[str, tuple[Consequence, ...]]]
) -> None:
    assert follows(compared(old, new, FULL + BUDGET)) == wanted
