"""Tasks: what is read of an output, and how well that is what the labels say."""

import json
import sys
from collections.abc import Sequence
from itertools import groupby
from math import isnan
from typing import Any

import jiwer
import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from openvino import opset13 as op
from runtime.toys import along, data, program

from npuspec.bundle.program import Program
from npuspec.diagnostics import StageError
from npuspec.runtime.feed import Array
from npuspec.stages.tasks import Task
from stages.conftest import Stage
from toy_specs import write

LETTERS = ["", "a", "b", " "]


def hot(places: Sequence[int], classes: int = len(LETTERS)) -> Array:
    """Return steps, each of which chooses a place."""
    return np.eye(classes, dtype=np.float32)[[*places]]


def text(metric: str = "character-error-rate", **labels: str) -> Task:
    return Task(metric, "y", kind="ctc", labels=labels, vocabulary=LETTERS)


def read(places: Sequence[int], **how: Any) -> str:
    task = Task("word-error-rate", "y", kind="ctc", labels={"s": ""}, **{"vocabulary": LETTERS, **how})
    task.add("s", {"y": hot(places)})
    return task.read["s"]


@pytest.mark.parametrize(
    ("places", "wanted"),
    [
        ([], ""),
        ([0, 0, 0], ""),
        ([1, 1, 2, 2, 2], "ab"),
        ([1, 0, 1], "aa"),
        ([0, 1, 0, 0, 3, 3, 0, 2, 0], "a b"),
        ([2], "b"),
    ],
)
def test_a_text_is_read_greedily(places: list[int], wanted: str) -> None:
    assert read(places) == wanted


@settings(deadline=None)
@given(st.lists(st.integers(0, 3)), st.integers(0, 3))
def test_runs_become_one_and_blanks_none_wherever_the_blank_stands(places: list[int], blank: int) -> None:
    wanted = "".join(LETTERS[place] for place, _ in groupby(places) if place != blank)
    assert read(places, blank=blank) == wanted


def test_entries_may_be_words_that_are_joined_by_something() -> None:
    assert read([1, 0, 2, 2, 3], vocabulary=["", "θ", "ɹi", "f"], separator=" ") == "θ ɹi f"


def test_axes_of_one_before_the_steps_are_no_matter() -> None:
    task = text(s="ab")
    task.add("s", {"y": hot([1, 2])[None].astype(np.float16)})
    assert (task.read["s"], task.figure()) == ("ab", 0)


@pytest.mark.parametrize(
    ("array", "vocabulary", "wanted"),
    [
        ([0.1, 0.7, 0.2], None, "1"),
        ([0.1, 0.7, 0.2], ["cat", "dog", "cow"], "dog"),
        ([[0.1, 0.2, 0.7]], ["cat", "dog", "cow"], "cow"),
        (np.int64(2), None, "2"),
        ([1], ["cat", "dog", "cow"], "dog"),
        ([-5, -9], None, "0"),
    ],
)
def test_a_class_is_the_place_of_the_largest_value_or_a_number_of_its_own(
    array: Any, vocabulary: list[str] | None, wanted: str
) -> None:
    task = Task("accuracy", "y", kind="class", labels={"s": wanted}, vocabulary=vocabulary)
    task.add("s", {"y": np.asarray(array)})
    assert (task.read["s"], task.figure()) == (wanted, 1)


def test_accuracy_is_the_share_of_right_classes() -> None:
    task = Task("accuracy", "y", kind="class", labels=dict(zip("abcd", "0110", strict=True)))
    for sample in "abcd":
        task.add(sample, {"y": hot([1], 2)[0]})
    assert task.figure() == 0.5
    assert [task.is_right(sample) for sample in "abcd"] == [False, True, True, False]


def test_of_no_samples_there_is_no_figure() -> None:
    assert isnan(text(s="a").figure())


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text("ab ", min_size=1).filter(str.strip), st.lists(st.integers(0, 3))), min_size=1, max_size=5
    )
)
def test_error_rates_are_those_of_jiwer_over_all_samples_together(pairs: list[tuple[str, list[int]]]) -> None:
    labels = {str(n): label for n, (label, _) in enumerate(pairs)}
    words, characters = text("word-error-rate", **labels), text(**labels)
    for n, (_, places) in enumerate(pairs):
        for task in (words, characters):
            task.add(str(n), {"y": hot(places)})
    read = [*words.read.values()]
    assert words.figure() == jiwer.wer([*labels.values()], read)
    assert characters.figure() == jiwer.cer([*labels.values()], read)


def test_a_long_sample_counts_for_more_than_a_short_one() -> None:
    task = text(long="a" + "ba" * 4, short="a")
    task.add("long", {"y": hot([1, 2] * 4 + [1])})
    task.add("short", {"y": hot([2])})
    assert task.figure() == pytest.approx(1 / 10)


def test_blanks_around_a_text_do_not_make_it_wrong() -> None:
    task = text(s="ab", t="ab")
    task.add("s", {"y": hot([3, 1, 2, 3])})
    task.add("t", {"y": hot([1, 3, 2])})
    assert (task.is_right("s"), task.is_right("t")) == (True, False)


