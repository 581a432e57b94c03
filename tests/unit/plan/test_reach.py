"""What is only checked and planned carries a note, and what is executed carries none."""

import pytest

from builders import BUCKETS, DATA, GATE, SMALL, spec_of
from npuspec.diagnostics import Severity
from npuspec.plan.passes.reach import beyond_reach

QUANTIZED = SMALL + DATA + '[quantization]\nmode = "int8"\n'


def gated(metric: str, of: str = "static", more: str = "") -> str:
    return SMALL + DATA + GATE.replace("frame-agreement", metric).replace('"static"', f'"{of}"') + more


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        BUCKETS,
        BUCKETS.replace('overflow = "error"', 'overflow = "error"\nlengths = "l.txt"'),
        SMALL + 'pad-side = "left"\npad-value = 3\nfinite = true\npad-multiple = 1\n',
        SMALL + '[inputs.m]\nrole = "mask"\nof = "x"\nbuilt = "outside"\n',
        SMALL + 'pad-multiple = 8\nlayout = "NT"\n',
        SMALL + '[inputs.x.preprocess]\nplace = "native"\nmean = [0.5]\ndtype = "uint8"\n',
        SMALL + '[inputs.x.preprocess]\nplace = "model"\nmean = [0.5]\ndtype = "float32"\n',
        SMALL.replace('overflow = "error"', 'overflow = "truncate"'),
        SMALL.replace('overflow = "error"', 'overflow = "chunk"\noverlap = 0\nstitch = "average"'),
        SMALL + '[inputs.m]\nrole = "mask"\nof = "x"\nbuilt = "in-model"\n',
        SMALL + '[outputs.y]\nselect = { kind = "masked-mean", dim = "time" }\n',
        SMALL + '[load]\nkind = "occasional"\nwarm = "CPU"\nrequests = 2\nqueue = 1024\nbatch-wait-ms = 2.0\n',
        SMALL + '[outputs.y]\nlength = { dim = "time", axis = 1 }\n',
        SMALL + "[properties]\nturbo = true\n[properties.core]\nenable-mmap = false\n[properties.unchecked]\nX = 1\n",
        SMALL + "[batching]\nsize = 2\ncandidates = [2]\n",
        SMALL + '[cache]\nkind = "directory"\n',
        SMALL.replace("[target]", '[target]\nplatforms = ["4000"]'),
        QUANTIZED + 'smooth-quant-alpha = 0.5\nmodel-type = "transformer"\n',
        QUANTIZED + 'overflow-fix = "disable"\nactivations-range = "minmax"\nfast-bias-correction = false\n',
        QUANTIZED + 'keep = { names = ["a"], types = ["MVN"], patterns = ["a"] }\n',
        QUANTIZED + 'keep = { subgraphs = [{ inputs = ["a"], outputs = ["b"] }] }\n',
        SMALL + DATA + 'tokenizer = "tokenizer.json"\nfield = "talk"\n',
        SMALL + DATA + 'labels = "l.txt"\n[[gates]]\nmetric = "accuracy"\noutput = "y"\nof = "static"\nmin = 0.5\n',
        SMALL + '[outputs.y]\ndecode = { kind = "ctc", vocabulary = "v.txt", separator = " " }\n',
        gated("frame-agreement"),
        gated("cosine"),
        gated("max-abs-difference", more="max = 1\n"),
        gated("top-1-agreement"),
        gated("sqnr"),
        gated("cosine", "batched", more="[batching]\nsize = 2\n"),
    ],
)
def test_what_is_executed_carries_no_note(text: str) -> None:
    assert beyond_reach(spec_of(text)) == []


@pytest.mark.parametrize("metric", ["size-mib", "latency-ms"])
def test_what_is_only_planned_is_one_note_at_its_place(metric: str) -> None:
    text = SMALL + DATA + GATE + f'[[gates]]\nmetric = "{metric}"\nmax = 5\n'
    [note] = beyond_reach(spec_of(text))
    assert (note.code, note.severity, note.labels[0].path) == ("not-executed", Severity.NOTE, ("gates", 1, "metric"))
    assert "this version can't execute it" in note.message
    assert "apply" in note.help
