"""Codes of a spec that is held against its model and its data."""

from npuspec.diagnostics.codes.doc import CodeDoc

MODEL = {
    "duplicate-samples": CodeDoc(
        "Two files of [data] have the same content: the same bytes, or the same arrays, sound or pixels in another "
        "form. Samples are divided into those that calibrate and those that the gates run on; a sample on both sides "
        "would make a gate look better than the model is. A text that is repeated is no fault: it counts once, and the "
        "plan says how many were left out.",
        '[data]\nsource = "clips/**/*.wav"   # clips/a.wav and clips/old/a.wav are the same',
        '[data]\nsource = "clips/*.wav"',
    ),
    "dynamic-shape": CodeDoc(
        "A port of the model has no fixed number of axes, or a size is still open when all inputs are static, since it "
        "depends on the values. An NPU compiles static shapes only.",
        ">>> torch.nonzero(x)   # how many rows it has depends on x",
        ">>> x != 0             # a mask of the size of x",
    ),
    "empty-subgraph": CodeDoc(
        "A subgraph of [quantization.keep] is all operations on a way from one of its `inputs` to one of its "
        "`outputs`, both included. On no such way there is one, or a name stands on none: most often the two are "
        "exchanged. What was to stay in floating point would be quantized.",
        '[quantization.keep]\nsubgraphs = [{ inputs = ["/Log"], outputs = ["/Conv"] }]',
        '[quantization.keep]\nsubgraphs = [{ inputs = ["/Conv"], outputs = ["/Log"] }]',
    ),
    "impossible-shape": CodeDoc(
        "OpenVINO can't propagate these sizes through the model: two of its inputs would contradict each other, or a "
        "layer with fixed weights gets another size than it was made for. What OpenVINO said is part of the message.",
        "[batching]\nsize = 4   # the model was exported with a batch of 1 in a Reshape",
        "[batching]\nsize = 1",
    ),
    "inexpressible-padding": CodeDoc(
        "`pad-value` is meant as the model's own operations see it. With preprocessing in the model, what the caller "
        "gives is padded before it, and the model normalises the padding too: it must be padded with what becomes the "
        "pad value, in every channel, and there may be nothing such among bytes, or where channels have means of their "
        'own. The help names the nearest value that there is, if there is one. `place = "native"` pads afterwards.',
        '[inputs.image]\nshape = ["batch", 3, 48, "width"]\npad-value = 0.0\n\n'
        '[inputs.image.preprocess]   # no byte is 127.5\nplace = "model"\ndtype = "uint8"\nmean = [127.5]',
        '[inputs.image]\nshape = ["batch", 3, 48, "width"]\npad-value = 0.5\n\n'
        '[inputs.image.preprocess]   # of 128\nplace = "model"\ndtype = "uint8"\nmean = [127.5]',
    ),
    "input-too-large": CodeDoc(
        "One input of one static variant would take more than 2 GiB. Sizes are the product of a shape, so this is "
        "nearly always one zero too many; a static model would be compiled for it all the same.",
        '[dims.time]\nstrategy = "fixed"\nsize = 800000000',
        '[dims.time]\nstrategy = "fixed"\nsize = 80000',
    ),
    "output-batch": CodeDoc(
        "The first axis of an output isn't the batch. npuspec takes row i of an output for sample i, so it can't give "
        "each sample its own result; with a batch of another size than the model was made for, rows would be mixed.",
        "[batching]\nsize = 4",
        "[batching]\nsize = 1",
    ),
    "slow-pattern": CodeDoc(
        "A pattern of [quantization.keep] is tried on the names of all operations, and has a limit of 20 seconds. A "
        "repetition in a repetition can match one name in more ways than there are, and nothing else would ever be "
        "done: a spec may be a stranger's.",
        "[quantization.keep]\npatterns = ['(/?[a-z0-9]+)+/Conv']",
        "[quantization.keep]\npatterns = ['/[/a-z0-9]+/Conv']",
    ),
    "too-few-samples": CodeDoc(
        "There are fewer samples than calibrate, none is left for the gates, or none is short enough for a variant. "
        "NNCF itself would calibrate on what is there without a word. A gate that runs on the samples that calibrated "
        "measures how well they were learned, not how well the model works.",
        "[quantization]\nmode = 'int8'\nsamples = 300   # of 27 files",
        "[quantization]\nmode = 'int8'\nsamples = 18",
    ),
    "unfit-model": CodeDoc(
        "`init` found an input that no spec can state, so `check` would refuse whatever it wrote: a scalar, which has "
        "no axis for the batch; text or a packed type; first axes that are fixed to different sizes; or more axes than "
        "six. The first axis of every input is the batch.",
        ">>> torch.onnx.export(model, (waveform, torch.tensor(16000)), 'asr.onnx')   # the rate is a scalar",
        ">>> torch.onnx.export(model, (waveform,), 'asr.onnx')                       # the rate is built in",
    ),
    "unknown-field": CodeDoc(
        "A file of text in YAML or JSON has no member of this name at its top level. The strings of that member, and "
        "those below it, are the samples; without it a file would give none, and nobody would notice.",
        '[data]\nsource = "talk/*.yml"\ninput = "ids"\ntokenizer = "tokenizer.json"\nfield = "conversation"',
        '[data]\nsource = "talk/*.yml"\ninput = "ids"\ntokenizer = "tokenizer.json"\nfield = "conversations"',
    ),
    "unknown-length": CodeDoc(
        "An output's length changes with a padded dimension, and no floor division explains how. Without the rule, the "
        "frames that come from padding can't be cut off, and an application would take them for a result. State it by "
        "hand if you know it; npuspec tries it on the model.",
        "",
        '[outputs.logits.length]\ndim = "time"\naxis = 1\noffset = 320\ndivisor = 320   # (time + 320) // 320',
    ),
    "unknown-operation": CodeDoc(
        "[quantization.keep] names an operation or a type that the model doesn't have, or a pattern matches none. What "
        "was to stay in floating point would be quantized, and only the accuracy would show it. Names are OpenVINO's "
        "friendly names, as the model is read, and of those that share one the second is `NAME/2`; a pattern is "
        "matched from a name's beginning. Constants, and the nodes that stand for the model's inputs and outputs, are "
        "none: what reads them is quantized. The same is refused of what the lock keeps of a mix, where someone has "
        "edited it.",
        '[quantization.keep]\nnames = ["Conv"]',
        '[quantization.keep]\nnames = ["/Conv"]',
    ),
    "unknown-output": CodeDoc(
        "A gate or an [outputs] table names an output that the model doesn't have. Names are the model's own, and case "
        "counts; a gate on nothing would measure nothing.",
        '[[gates]]\nmetric = "frame-agreement"\noutput = "log_prob"\nof = "static"\nagainst = "original"\nmin = 0.9',
        '[[gates]]\nmetric = "frame-agreement"\noutput = "log_probs"\nof = "static"\nagainst = "original"\nmin = 0.9',
    ),
    "unstated-input": CodeDoc(
        "The model has an input that the spec doesn't mention. It must be fed all the same: with the caller's data, "
        "with a length, or with a mask. Which of these it is can't be told from its shape, and zeros in place of a "
        "length would silence the model without an error.",
        '[inputs.waveform]\nshape = ["batch", "time"]',
        '[inputs.waveform]\nshape = ["batch", "time"]\n\n[inputs.waveform_lengths]\nrole = "length"\nof = "waveform"',
    ),
    "unstitchable": CodeDoc(
        "A long sample that is chunked runs piece by piece, and the outputs of its pieces have to become one again: "
        "each output needs one axis that follows from the chunked dimension, on which neighbouring pieces meet or "
        "overlap. An output without such an axis can only be averaged, and only where it holds floats.",
        '[dims.tokens]\nstrategy = "pad"\nsize = 128\noverflow = "chunk"\noverlap = 16\nstitch = "concatenate"',
        '[dims.tokens]\nstrategy = "pad"\nsize = 128\noverflow = "truncate"',
    ),
    "unsupported-data-format": CodeDoc(
        "The glob matches a file that isn't a sample npuspec reads, or one of another kind than the others: arrays in "
        "`.npy`, sound in `.wav`, and pictures in `.png` and `.jpg` are for the one `input`; `.npz` and `.safetensors` "
        "files name their arrays themselves; and text in `.txt`, `.yml`, `.yaml` and `.json` needs a `tokenizer`. A "
        "file that is passed over would change the split between calibration and gates, so the glob has to be exact. "
        "Of a folder everything is taken that could be a sample, so that it must hold one kind alone.",
        '[data]\nsource = "clips/*"',
        '[data]\nsource = "clips/*.wav"',
    ),
    "wrong-decode": CodeDoc(
        "An output isn't what its `decode` reads. A class is read of [classes] for each sample, or of one whole "
        "number, and a text of [steps, classes]. Where the vocabulary has more or fewer entries than the last axis has "
        "places, it is another model's, and all that is read would be wrong.",
        '[outputs.logits]   # [batch, steps, 97]\ndecode = { kind = "class", vocabulary = "characters.txt" }',
        '[outputs.logits]\ndecode = { kind = "ctc", vocabulary = "characters.txt" }   # of 97 lines',
    ),
    "wrong-port-dtype": CodeDoc(
        "The model's input has another element type than its role allows. Lengths are int32 or int64, so an input of "
        "floats that is declared as one is some other input; and strings or packed types can be neither fed nor given "
        "back as an output.",
        '[inputs.waveform]   # float32 in the model\nrole = "length"\nof = "features"',
        '[inputs.waveform]\nshape = ["batch", "time"]',
    ),
    "wrong-port-rank": CodeDoc(
        "The number of axes isn't the model's: in an input's shape, in a role (a length has one value for each sample, "
        "a mask one for each place), or in an output's length. A shape that was stretched to fit would put the samples "
        "into the wrong axis.",
        '[inputs.image]\nshape = ["batch", "height", "width"]',
        '[inputs.image]\nshape = ["batch", 3, "height", "width"]',
    ),
    "wrong-selection": CodeDoc(
        "An output's `select` names an axis whose length doesn't follow from the dimension that it names: sizes were "
        "propagated through the model. Which steps are valid can't be told then; the help says which axes of it follow "
        "from which dimension.",
        '[outputs.logits]\nselect = { kind = "last-valid", dim = "time", axis = 2 }   # [batch, time, classes]',
        '[outputs.logits]\nselect = { kind = "last-valid", dim = "time", axis = 1 }',
    ),
    "wrong-size": CodeDoc(
        "The model fixes the size of an axis and the spec states another, or a size of a padded dimension is shorter "
        "than the model takes at all.",
        '[inputs.image]\nshape = ["batch", 4, 224, 224]   # the model takes 3 channels',
        '[inputs.image]\nshape = ["batch", 3, 224, 224]',
    ),
}
