"""Labels and vocabularies: read beside the spec, and held against the samples and the model."""

from collections.abc import Mapping, Sequence
from pathlib import Path as Folder
from typing import Any

import msgspec
import pytest

from builders import DATA, SMALL, TOOLCHAIN, plan_of, port, signature_of, source_of, spec_of, task_files
from npuspec.cli.show import show_plan
from npuspec.diagnostics import Diagnostic, Path
from npuspec.facts import Port
from npuspec.plan import Plan
from npuspec.plan.diff import diff_plans
from npuspec.plan.effects import Consequence
from npuspec.plan.model import Labels, Samples
from npuspec.plan.passes.sample import split_samples
from npuspec.plan.passes.task import TaskFiles, check_decodes, label_samples, metric_tools, misfit, plan_decodes
from npuspec.store import digest_bytes

LABELLED = SMALL + DATA + 'labels = "labels.txt"\n'
AT = ("data", "labels")
CTC = '\n[outputs.y]\ndecode = { kind = "ctc", vocabulary = "v.txt" }\n'
CLASS = CTC.replace("ctc", "class")


def gate(metric: str = "accuracy", more: str = "", of: str = "static") -> str:
    more = more or ("max = 0.5" if metric.endswith("rate") else "min = 0.5")
    return f'\n[[gates]]\nmetric = "{metric}"\noutput = "y"\nof = "{of}"\n{more}\n'


def fetched(
    folder: Folder, text: str, labels: str | bytes = "", vocabulary: str | bytes = ""
) -> tuple[TaskFiles, list[Diagnostic]]:
    """Fetch what a spec names, with these files beside it."""
    return task_files(folder, text, **{name: c for name, c in (("labels", labels), ("v", vocabulary)) if c})


def places(faults: Sequence[Diagnostic]) -> list[tuple[str, Path]]:
    return [(fault.code, fault.labels[0].path) for fault in faults]


def test_what_stands_in_the_files_is_read(tmp_path: Folder) -> None:
    files, faults = fetched(tmp_path, LABELLED + CTC + gate("word-error-rate"), "a b\nc\n", "\na\n \n")
    assert (faults, files.lines, files.entries) == ([], ["a b", "c"], {"y": ["", "a", " "]})
    [decode] = plan_decodes(files)
    assert (decode.output, decode.kind, decode.blank, decode.separator) == ("y", "ctc", 0, "")
    assert decode.vocabulary is not None
    assert (decode.vocabulary.source, decode.vocabulary.digest) == ("v.txt", digest_bytes(b"\na\n \n"))


def test_a_spec_without_tasks_names_nothing(tmp_path: Folder) -> None:
    files, faults = fetched(tmp_path, SMALL + DATA)
    assert (files.labels, files.vocabularies, faults, plan_decodes(files)) == (None, {}, [], ())


def test_where_accuracy_is_measured_and_nothing_is_said_an_output_is_a_class(tmp_path: Folder) -> None:
    files, faults = fetched(tmp_path, LABELLED + gate(), "0\n7\n")
    [decode] = plan_decodes(files)
    assert (faults, decode.kind, decode.vocabulary) == ([], "class", None)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("none.txt", "missing-file"),
        ("../labels.txt", "path-outside"),
        ("*.txt", "invalid-source"),
        ("https://example.org/l.txt", "invalid-source"),
        ("pypi:npuspec-example==1.0/labels.txt", "missing-pin"),
    ],
)
@pytest.mark.parametrize(
    ("text", "at"), [(LABELLED, AT), (SMALL + CTC, ("outputs", "y", "decode", "vocabulary"))], ids=["labels", "entries"]
)
def test_what_cannot_be_had_is_said_at_its_key(tmp_path: Folder, text: str, at: Path, source: str, code: str) -> None:
    text = text.replace("labels.txt", source).replace("v.txt", source)
    files, faults = fetched(tmp_path, text)
    assert (files.labels, files.vocabularies, files.entries) == (None, {}, {})
    assert not files.lines
    assert places(faults)[0] == (code, at)