@pytest.mark.parametrize(
    ("kind", "array", "why"),
    [
        ("ctc", hot([1, 2], 5), "its last axis has 5 places, and the vocabulary 4 entries"),
        ("ctc", hot([1])[0], r"for each sample it is \[4\] float32"),
        ("class", hot([1, 2]), r"for each sample it is \[2, 4\] float32"),
        ("class", np.int32(4), "it is 4, and the vocabulary has 4 entries"),
        ("class", np.int32(-1), "it is -1, and the vocabulary has 4 entries"),
    ],
)
def test_an_output_that_cannot_be_read_is_a_fault_with_the_sample_s_name(kind: str, array: Any, why: str) -> None:
    metric = "accuracy" if kind == "class" else "word-error-rate"
    task = Task(metric, "y", kind=kind, labels={"s.npy": "a"}, vocabulary=LETTERS)
    with pytest.raises(StageError, match=rf"`s\.npy`, output `y` can't be read: {why}") as caught:
        task.add("s.npy", {"y": np.asarray(array)})
    assert caught.value.code == "wrong-decode"


def test_what_is_no_number_is_not_read() -> None:
    steps = hot([1, 2])
    steps[1, 3] = np.nan
    with pytest.raises(StageError, match="the output holds NaN") as caught:
        text(s="a").add("s", {"y": steps})
    assert caught.value.code == "not-finite"


def test_without_jiwer_the_extra_is_named_and_accuracy_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(StageError, match=r"npuspec\[metrics\]") as caught:
        text(s="a")
    assert caught.value.code == "missing-extra"
    Task("accuracy", "y", kind="class", labels={})


TOY = program(data(axes=(4, "time")), batch=2, sizes=({"time": 8},), outputs=(along(axis=1),))


def turned(batch: int, time: int, *, always: int | None = None) -> ov.Model:
    """Return a model with y = x as steps [time, 4], or with one that always chooses the same place."""
    x = op.parameter([batch, 4, time], np.float32, name="x")
    x.output(0).set_names({"x"})
    bias = np.zeros((1, 1, 4), np.float32) if always is None else 9 * hot([always])[None]
    y = op.add(op.transpose(x, [0, 2, 1]), op.constant(bias))
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x], "turned")


def tasks_of(
    stage: Stage, toy: Program, final: ov.Model, gates: list[tuple[str, str]], labels: str
) -> list[dict[str, Any]]:
    """Verify a model, quantized to `final`, on three samples: ab, ba and a b."""
    folder = stage.root / "data"
    folder.mkdir()
    for name, places in (("0.npy", [1, 2]), ("1.npy", [2, 2, 0, 1]), ("2.npy", [1, 3, 3, 2, 0])):
        np.save(folder / name, hot(places).T)
    (stage.root / "labels.txt").write_text(labels)
    (stage.root / "letters.txt").write_text("".join(f"{letter}\n" for letter in LETTERS))
    models = {"original": turned(-1, -1), "static": turned(2, 8), "final": final}
    original, static, quantized = (write(stage.root / name, model) for name, model in models.items())
    (stage.root / "compiled").mkdir()
    made = stage(
        "verify",
        *(original, static, quantized, stage.root / "compiled"),
        data=folder,
        files={
            "labels": str(stage.root / "labels.txt"),
            "vocabularies": {"y": str(stage.root / "letters.txt")},
        },
        device="CPU",
        properties={},
        program=to_builtins(toy),
        original=[to_builtins(port) for port in toy.inputs],
        selects=[],
        outputs=["y"],
        samples={"input": "x", "sample_rate": None, "validation": ["0.npy", "1.npy", "2.npy"], "digest": ""},
        tasks={
            "gates": [{"metric": metric, "output": "y", "function": "", "of": of} for metric, of in gates],
            "decodes": [{"output": "y", "kind": "ctc", "blank": 0, "separator": "", "vocabulary": ""}],
            "labels": "",
            "lines": [4, 2, 1],
            "toolchain": {},
        },
    )
    rows: list[dict[str, Any]] = json.loads((made / "agreement.json").read_bytes())["tasks"]
    return rows


def test_each_model_s_figure_stands_beside_the_original_s_with_what_was_misread(stage: Stage) -> None:
    gates = [("word-error-rate", of) for of in ("static", "quantized", "batched")] + [
        ("character-error-rate", "quantized")
    ]
    rows = tasks_of(stage, TOY, turned(2, 8, always=1), gates, "a b\nba\nunused\nab\n")
    assert [(row["metric"], row["of"]) for row in rows] == gates
    static, quantized, batched, characters = rows
    assert (static["figure"], static["original"], static["samples"], static["wrong"]) == (0, 0, 3, 0)
    assert static["misread"] == {}
    assert quantized["figure"] == jiwer.wer(["ab", "ba", "a b"], ["a", "a", "a"])
    assert characters["figure"] == jiwer.cer(["ab", "ba", "a b"], ["a", "a", "a"])
    assert (batched["figure"], batched["original"]) == (quantized["figure"], 0)
    assert quantized["wrong"] == 3
    assert quantized["misread"]["2.npy"] == {"label": "a b", "original": "a b", "read": "a"}


def test_only_so_much_of_what_was_misread_is_shown(stage: Stage) -> None:
    long = "b" * 500
    [row] = tasks_of(stage, TOY, turned(2, 8), [("character-error-rate", "static")], f"a b\nba\n\n{long}\n")
    assert (row["wrong"], row["figure"]) == (1, row["original"])
    assert row["misread"] == {"0.npy": {"label": "b" * 200, "original": "ab", "read": "ab"}}
