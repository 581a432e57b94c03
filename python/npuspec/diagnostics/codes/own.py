"""Codes of what a spec's author has written in Python beside it."""

from npuspec.diagnostics.codes.doc import CodeDoc
from npuspec.diagnostics.model import Severity

OWN = {
    "code-not-allowed": CodeDoc(
        "The spec names code beside it, a metric or what gives the samples, and nobody has said that it may run. A "
        "spec may come from a stranger, and code can do whatever the one who runs it may do: so it takes a word on the "
        "command line, which no spec can say itself. The plan has the SHA-256 of all that would run, and another "
        "content is another plan.",
        "$ npuspec apply specs/text.toml",
        "$ cat specs/metrics.py\n$ npuspec apply specs/text.toml --allow-code",
    ),
    "code-not-run": CodeDoc(
        "`check` never runs a spec's own code, and here the samples are what a function gives. So that they are there "
        "and fit the model is still open. This is a note, and no error.",
        "",
        "$ npuspec plan specs/asr.toml --allow-code   # runs the function, and splits what it gives",
        Severity.NOTE,
    ),
    "function-failed": CodeDoc(
        "A function of the spec's own code raised an error, or its file can't be read as Python. The message has the "
        "lines of that code which led there, and what was raised. Beside the spec only what an `import` names is "
        "found: a module that is imported by other means isn't covered by the plan's digests, and so isn't there.",
        ">>> def wer(outputs, names, labels): return errors(outputs) / len(labels)   # None without data.labels",
        ">>> def wer(outputs, names, labels): return errors(outputs) / len(names)",
    ),
    "function-result": CodeDoc(
        "What a function gave is nothing that can be used. A metric gives one finite number. A function in [data] "
        "gives samples, each an array of numbers for the one `input`, or arrays by the names of the model's inputs; "
        "there is at least one, and there are no more than can be kept, so that one that never ends is noticed.",
        ">>> def clips(): return [path for path in FOLDER.glob('*.npy')]",
        ">>> def clips(): return [{'waveform': numpy.load(path)} for path in FOLDER.glob('*.npy')]",
    ),
    "outputs-too-large": CodeDoc(
        "A metric of the spec's own is given the outputs of all samples at once, and together they are larger than "
        "what is kept in memory for that. Most often a model gives more than the metric looks at.",
        "",
        '[outputs.last_hidden_state]\nselect = { kind = "masked-mean", dim = "tokens" }',
    ),
    "unknown-function": CodeDoc(
        "The file is there, and gives this name to nothing, or to something that can't be called. `module:function` is "
        "a function in a file beside the spec: `pkg.metrics:wer` is `wer` in pkg/metrics.py. Installed packages aren't "
        "looked up, since no digest of the plan would cover them.",
        '[[gates]]\nmetric = "function"\nfunction = "metrics:word_error"\nof = "quantized"\nmax = 0.1',
        '[[gates]]\nmetric = "function"\nfunction = "metrics:word_errors"\nof = "quantized"\nmax = 0.1',
    ),
}
