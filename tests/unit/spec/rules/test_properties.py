"""What a spec may set, where, and what goes together."""

import json
from collections.abc import Callable

import pytest

from builders import SMALL, faults_of, places
from npuspec.diagnostics import Diagnostic, Path, Severity
from npuspec.diagnostics.codes import CODES
from npuspec.diagnostics.model import Edit
from npuspec.npu import Contradiction, contradictions, property_table
from npuspec.npu.contradictions import CACHE_KIND, PLATFORMS, Condition

CPU = SMALL.replace('"NPU"\nfallback = ["CPU"]', '"CPU"')
NPU = SMALL.replace('fallback = ["CPU"]\n', "")
DIRECTORY = '\n[cache]\nkind = "directory"\n'


def device(*lines: str) -> str:
    return NPU + "\n[properties]\n" + "".join(f"{line}\n" for line in lines)


def uncached(*lines: str) -> str:
    return device(*lines) + '[cache]\nkind = "none"\n[[allow]]\ncode = "no-cache"\nreason = "the driver keeps it"\n'


def core(*lines: str) -> str:
    return NPU + "\n[properties.core]\n" + "".join(f"{line}\n" for line in lines)


def on(platform: str, *lines: str) -> str:
    return device(*lines).replace('device = "NPU"\n', f'device = "NPU"\nplatforms = ["{platform}"]\n')


def unchecked(*lines: str) -> str:
    return NPU + "\n[properties.unchecked]\n" + "".join(f"{line}\n" for line in lines)


def only(text: str) -> Diagnostic:
    [fault] = faults_of(text)
    return fault


@pytest.mark.parametrize(
    "text",
    [
        SMALL + "[properties]\nturbo = true\nperformance-hint = 'LATENCY'\ntiles = 2\n",
        SMALL + "[properties]\ninference-num-threads = 4\n",
        SMALL + "[properties]\ninference-precision-hint = 'f16'\n",
        CPU + "[properties]\ninference-precision-hint = 'bf16'\nenable-weightless = true\n",
        core("enable-mmap = false", "force-tbb-terminate = true"),
        unchecked("NPU_BATCH_MODE = 'PLUGIN'", "NPUW_LLM = true", "ANYTHING = 1.5"),
        on("5010", "tiles = 3"),
        uncached("bypass-umd-caching = false", "run-inferences-sequentially = true", "turbo = false"),
        device('compilation-mode-params = "performance-hint-override=latency"', 'performance-hint = "LATENCY"'),
        device('cache-mode = "OPTIMIZE_SIZE"') + DIRECTORY,
        device("enable-weightless = true") + DIRECTORY,
        device("[properties.core]", "[properties.unchecked]"),
    ],
)
def test_properties_that_keep_every_rule_have_no_faults(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (device("tubro = true"), "unknown-property", ("properties", "tubro")),
        (device("NPU_TURBO = true"), "unknown-property", ("properties", "NPU_TURBO")),
        (device("core = 3"), "wrong-type", ("properties", "core")),
        (core("enable-mmpa = true"), "unknown-property", ("properties", "core", "enable-mmpa")),
        (core("ENABLE_MMAP = true"), "unknown-property", ("properties", "core", "ENABLE_MMAP")),
        (device("NPU_BYPASS_UMD_CACHE = true"), "retired-name", ("properties", "NPU_BYPASS_UMD_CACHE")),
        (device("VPUX_TILES = 2"), "retired-name", ("properties", "VPUX_TILES")),
        (unchecked("KEY_PERF_COUNT = true"), "retired-name", ("properties", "unchecked", "KEY_PERF_COUNT")),
        (device("turbo = 1"), "property-value", ("properties", "turbo")),
        (device("turbo = { on = true }"), "property-value", ("properties", "turbo")),
        (device('performance-hint = "FAST"'), "property-value", ("properties", "performance-hint")),
        (device("tiles = -1"), "property-value", ("properties", "tiles")),
        (device("tiles = 9999999999"), "property-value", ("properties", "tiles")),
        (device("inference-precision-hint = 16"), "property-value", ("properties", "inference-precision-hint")),
        (device('inference-precision-hint = "x"'), "property-value", ("properties", "inference-precision-hint")),
        (core("enable-mmap = 1"), "property-value", ("properties", "core", "enable-mmap")),
        (CPU + "[properties]\nturbo = true\n", "property-device", ("properties", "turbo")),
        (device("enable-cpu-pinning = true"), "property-device", ("properties", "enable-cpu-pinning")),
        (device("force-tbb-terminate = true"), "property-scope", ("properties", "force-tbb-terminate")),
        (device("FORCE_TBB_TERMINATE = true"), "property-scope", ("properties", "FORCE_TBB_TERMINATE")),
        (core("turbo = 3"), "property-scope", ("properties", "core", "turbo")),
        (device("enable-mmap = false"), "mmap-on-device", ("properties", "enable-mmap")),
        (device("ENABLE_MMAP = 3"), "mmap-on-device", ("properties", "ENABLE_MMAP")),
        (device("max-tiles = 2"), "property-read-only", ("properties", "max-tiles")),
        (core("NPU_MAX_TILES = 2"), "property-read-only", ("properties", "core", "NPU_MAX_TILES")),
        (unchecked("NPU_MAX_TILES = 2"), "property-read-only", ("properties", "unchecked", "NPU_MAX_TILES")),
        (device('CACHE_DIR = "x"'), "property-reserved", ("properties", "CACHE_DIR")),
        (core('cache-dir = "x"'), "property-reserved", ("properties", "core", "cache-dir")),
        (unchecked('CACHE_DIR = "x"'), "property-reserved", ("properties", "unchecked", "CACHE_DIR")),
        (device('batch-mode = "PLUGIN"'), "property-private", ("properties", "batch-mode")),
        (unchecked("NPU_TURBO = true"), "known-unchecked", ("properties", "unchecked", "NPU_TURBO")),
        (unchecked("anything = 1"), "wrong-value", ("properties", "unchecked", "anything")),
        (unchecked("ANYTHING = [1]"), "property-value", ("properties", "unchecked", "ANYTHING")),
        (unchecked("ANYTHING = inf"), "property-value", ("properties", "unchecked", "ANYTHING")),
        (unchecked("turbo = true"), "known-unchecked", ("properties", "unchecked", "turbo")),
        (device('inference-precision-hint = "f32"'), "precision-refused", ("properties", "inference-precision-hint")),
        (
            SMALL + '[properties]\ninference-precision-hint = "i8"\n',
            "precision-refused",
            ("properties", "inference-precision-hint"),
        ),
        (
            CPU + '[properties]\ninference-precision-hint = "i8"\n',
            "precision-refused",
            ("properties", "inference-precision-hint"),
        ),
        (device("turbo = true", "run-inferences-sequentially = true"), "turbo-sequential", ("properties", "turbo")),
        (uncached("bypass-umd-caching = true"), "cache-bypassed", ("properties", "bypass-umd-caching")),
        (device("bypass-umd-caching = true"), "redundant-bypass", ("properties", "bypass-umd-caching")),
        (device("bypass-umd-caching = false"), "doubtful-properties", ("properties", "bypass-umd-caching")),
        (
            device("bypass-umd-caching = true") + DIRECTORY,
            "redundant-bypass",
            ("properties", "bypass-umd-caching"),
        ),
        (
            device("bypass-umd-caching = true", 'compiler-type = "PLUGIN"') + DIRECTORY,
            "redundant-bypass",
            ("properties", "bypass-umd-caching"),
        ),
        (on("5020", "tiles = 2"), "contradictory-properties", ("properties", "tiles")),
        (
            device("enable-weightless = false", 'cache-mode = "OPTIMIZE_SIZE"') + DIRECTORY,
            "contradictory-properties",
            ("properties", "enable-weightless"),
        ),
        (device("enable-weightless = true"), "contradictory-properties", ("properties", "enable-weightless")),
    ],
)
def test_what_breaks_one_rule_is_one_fault_at_its_place(text: str, code: str, path: Path) -> None:
    assert places(text) == [(code, path)]


