"""Codes of where models and data come from."""

from npuspec.diagnostics.codes.doc import CodeDoc
from npuspec.diagnostics.model import Severity

SOURCES = {
    "bad-labels": CodeDoc(
        "The labels are text in UTF-8 with a line for each sample: files in the order of their sorted paths, and texts "
        "in the order of each file, repeated ones too. One line too few would move every label behind it to another "
        "sample. Where a task is measured, none is empty; and a class is called as the output's vocabulary calls it, "
        "or by its number, from 0.",
        "$ printf 'cat\\ndog\\n' > labels.txt   # for three pictures",
        "$ printf 'cat\\ndog\\ncat\\n' > labels.txt",
    ),
    "bad-lengths": CodeDoc(
        "A file of real lengths is text with a whole number on each line; blank lines, and what follows a `#`, say "
        "nothing. One line that can't be read may mean that the file is another one than was meant, so that none of it "
        "is counted.",
        "$ wc -w *.txt > lengths.txt",
        "$ for file in *.txt; do wc -w < $file; done > lengths.txt",
    ),
    "bad-vocabulary": CodeDoc(
        "A vocabulary is text in UTF-8 that says what each place of an output's last axis stands for, an entry on each "
        "line, of at most 256 characters. The first line is place 0. An entry may be empty, as that of a blank often "
        "is, or a space.",
        '[outputs.logits]\ndecode = { kind = "ctc", vocabulary = "characters.pkl" }',
        '[outputs.logits]\ndecode = { kind = "ctc", vocabulary = "characters.txt" }',
    ),
    "bad-wheel": CodeDoc(
        "The wheel is damaged, or holds what no honest tool puts into one: a path that leads out of it, a link, a name "
        "twice, an encrypted member, or sizes as a zip bomb has them. A wheel is checked as a whole before a byte of "
        "it is unpacked, and is never installed or run; nothing of this one was kept.",
    ),
    "data-outside-source": CodeDoc(
        "An ONNX model may keep its weights in other files, and this one names a file that isn't in its own folder or "
        "below. Only what lies there is hashed, pinned and copied; a path that leads out could read any file of this "
        "machine, and the pin wouldn't cover the weights.",
        ">>> onnx.save_model(model, 'm.onnx', save_as_external_data=True, location='/data/weights.bin')",
        ">>> onnx.save_model(model, 'm.onnx', save_as_external_data=True, location='m.onnx.data')",
    ),
    "download-failed": CodeDoc(
        "There is no wheel of exactly this version for this Python and system, or pip couldn't reach its index; what "
        "pip said is part of the message. npuspec uses the user's own pip, with its index and proxy. It takes wheels "
        "only: building an sdist would run code that no pin covers.",
        "",
        "$ pip config list\n$ pip download --no-deps --only-binary=:all: hama==1.3.13",
    ),
    "invalid-data": CodeDoc(
        "What a program gave as `data` is nothing that samples can be taken from: it can't be iterated, is a text or a "
        "mapping, gives no sample at all or one after the other without end, or raised an error on the way, which is "
        "the cause of this one. Nothing of it was kept. `data` is any iterable, such as a list, a generator or a data "
        "set; each of its items is one sample.",
        ">>> npuspec.apply('specs/asr.toml', 'build/asr', data='clips/*.npy')",
        ">>> npuspec.apply('specs/asr.toml', 'build/asr', data=map(numpy.load, glob('clips/*.npy')))",
    ),
    "invalid-source": CodeDoc(
        "The text is neither a path relative to the spec nor a file in a wheel of one exact version. A range of "
        "versions would give another model tomorrow, and addresses of other kinds aren't read.",
        '[model]\nsource = "pypi:hama>=1.3/hama/assets/asr_waveform_fp16.onnx"',
        '[model]\nsource = "pypi:hama==1.3.13/hama/assets/asr_waveform_fp16.onnx"',
    ),
    "missing-file": CodeDoc(
        "There is no such file in the spec's folder or in the wheel, or it is a folder. Paths are relative, and case "
        "counts on every system, so that a spec that works on one works on all. If the message says that a model reads "
        "the file, it holds the model's weights.",
        '[model]\nsource = "Model.onnx"   # the file is called model.onnx',
        '[model]\nsource = "model.onnx"',
    ),
    "missing-pin": CodeDoc(
        "A source that is downloaded has no `sha256`. An index can serve other bytes for the same version, and then "
        "another model would be quantized, measured and shipped under the same spec. Read what you get once, and pin "
        "it; npuspec prints the right value once the source is here.",
        '[model]\nsource = "pypi:hama==1.3.13/hama/assets/asr_waveform_fp16.onnx"',
        '[model]\nsource = "pypi:hama==1.3.13/hama/assets/asr_waveform_fp16.onnx"\n'
        'sha256 = "a884b5ac55f8bbc00673e8cf6d2dd601aa76e5031dd85cf3de2f25b5987cd59a"',
    ),
    "not-a-model": CodeDoc(
        "The file's name is that of a model, and its content isn't: it is empty, cut off, a pointer of Git LFS, or XML "
        "of another kind; or OpenVINO can't read it, for instance since it has an operation that OpenVINO doesn't "
        "know. What OpenVINO said is part of the message.",
        "",
        "$ git lfs pull\n$ npuspec check specs/asr.toml",
    ),
    "not-a-tokenizer": CodeDoc(
        "`data.tokenizer` makes token ids of text, and Hugging Face's tokenizers can't read this file; what they said "
        "is part of the message. A model's own tokenizer lies beside it as `tokenizer.json`. Others, such as a "
        "`vocab.txt` or SentencePiece's `.model`, can be saved in that form once.",
        '[data]\nsource = "talk/*.txt"\ninput = "ids"\ntokenizer = "vocab.txt"',
        '[data]\nsource = "talk/*.txt"\ninput = "ids"\ntokenizer = "tokenizer.json"',
    ),
    "path-outside": CodeDoc(
        "The path is absolute, has `..` or a drive in it, or goes through a link that leads out of the spec's folder. "
        "A spec may come from a stranger, and must not read what isn't its own; nor would such a path work on another "
        "machine.",
        '[model]\nsource = "../models/asr.onnx"',
        '[model]\nsource = "models/asr.onnx"   # copied in beside the spec',
    ),
    "pip-missing": CodeDoc(
        "A wheel must be downloaded, and the Python that runs npuspec has no pip. npuspec downloads nothing by itself: "
        "pip knows the index, the proxy and the certificates that this machine is set to.",
        "",
        "$ python -m ensurepip",
    ),
    "source-not-cached": CodeDoc(
        "`check` never touches the network, and this source isn't here yet. So the text was checked, and the model "
        "wasn't: whether its inputs and outputs are what the spec says is still open. This is a note, and no error.",
        "",
        "$ npuspec plan specs/asr.toml   # downloads it; from then on `check` looks at it too",
        Severity.NOTE,
    ),
    "unreadable-file": CodeDoc(
        "The file is there and can't be read, or it changed between the moment it was hashed and the moment it was "
        "copied. Only bytes that were hashed are ever used, so nothing was.",
    ),
    "unsafe-name": CodeDoc(
        "A file's name holds a character that a listing can't show or that Windows doesn't allow, or two names differ "
        "only in case. The digest of several files is made from a listing of their names, and the files must be able "
        "to lie side by side on every system.",
        '[data]\nsource = "clips/*.wav"   # a.wav and A.wav',
        '[data]\nsource = "clips/a*.wav"',
    ),
    "unsupported-model-format": CodeDoc(
        "npuspec reads ONNX (`.onnx`) and OpenVINO IR (`.xml`, with its `.bin` beside it). Other formats run code when "
        "they are loaded, or need the framework that wrote them; export the model once, where that framework is.",
        '[model]\nsource = "model.pt"',
        '[model]\nsource = "model.onnx"',
    ),
    "wrong-pin": CodeDoc(
        "The bytes aren't those that the spec pins. Either the file was replaced, or the pin was written for another "
        "one. Nothing of it was used. Several files have one digest: that of their listing as `sha256sum` prints it.",
        "",
        "$ sha256sum model.onnx",
    ),
}