@pytest.mark.parametrize(("key", "at"), [("labels", AT), ("vocabulary", ("outputs", "y", "decode", "vocabulary"))])
def test_a_pin_holds_what_it_pins(tmp_path: Folder, key: str, at: Path) -> None:
    text = LABELLED + CTC if key == "labels" else SMALL + CTC
    line = {"labels": 'labels = "labels.txt"', "vocabulary": 'vocabulary = "v.txt"'}[key]
    separator = "\n" if key == "labels" else ", "
    pinned = [text.replace(line, f'{line}{separator}{key}-sha256 = "{digest_bytes(c)}"') for c in (b"a\n", b"b\n")]
    assert fetched(tmp_path, pinned[0], b"a\n", b"a\n")[1] == []
    [fault] = fetched(tmp_path, pinned[1], b"a\n", b"a\n")[1]
    assert (fault.code, fault.labels[0].path) == ("wrong-pin", (*at[:-1], f"{key}-sha256"))
    right = digest_bytes(b"a\n")
    assert f'{key}-sha256 = "{right}"' in fault.help


@pytest.mark.parametrize(
    ("text", "labels", "vocabulary", "message"),
    [
        (LABELLED, b"\xff\n", "", "`labels.txt` can't be used: it isn't UTF-8 at byte 0"),
        (LABELLED, "a" * 70_000, "", "`labels.txt` can't be used: line 1 has more than 65536 characters"),
        (
            LABELLED + CTC + gate("word-error-rate"),
            "a\n\n \n",
            "a\n",
            "line 2 of `labels.txt`, '', says nothing (and 1 more)",
        ),
        (LABELLED + gate(), "1\n01\n-1\n", "", "line 2 of `labels.txt`, '01', is no number of a class (and 1 more)"),
        (LABELLED + gate(), "1\n\u0663\n", "", "line 2 of `labels.txt`, '\u0663', is no number of a class"),
        (LABELLED + CLASS + gate(), "dog\nCat\n", "cat\ndog\n", "line 2 of `labels.txt`, 'Cat', isn't in `v.txt`"),
    ],
)
def test_labels_that_cannot_be_right_are_one_fault_at_their_key(
    tmp_path: Folder, text: str, labels: str | bytes, vocabulary: str, message: str
) -> None:
    [fault] = fetched(tmp_path, text, labels, vocabulary)[1]
    assert (fault.code, fault.labels[0].path, fault.message) == ("bad-labels", AT, message)
    assert fault.help


def test_a_class_that_is_misspelt_is_put_right(tmp_path: Folder) -> None:
    [fault] = fetched(tmp_path, LABELLED + CLASS + gate(), "ct\n", "cat\ndog\n")[1]
    assert fault.help == "did you mean `cat`?"


@pytest.mark.parametrize("text", [LABELLED, LABELLED + CLASS, LABELLED + CTC])
def test_labels_that_nothing_is_measured_with_may_be_anything(tmp_path: Folder, text: str) -> None:
    assert fetched(tmp_path, text, "\nx\n", "cat\n")[1] == []


@pytest.mark.parametrize("content", [b"\xff", b"a" * 257])
def test_a_vocabulary_that_is_none_is_a_fault_at_its_key(tmp_path: Folder, content: bytes) -> None:
    _, faults = fetched(tmp_path, SMALL + CTC, vocabulary=content)
    assert places(faults) == [("bad-vocabulary", ("outputs", "y", "decode", "vocabulary"))]


def test_a_blank_beyond_the_vocabulary_is_a_fault(tmp_path: Folder) -> None:
    one, two = (SMALL + CTC.replace('"v.txt"', f'"v.txt", blank = {blank}') for blank in (1, 2))
    assert fetched(tmp_path, one, vocabulary="\na\n")[1] == []
    _, faults = fetched(tmp_path, two, vocabulary="\na\n")
    assert places(faults) == [("wrong-decode", ("outputs", "y", "decode", "blank"))]