@pytest.mark.parametrize("key", [k for k, row in property_table().items() if row.access != "spec"])
@pytest.mark.parametrize("table", [device, core])
def test_what_a_spec_may_not_set_is_one_fault_however_it_is_spelt(key: str, table: Callable[[str], str]) -> None:
    row = property_table()[key]
    code = {"npuspec": "property-reserved", "read-only": "property-read-only", "unchecked": "property-private"}
    for name in (key, row.name):
        assert only(table(f'{name} = "x"')).code == code[row.access]


def written(condition: Condition, default: str) -> str:
    """Return a line of TOML that fulfils a condition."""
    value: object = condition.values[0] if condition.values else condition.containing or default
    if condition.above is not None:
        value = condition.above + 1
    line = f"{condition.key.removeprefix('cache.')} = {json.dumps(value)}\n"
    return "\n[cache]\n" + line if condition.key == CACHE_KIND else line


@pytest.mark.parametrize("pair", contradictions(), ids=lambda pair: f"{pair.first} with {pair.second}")
def test_every_pair_of_the_table_is_reported_with_its_severity_at_both_places(pair: Contradiction) -> None:
    if pair.second.key == PLATFORMS:
        text = on(str(pair.second.values[0]), written(pair.first, "x"))
    else:
        text = device() + written(pair.first, "x") + written(pair.second, "x")
    found = [fault for fault in faults_of(text) if pair.why in fault.message]
    assert [(fault.code, fault.severity, fault.help) for fault in found] == [
        (pair.code, CODES[pair.code].severity, pair.help)
    ]
    assert [".".join(map(str, label.path)).removeprefix("properties.") for label in found[0].labels] == [
        pair.first.key,
        pair.second.key,
    ]


