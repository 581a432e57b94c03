"""Values of a spec's text are changed where they stand, and nothing else is."""

import tomli

from npuspec.tune.edit import add_gates, drop, put

TEXT = """# what it is
npuspec = 1

[batching]
size = 8 # as many as come at once

[properties]
turbo = true
"""


def test_a_value_is_changed_and_its_comment_stays() -> None:
    assert put(TEXT, {("batching", "size"): 4}) == TEXT.replace("size = 8", "size = 4")


def test_what_is_said_already_changes_nothing() -> None:
    assert put(TEXT, {("batching", "size"): 8}) == TEXT


def test_a_new_table_stands_at_the_end() -> None:
    changed = put(TEXT, {("quantization", "mode"): "int8", ("quantization", "samples"): 20})
    assert changed == f'{TEXT}\n[quantization]\nmode = "int8"\nsamples = 20\n'


def test_a_new_table_may_be_below_one_that_is_there() -> None:
    changed = put(TEXT, {("properties", "unchecked", "NPU_BATCH_MODE"): "COMPILER"})
    assert changed == f'{TEXT}\n[properties.unchecked]\nNPU_BATCH_MODE = "COMPILER"\n'


def test_a_table_within_a_line_takes_a_new_value() -> None:
    changed = put('inputs = { x = { shape = ["batch", 3] } }\n', {("inputs", "x", "preprocess", "place"): "model"})
    assert tomli.loads(changed) == {"inputs": {"x": {"shape": ["batch", 3], "preprocess": {"place": "model"}}}}
    assert changed.count("\n") == 1


def test_what_is_dropped_takes_its_line_and_no_other() -> None:
    assert drop(TEXT, [("properties", "turbo"), ("batching",)]) == "# what it is\nnpuspec = 1\n\n[properties]\n"


def test_gates_are_added_behind_others_in_their_own_form() -> None:
    gate = {"metric": "size-mib", "max": 3}
    assert add_gates(TEXT, [gate]) == f'{TEXT}\n[[gates]]\nmetric = "size-mib"\nmax = 3\n'
    assert add_gates('gates = [{ metric = "cosine" }] # held\n', [gate]).endswith(" # held\n")
    assert len(tomli.loads(add_gates('gates = [{ metric = "cosine" }]\n', [gate]))["gates"]) == 2
