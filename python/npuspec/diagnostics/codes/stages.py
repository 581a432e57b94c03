"""Codes of what `apply` does."""

from npuspec.diagnostics.codes.doc import CodeDoc

STAGES = {
    "compile-failed": CodeDoc(
        "The device's compiler refused the model; what it said is part of the message. Common reasons are an operation "
        "that this compiler version doesn't know, a property that it doesn't take, and a missing compiler library. No "
        "other device is tried in its place: a model that quietly runs elsewhere is slower, and no error shows it.",
        "",
        "$ npuspec apply specs/asr.toml --device CPU",
    ),
    "disk-fault": CodeDoc(
        "A result or the bundle can't be written, for another reason than a full disk: most often missing rights. A "
        "bundle is switched in one step, so the one that stood there before still stands.",
    ),
    "disk-full": CodeDoc(
        "There is no space left for a result or for the bundle. What was half written is taken away again, and the "
        "bundle that stood before still stands. The cache may lie on another disk.",
        "",
        "$ NPUSPEC_CACHE=/large/npuspec npuspec apply specs/asr.toml",
    ),
    "gate-failed": CodeDoc(
        "A measured figure lies outside the limits that the spec states, so no bundle was made and the old one still "
        "stands. `of` and `against` say what lost the accuracy: static against original is the price of padding and "
        "static shapes, quantized against static that of INT8. Of a task, the original's own figure stands beside it, "
        "and `misread` in the evidence lists samples that were read wrongly. A budget says whether its figure was "
        "measured or estimated; a time that failed is measured anew by the next `apply`.",
        '[quantization]\nmode = "int8"',
        '[quantization]\nmode = "int8"\npreset = "mixed"\nmodel-type = "transformer"\n\n'
        '[quantization.keep]\nnames = ["/Conv", "/MatMul"]',
    ),
    "missing-extra": CodeDoc(
        "Calibrating needs NNCF; reading samples needs soundfile for sound, Pillow for pictures, tokenizers for text, "
        "PyYAML for text in YAML and safetensors for `.safetensors`; the error rates of texts need jiwer. None of them "
        "is needed to run a bundle, so they aren't installed with npuspec itself. `npuspec[quantize]` brings them all, "
        "and `npuspec[tune]` tomlkit too, with which `npuspec tune` changes a spec. The page of `npuspec report` needs "
        "Jinja and vl-convert, which `npuspec[report]` brings.",
        "",
        "$ pip install 'npuspec[samples]'",
    ),
    "no-mix": CodeDoc(
        "The mode `mixed` keeps the most harmful operations in floating point until the gates hold on the samples that "
        "calibrate. Here they don't even if nothing is quantized: the limits ask for more than the original model "
        "reaches.",
        '[[gates]]\nmetric = "accuracy"\noutput = "label"\nof = "quantized"\nmin = 1.0',
        '[[gates]]\nmetric = "accuracy"\noutput = "label"\nof = "quantized"\ncompared = "with-original"\nmin = -0.01',
    ),
    "not-finite": CodeDoc(
        "A sample holds a NaN or an infinity though its input is declared `finite`, or a model gave NaN for a real "
        "sample. One NaN spreads through a whole output, and comparisons with it are false, so that it would pass as "
        "an odd result instead of an error. FP16 overflows above 65504.",
        ">>> session.infer({'waveform': numpy.log(waveform)})   # log of 0",
        ">>> session.infer({'waveform': numpy.log(numpy.maximum(waveform, 1e-6))})",
    ),
    "other-device": CodeDoc(
        "OpenVINO says that the compiled model would run on another device than the one that it was compiled for. "
        "Figures measured there would be those of the wrong device.",
    ),
    "output-exists": CodeDoc(
        "`init` would write a spec where a file stands already. That may be a spec which someone has worked on, so it "
        "is only replaced when that is asked for.",
        "$ npuspec init model.onnx",
        "$ npuspec init model.onnx --output first.toml\n$ npuspec init model.onnx --force",
    ),
    "output-shape": CodeDoc(
        "Two models gave outputs of different shapes for the same sample, after padding was cut off. So the rule for "
        "this output's length, measured or stated, doesn't hold for this sample, and frames would be lost or invented.",
        "",
        '[outputs.logits.length]\ndim = "time"\naxis = 1\noffset = 320\ndivisor = 320',
    ),
    "output-taken": CodeDoc(
        "The place for the bundle is a file, or a folder that holds other files. A bundle has its folder for itself, "
        "and clears it of old versions; what it didn't make is never touched.",
        "$ npuspec apply specs/asr.toml --output .",
        "$ npuspec apply specs/asr.toml --output build/asr",
    ),
    "quantize-failed": CodeDoc(
        "NNCF couldn't quantize the model, or not as the recipe says; what it said is part of the message. Keeping "
        "what it names in floating point often helps.",
        "",
        '[quantization.keep]\nnames = ["/MatMul"]',
    ),
    "rewrite-failed": CodeDoc(
        "A mask or a selection was put into the model's graph, and the model that came of it didn't answer as before: "
        "an output is another, or isn't what NumPy selects of the model's own. Both run on CPU in float32, on rows of "
        "several lengths, before anything is compiled or quantized. Two outputs that are one tensor of the model can't "
        "be told apart either.",
        '[inputs.attention_mask]\nrole = "mask"\nof = "input_ids"\nbuilt = "in-model"',
        '[inputs.attention_mask]\nrole = "mask"\nof = "input_ids"\nbuilt = "outside"',
    ),
    "stage-aborted": CodeDoc(
        "Stages run in processes of their own, since native code may end the whole process. This one died without an "
        "answer: a library aborted, or the system ended it, most often for want of memory. The last lines that it "
        "printed are part of the message. What earlier stages made is kept, and `apply` goes on from there.",
        "",
        "$ npuspec apply specs/asr.toml   # begins with the stage that failed",
    ),
    "unreadable-sample": CodeDoc(
        "A sample can't be read as an array: the file is damaged or of another format; it has several channels where "
        "the model takes one, other arrays than the model has inputs, more pixels, bytes or texts than are ever read; "
        "a picture is for an input of floats, which nothing says how to scale; or it holds a NaN where the input is "
        "declared `finite`. Arrays with Python objects in them are refused, since loading one runs code.",
        ">>> numpy.save('clip.npy', [[1, 2], [3]], allow_pickle=True)",
        ">>> numpy.save('clip.npy', numpy.float32([1, 2, 3]))",
    ),
    "wrong-sample-rate": CodeDoc(
        "A recording has another rate than [data] states. Played at the wrong rate, every model still answers, only "
        "worse: ranges would be calibrated on sound that never occurs. Nothing is resampled without a word, as there "
        "are many ways to do it.",
        "",
        "$ ffmpeg -i clip.wav -ar 16000 clip-16k.wav",
    ),
}