def test_a_misspelt_property_is_named_and_so_is_the_way_around_the_table() -> None:
    assert only(device("tubro = true")).help == "did you mean `turbo`?"
    assert only(device("NPU_TUBRO = true")).help == "did you mean `turbo`?"
    assert only(core("enable-mmpa = true")).help == "did you mean `enable-mmap`?"
    assert only(device("zzz = true")).help == "what no table knows goes in [properties.unchecked]"


def test_openvino_s_name_is_mended_unless_the_right_one_is_there_too() -> None:
    assert only(device("NPU_TURBO = true")).edits == (Edit(("properties", "NPU_TURBO"), "key", "turbo"),)
    assert only(core("ENABLE_MMAP = true")).edits == (
        Edit(("properties", "core", "ENABLE_MMAP"), "key", "enable-mmap"),
    )
    assert only(device("NPU_TURBO = true", "turbo = true")).edits == ()
    assert [fault.edits for fault in faults_of(device("NPU_TURBO = true", "npu_turbo = true"))] == [(), ()]
    assert only(device("tubro = true")).edits == (), "that is a guess"


@pytest.mark.parametrize(
    ("key", "value", "mended"),
    [
        ("performance-hint", '"latency"', '"LATENCY"'),
        ("inference-precision-hint", '"F16"', '"f16"'),
        ("turbo", '"YES"', "true"),
        ("turbo", '"false"', "false"),
    ],
)
def test_a_value_that_can_mean_one_thing_only_is_mended(key: str, value: str, mended: str) -> None:
    fault = only(device(f"{key} = {value}"))
    assert fault.code == "property-value"
    assert fault.edits == (Edit(("properties", key), "value", mended),)


@pytest.mark.parametrize("line", ['performance-hint = "FAST"', "turbo = 1", 'turbo = "maybe"', 'tiles = "2"'])
def test_a_value_that_would_have_to_be_guessed_is_not(line: str) -> None:
    assert only(device(line)).edits == ()


def test_mmap_on_a_device_is_taken_out_only_where_it_asks_for_what_is_on_anyway() -> None:
    assert only(device("enable-mmap = true")).edits == (Edit(("properties", "enable-mmap"), "entry"),)
    assert only(device("enable-mmap = false")).edits == ()


def test_a_redundant_bypass_points_at_both_and_is_taken_out() -> None:
    fault = only(device("bypass-umd-caching = true") + DIRECTORY)
    assert [label.path for label in fault.labels] == [("properties", "bypass-umd-caching"), ("cache", "kind")]
    assert fault.edits == (Edit(("properties", "bypass-umd-caching"), "entry"),)


def test_a_default_that_contradicts_has_no_place_to_point_at() -> None:
    fault = only(device("enable-weightless = true"))
    assert [label.path for label in fault.labels] == [("properties", "enable-weightless")]
    assert "`kind` of [cache]" in fault.message


def test_what_works_if_not_as_it_looks_is_a_warning() -> None:
    for text in (
        device("bypass-umd-caching = true"),
        device("turbo = true", "run-inferences-sequentially = true"),
        device("bypass-umd-caching = true") + DIRECTORY,
        device('cache-mode = "OPTIMIZE_SIZE"'),
        on("3720", 'compiler-type = "PLUGIN"'),
        device('compilation-mode-params = "performance-hint-override=latency"', 'performance-hint = "THROUGHPUT"'),
    ):
        assert only(text).severity is Severity.WARNING
    assert only(on("4000", "tiles = 9")).severity is Severity.ERROR


def test_a_property_that_only_a_fallback_knows_is_allowed() -> None:
    assert faults_of(SMALL + "[properties]\ninference-num-threads = 2\n") == []
    assert places(device("inference-num-threads = 2")) == [("property-device", ("properties", "inference-num-threads"))]


def test_a_refused_precision_says_who_refuses_it_and_what_it_takes() -> None:
    fault = only(SMALL + '[properties]\ninference-precision-hint = "bf16"\n')
    assert fault.message == "the precision `bf16` is refused by NPU"
    assert fault.help.startswith("NPU takes `f16`, `i8`. ")


def test_what_is_reserved_names_the_key_to_use() -> None:
    assert only(device('cache-dir = "x"')).help == 'in its place: `[cache] kind = "directory"`'
    assert only(device('device-id = "x"')).help == "in its place: `[target] device`"


def test_a_private_property_is_spelt_as_openvino_has_it() -> None:
    text = SMALL + '[properties.unchecked]\nnpu_batch_mode = "COMPILER"\n'
    [fault] = faults_of(text)
    assert (fault.code, fault.help) == ("wrong-value", "write `NPU_BATCH_MODE`")


def test_a_value_that_is_named_instead_is_taken_by_each_device_of_the_spec() -> None:
    [fault] = faults_of(SMALL + '[properties]\ninference-precision-hint = "fp16"\n')
    assert fault.message == "`inference-precision-hint` takes one of `f16`"