FITTING: list[tuple[str, Sequence[int | None], str, int | None]] = [
    ("class", (8,), "float32", 8),
    ("class", (8,), "float32", None),
    ("class", (1, 1, 8), "int8", 8),
    ("class", (None,), "float32", 8),
    ("class", (None, None), "float32", 8),
    ("class", (), "int64", 8),
    ("class", (1,), "int64", None),
    ("ctc", (20, 8), "float32", 8),
    ("ctc", (1, None, 8), "float16", 8),
    ("ctc", (20, None), "float32", 8),
]
UNFIT: list[tuple[str, Sequence[int | None], str, int | None, str]] = [
    ("class", (), "float32", None, "for each sample it is [] float32"),
    ("class", (20, 8), "float32", 8, "for each sample it is [20, 8] float32"),
    ("class", (7,), "float32", 8, "its last axis has 7 places, and the vocabulary 8 entries"),
    ("class", (1,), "float32", None, "its last axis has 1 place(s): there is nothing to choose"),
    ("class", (0,), "int32", None, "its last axis has 0 place(s): there is nothing to choose"),
    ("ctc", (8,), "float32", 8, "for each sample it is [8] float32"),
    ("ctc", (None, 2, 20, 8), "float32", 8, "for each sample it is [?, 2, 20, 8] float32"),
    ("ctc", (20, 9), "float32", 8, "its last axis has 9 places, and the vocabulary 8 entries"),
    ("ctc", (20, 1), "float32", 1, "its last axis has 1 place(s): there is nothing to choose"),
]


@pytest.mark.parametrize(("kind", "shape", "dtype", "entries"), FITTING)
def test_what_can_be_read_fits(kind: str, shape: Sequence[int | None], dtype: str, entries: int | None) -> None:
    assert misfit(kind, shape, dtype, entries) is None


@pytest.mark.parametrize(("kind", "shape", "dtype", "entries", "why"), UNFIT)
def test_what_cannot_be_read_says_why(
    kind: str, shape: Sequence[int | None], dtype: str, entries: int | None, why: str
) -> None:
    assert misfit(kind, shape, dtype, entries) == why


@pytest.mark.parametrize(
    ("text", "output", "found"),
    [
        (SMALL + CTC, port("y", None, None, 3), []),
        (SMALL + CTC, port("y", None, None, None), []),
        (SMALL + CTC, port("y", None, None, 4), [("wrong-decode", ("outputs", "y", "decode"))]),
        (SMALL + CTC, port("z", None, None, 4), []),
        (LABELLED + gate(), port("y", None, 8), []),
        (LABELLED + gate(), port("y", None, 2), [("bad-labels", AT)]),
        (LABELLED + gate(), port("y", None, dtype="int64"), []),
        (LABELLED + gate(), port("y", None, 2, 8), [("wrong-decode", ("gates", 0, "output"))]),
        (LABELLED + '\n[outputs.y]\ndecode = { kind = "class" }\n', port("y", None, 2), []),
    ],
)
def test_the_model_s_own_shapes_are_held_against_it(
    tmp_path: Folder, text: str, output: Port, found: list[tuple[str, Path]]
) -> None:
    files, faults = fetched(tmp_path, text, "1\n2\n", "\na\nb\n")
    assert faults == []
    assert places(check_decodes(spec_of(text), signature_of(outputs=(output,)), files)) == found


@pytest.mark.parametrize(("kind", "is_right"), [("zero-invalid", False), ("masked-mean", True)])
def test_what_the_graph_selects_is_what_is_read(tmp_path: Folder, kind: str, is_right: bool) -> None:
    text = SMALL + CLASS + f'select = {{ kind = "{kind}", dim = "time" }}\n'
    files, _ = fetched(tmp_path, text, vocabulary="a\nb\n")
    found = check_decodes(spec_of(text), signature_of(outputs=(port("y", None, 9, 2),)), files)
    assert (found == []) is is_right


FILES = ("10.npy", "2.npy", "a.npy", "a/b.npy", "d.npy")
INT8 = '\n[quantization]\nmode = "int8"\nsamples = 2\n'


def labelled(
    folder: Folder, text: str, lines: int, texts: Mapping[str, Sequence[str]] | None = None, *files: str
) -> tuple[Samples, list[Diagnostic]]:
    found, faults = fetched(folder, text, "".join(f"{n}\n" for n in range(1, lines + 1)))
    assert faults == []
    samples, faults = split_samples(spec_of(text), source_of(*files), None, texts)
    assert samples is not None, faults
    return label_samples(spec_of(text), samples, found, texts)


def test_lines_are_those_of_the_sorted_files_whichever_calibrate(tmp_path: Folder) -> None:
    samples, faults = labelled(tmp_path, LABELLED + INT8, 5, None, *reversed(FILES))
    assert faults == []
    assert samples.labels is not None
    found = dict(zip(samples.validation, samples.labels.validation, strict=True))
    found |= dict(zip(samples.calibration, samples.labels.calibration, strict=True))
    assert len(samples.labels.calibration) == 2
    assert found == {"10.npy": 1, "2.npy": 2, "a.npy": 3, "a/b.npy": 4, "d.npy": 5}


def test_texts_have_lines_file_by_file_and_repeated_ones_too(tmp_path: Folder) -> None:
    text = LABELLED + 'tokenizer = "tokenizer.json"\n'
    texts = {"b.txt": ["3", "1"], "a.txt": ["1", "1", *(f"{n:02}" for n in range(9))]}
    samples, faults = labelled(tmp_path, text, 13, texts, "a.txt", "b.txt")
    assert faults == []
    assert samples.labels is not None
    found = dict(zip(samples.validation, samples.labels.validation, strict=True))
    assert (found["a.txt:1"], found["a.txt:3"], found["a.txt:11"], found["b.txt:1"]) == (1, 3, 11, 12)
    assert samples.repeated == 2
    _, [fault] = labelled(tmp_path, text, 12, texts, "a.txt", "b.txt")
    assert "repeated texts have one too" in fault.help


@pytest.mark.parametrize("lines", [4, 6])
def test_another_number_of_lines_than_samples_is_a_fault(tmp_path: Folder, lines: int) -> None:
    samples, [fault] = labelled(tmp_path, LABELLED, lines, None, *FILES)
    assert samples.labels is None
    assert (fault.code, fault.labels[0].path) == ("bad-labels", AT)
    assert fault.message == f"`labels.txt` has {lines} lines, and there are 5 samples"
    assert "`10.npy`" in fault.help


@pytest.mark.parametrize(
    ("metric", "tools"), [("accuracy", ()), ("word-error-rate", ("jiwer",)), ("character-error-rate", ("jiwer",))]
)
def test_what_makes_the_figures_is_a_tool_of_the_plan(metric: str, tools: tuple[str, ...]) -> None:
    text = LABELLED + gate(metric) + ("" if metric == "accuracy" else CTC)
    assert metric_tools(spec_of(text)) == tools
    assert metric_tools(spec_of(LABELLED)) == ()


def planned(folder: Folder, text: str, labels: str = "a\nb\n", vocabulary: str = "\na\n", **more: Any) -> Plan:
    """Return the plan of a spec with two samples."""
    files, faults = fetched(folder, text, labels, vocabulary)
    assert faults == []
    return plan_of(text, files=("0.npy", "1.npy"), tasks=files, **more)


def verified(plan: Plan) -> dict[str, Any]:
    [stage] = [s for s in plan.stages if s.name == "verify[NPU]"]
    return stage.parameters


def test_the_stage_is_told_of_what_gates_measure_once_each(tmp_path: Folder) -> None:
    rates = [gate("word-error-rate"), gate("word-error-rate", 'compared = "with-original"\nmax = 0.1')]
    text = LABELLED + CTC + "".join([*rates, gate("character-error-rate")])
    tasks = verified(planned(tmp_path, text, toolchain={**TOOLCHAIN, "jiwer": "4"}))["tasks"]
    reading = {"output": "y", "kind": "ctc", "blank": 0, "separator": "", "vocabulary": digest_bytes(b"\na\n")}
    assert tasks == {
        "gates": [
            {"metric": metric, "output": "y", "function": "", "of": "static"}
            for metric in ("character-error-rate", "word-error-rate")
        ],
        "decodes": [reading],
        "labels": digest_bytes(b"a\nb\n"),
        "lines": [1, 2],
        "toolchain": {"jiwer": "4"},
        "functions": {},
    }


def test_what_makes_figures_makes_no_model(tmp_path: Folder) -> None:
    text = LABELLED + CTC + gate("word-error-rate")
    one, other = (planned(tmp_path, text, toolchain={**TOOLCHAIN, "jiwer": version}) for version in "45")
    changed = {s.name for s, t in zip(one.stages, other.stages, strict=True) if s.digest != t.digest}
    assert changed == {"verify[NPU]", "verify[CPU]"}


@pytest.mark.parametrize(
    ("labels", "vocabulary"), [("b\na\n", "\na\n"), ("a\nb\n", "\nb\n")], ids=["labels", "vocabulary"]
)
def test_other_content_of_a_file_is_measured_anew_and_nothing_else(
    tmp_path: Folder, labels: str, vocabulary: str
) -> None:
    text = LABELLED + CTC + gate("word-error-rate")
    one, other = planned(tmp_path, text), planned(tmp_path, text, labels, vocabulary)
    assert one.digest != other.digest
    changed = {s.name for s, t in zip(one.stages, other.stages, strict=True) if s.digest != t.digest}
    assert changed == {"verify[NPU]", "verify[CPU]"}


def test_without_a_gate_on_a_task_the_stage_is_told_nothing(tmp_path: Folder) -> None:
    plan = planned(tmp_path, LABELLED + CTC)
    assert "tasks" not in verified(plan)
    assert plan.samples is not None
    assert isinstance(plan.samples.labels, Labels)
    assert [decode.output for decode in plan.decodes] == ["y"]


RATED = LABELLED + CTC + gate("word-error-rate", "max = 0.1")


def test_a_plan_with_tasks_comes_back_and_shows_them(tmp_path: Folder) -> None:
    plan = planned(tmp_path, RATED.replace('"v.txt"', '"v.txt", separator = " "'))
    assert msgspec.json.decode(plan.encode(), type=Plan) == plan
    lines = show_plan(plan, "s.toml").splitlines()
    at = lines.index("  y is read as a text (CTC, blank 0, joined by ' '), by v.txt")
    assert lines[at + 1] == "    sha256 " + digest_bytes(b"\na\n")
    at = lines.index("  labelled by labels.txt")
    assert lines[at + 1] == "  sha256 " + digest_bytes(b"a\nb\n")
    assert "  word-error-rate of static, y: at most 0.1" in lines
    assert not any(
        line.startswith(("  data.labels", "  outputs.y.decode")) for line in lines if line.endswith("(spec)")
    )
    named = show_plan(planned(tmp_path, LABELLED + gate(), "0\n1\n"), "s.toml")
    assert "  y is read as a class, called by its number\n" in named


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"v.txt"', '"v.txt", blank = 1', "outputs.y.decode.blank"),
        ('"v.txt"', '"v.txt", separator = " "', "outputs.y.decode.separator"),
        ("max = 0.1", "max = 0.2", "gates[word-error-rate of static, y]"),
    ],
)
def test_another_way_to_read_is_measured_anew_and_diff_names_it(
    tmp_path: Folder, old: str, new: str, what: str
) -> None:
    found = diff_plans(planned(tmp_path, RATED), planned(tmp_path, RATED.replace(old, new)))
    assert [(change.what, change.consequences) for change in found.changes] == [(what, (Consequence.REMEASURE,))]


def test_other_labels_and_another_vocabulary_are_named_by_their_digests(tmp_path: Folder) -> None:
    before = planned(tmp_path, RATED)
    found = diff_plans(before, planned(tmp_path, RATED, "b\na\n", "\nb\n"))
    assert [(change.what, change.consequences) for change in found.changes] == [
        ("data.labels-sha256", (Consequence.REMEASURE,)),
        ("outputs.y.decode.vocabulary-sha256", (Consequence.REMEASURE,)),
    ]
    assert [stage.name for stage in found.stages] == ["verify[NPU]", "verify[CPU]"]


def test_nothing_follows_from_labels_that_no_gate_is_held_by(tmp_path: Folder) -> None:
    found = diff_plans(planned(tmp_path, LABELLED + CTC), planned(tmp_path, LABELLED + CTC, "b\na\n"))
    assert [change.what for change in found.changes] == ["data.labels-sha256"]
    assert found.consequences == (Consequence.NOTHING,)


def test_another_jiwer_is_measured_anew_and_changes_no_model(tmp_path: Folder) -> None:
    one, other = (planned(tmp_path, RATED, toolchain={**TOOLCHAIN, "jiwer": version}) for version in "45")
    found = diff_plans(one, other)
    assert [(c.what, c.consequences) for c in found.changes] == [("toolchain.jiwer", (Consequence.REMEASURE,))]
