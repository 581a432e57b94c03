"""Codes of the rules about how a model will be used: what is valid, and seldom what its author wants."""

from npuspec.diagnostics.codes.doc import CodeDoc
from npuspec.diagnostics.model import Severity

RULES = {
    "auto-device": CodeDoc(
        "AUTO, MULTI, HETERO and BATCH choose devices by themselves. `AUTO:NPU,CPU` on a machine without an NPU runs "
        "on the CPU without a word, at another speed and another power, and no log of the application shows it; with "
        "one, it answers from the CPU until the NPU has compiled. `AUTO` alone has no NPU on its list. "
        "npuspec takes one device, and a list of others that may take its place, which is said where it happens.",
        '[target]\ndevice = "AUTO:NPU,CPU"',
        '[target]\ndevice = "NPU"\nfallback = ["CPU"]',
    ),
    "constant-samples": CodeDoc(
        "A sample is one value over and over: a silent recording, a picture of one colour, a file that was never "
        "filled. Any two models agree on most of them, so that gates look better than the model is, and each takes the "
        "place of a sample that would have shown a range. Where silence is what the model will be given, allow this.",
        '[data]\nsource = "clips/*.wav"   # one of them is silent\ninput = "x"\nsample-rate = 16000',
        '[data]\nsource = "clips/spoken*.wav"\ninput = "x"\nsample-rate = 16000',
        Severity.WARNING,
    ),
    "dynamic-dimension": CodeDoc(
        "An axis is left without a size. The NPU's compiler takes static shapes: an unbounded dimension is refused "
        "there with a message about upper bounds, and some bounded ones abort the whole process. Each axis that varies "
        "gets a name, and a table in [dims] that says which sizes it has and what becomes of longer samples.",
        '[inputs.x]\nshape = ["batch", -1]',
        '[dims.time]\nstrategy = "buckets"\nsizes = [64, 128]\noverflow = "error"\n\n'
        '[inputs.x]\nshape = ["batch", "time"]',
    ),
    "few-pictures": CodeDoc(
        "Pictures differ in light, colour and size more than other samples do, so that more of them are needed before "
        "the ranges of all activations have been seen: 500 to 1000 are usual. This is a note, and asks for nothing: a "
        "gate on pictures that didn't calibrate says whether these were enough.",
        '[data]\nsource = "pictures/*.jpg"\ninput = "x"\n\n[quantization]\nmode = "int8"\nsamples = 300',
        '[data]\nsource = "pictures/*.jpg"\ninput = "x"\n\n[quantization]\nmode = "int8"\nsamples = 500',
        Severity.NOTE,
    ),
    "hidden-fallback": CodeDoc(
        "With a fallback, an application whose NPU is absent, or whose driver is broken, goes on on another device. "
        "npuspec says so at load, with a FallbackWarning and in Session.notes, but a warning can be filtered, and then "
        "nobody learns that the NPU is idle. Without a fallback the absent NPU is an error. Where going on is right, "
        "allow this warning and say why.",
        '[target]\ndevice = "NPU"\nfallback = ["CPU"]',
        '[target]\ndevice = "NPU"\nfallback = ["CPU"]\n\n[[allow]]\ncode = "hidden-fallback"\n'
        'reason = "the application shows Session.device to its user"',
        Severity.WARNING,
    ),
    "idle-bucket": CodeDoc(
        "No real length is padded to this size: the next smaller one holds all of them, or none is that long. Each "
        "size is a model of its own to make, to measure, to ship and to load, and this one would never run. "
        "`npuspec buckets` finds the sizes that cost the least for given lengths.",
        '[dims.tokens]\nstrategy = "buckets"\nsizes = [16, 32, 512]\noverflow = "error"\nlengths = "at-most-30.txt"',
        '[dims.tokens]\nstrategy = "buckets"\nsizes = [16, 32]\noverflow = "error"\nlengths = "at-most-30.txt"',
        Severity.WARNING,
    ),
    "idle-key": CodeDoc(
        "The key belongs to another choice than the one that is made here, and would do nothing. Either the choice is "
        "the mistake, or the key is left over from an earlier one.",
        '[dims.time]\nstrategy = "pad"\nsize = 80000\noverflow = "error"\noverlap = 800\nstitch = "average"',
        '[dims.time]\nstrategy = "pad"\nsize = 80000\noverflow = "chunk"\noverlap = 800\nstitch = "average"',
    ),
    "latency-batch": CodeDoc(
        "LATENCY tells the plugin to make one inference quick, and a batch makes many samples wait for each other. The "
        "NPU's plugin logs a warning that nobody sees, and on a batch of its own choice it would take THROUGHPUT. One "
        "of the two isn't meant.",
        '[properties]\nperformance-hint = "LATENCY"\n\n[batching]\nsize = 4',
        '[properties]\nperformance-hint = "THROUGHPUT"\n\n[batching]\nsize = 4',
        Severity.WARNING,
    ),
    "missing-model-type": CodeDoc(
        "The model has attention: a softmax between two matrix products. NNCF quantizes such a model without "
        "complaint when it isn't told, and ruins it: a sentence encoder fell from 0.857 to 0.503 in topic accuracy, a "
        "speech model to hardly a right phoneme. With the model type, the softmax and what is around it are treated "
        "as they must be.",
        '[quantization]\nmode = "int8"',
        '[quantization]\nmode = "int8"\nmodel-type = "transformer"',
        Severity.WARNING,
    ),
    "missing-overflow": CodeDoc(
        "A sample can be longer than the largest size that the model was made for. Cutting it off loses its end "
        "without a word, taking it apart changes what the model sees, and refusing it is an error that the "
        "application must expect: none of these is right for everyone, so there is no default.",
        '[dims.time]\nstrategy = "pad"\nsize = 80000',
        '[dims.time]\nstrategy = "pad"\nsize = 80000\noverflow = "error"',
    ),
    "no-cache": CodeDoc(
        "Nothing keeps the compiled model, so that every process compiles it anew. For an NPU that takes from seconds "
        "to minutes, and with the compiler of the package the driver's own cache isn't used either. It is of use "
        "where the compilation itself is measured.",
        '[cache]\nkind = "none"',
        '[cache]\nkind = "blob"',
        Severity.WARNING,
    ),
    "not-allowable": CodeDoc(
        "Only warnings can be allowed: an error is something that can't be done or can't be meant, and a note asks for "
        "nothing. An allowance of either would only look as if the matter had been settled.",
        '[[allow]]\ncode = "missing-pin"\nreason = "the source never changes"',
        '[[allow]]\ncode = "hidden-fallback"\nreason = "the application shows Session.device to its user"',
    ),
    "one-bucket-calibration": CodeDoc(
        "All samples that calibrate are of one length, so that they fall into one of several variants. How large "
        "values become depends on the length: a mask has nothing to mask in a sample that fills its size, and a sum "
        "over a long sample is larger. The ranges say nothing of the other variants, and `apply` makes no bundle.",
        '[data]\nsource = "short/*.wav"\n\n[dims.time]\nstrategy = "buckets"\nsizes = [32000, 64000]',
        '[data]\nsource = "all/*.wav"\n\n[dims.time]\nstrategy = "buckets"\nsizes = [32000, 64000]',
        Severity.WARNING,
    ),
    "open-choice": CodeDoc(
        "Several batches are named as candidates, and none is taken. A plan holds one: which of them is best is found "
        "by measuring, and what was found is written into the spec as `size`, where a reviewer sees it.",
        "[batching]\ncandidates = [1, 4, 8]",
        "[batching]\ncandidates = [1, 4, 8]\nsize = 4",
    ),
    "random-calibration": CodeDoc(
        "Half of the samples or more look like random numbers. A model's activations on noise have other ranges than "
        "on what it was made for, and INT8 that is calibrated on them cuts the real ones off: an image classifier "
        "fell from 14 right answers of 18 to 1, and no step reported an error. Gates on noise pass or fail by chance.",
        '[data]\nsource = "noise/*.npy"\ninput = "x"',
        '[data]\nsource = "recorded/*.npy"\ninput = "x"',
        Severity.WARNING,
    ),
    "refused-lengths": CodeDoc(
        "Some of the real lengths are longer than the largest size, and the spec says that longer samples are an "
        "error: an application that gives the session such samples gets one for each. Where that is meant, allow the "
        "warning; otherwise a larger size holds them, or they are cut or taken apart.",
        '[dims.tokens]\nstrategy = "pad"\nsize = 32\noverflow = "error"\nlengths = "up-to-50.txt"',
        '[dims.tokens]\nstrategy = "pad"\nsize = 64\noverflow = "error"\nlengths = "up-to-50.txt"',
        Severity.WARNING,
    ),
    "ruined-range": CodeDoc(
        "NNCF gave the values in front of an operation a range in which 8 bits tell nothing apart. Most often a mask "
        "has stretched it: it puts -1e4, or float32's lowest, where nothing is to be seen, and a range that reaches so "
        "far leaves one level to all else. If it overflows, NNCF takes an infinite range or one of 0, and every value "
        "becomes the same. No step reports an error. `apply` looks at every range and makes no bundle; the help says "
        "which operations have to stay in floating point.",
        '[quantization]\nmode = "int8"',
        '[quantization]\nmode = "int8"\nkeep = { names = ["/encoder/layer.0/attention/Add"] }',
        Severity.WARNING,
    ),
    "small-calibration": CodeDoc(
        "Calibration finds the range of every activation, and what its samples don't reach is cut off later. A handful "
        "of samples seldom shows the loud ones. NNCF's default is 300, and 500 to 1000 are common for images. Where "
        "there are no more, allow this warning, and let a gate on other samples decide.",
        '[quantization]\nmode = "int8"\nsamples = 10',
        '[quantization]\nmode = "int8"\nsamples = 300',
        Severity.WARNING,
    ),
    "spectral-front-end": CodeDoc(
        "The model makes a spectrum of its input in itself: filters or a Fourier transform over a waveform, their "
        "squares, and a logarithm. Squares span many powers of ten, and it is the logarithm of the small ones that the "
        "model hears. 8 bits hold fewer than three powers, so that all but the loudest is lost, and no step reports an "
        "error: a speech model still heard the same in 76 % of the frames, and in 92 % with its spectrum in floating "
        "point. The spectrum is found by the form of the graph, and the help names the part of the model to keep.",
        '[quantization]\nmode = "int8"',
        '[quantization]\nmode = "int8"\n\n[quantization.keep]\n'
        'subgraphs = [{ inputs = ["waveform"], outputs = ["/Log"] }]',
        Severity.WARNING,
    ),
    "split-batch": CodeDoc(
        "The NPU's plugin takes a batch on axis 0 apart: it compiles the model for one sample and runs it once for "
        "each, so that a batch of 8 is 8 inferences behind one call. It does so where layouts name the batch, which "
        "npuspec sets for every input, so that nothing depends on how the model was exported. NPU_BATCH_MODE, a "
        "property that is private to OpenVINO, leaves the batch whole. That it is quicker is often written and seldom "
        "measured: the plan, the estimates and the lock say which of the two was done.",
        '[target]\ndevice = "NPU"\n\n[batching]\nsize = 8',
        '[target]\ndevice = "NPU"\n\n[batching]\nsize = 1',
        Severity.WARNING,
    ),
    "turbo-sustained": CodeDoc(
        "Turbo asks for the highest frequency within the platform's power limit. For a single request that is quicker; "
        "under a load that goes on, the limit takes it back, and the CPU and GPU that share it pay. OpenVINO's own "
        "documentation advises against it for sustained work.",
        '[properties]\nturbo = true\n\n[load]\nkind = "sustained"',
        '[load]\nkind = "sustained"',
        Severity.WARNING,
    ),
    "ungated-quantization": CodeDoc(
        "The model is quantized, and no gate is on what comes out. NNCF returns without complaint where a model is "
        "ruined, and then a bundle is made of it. A gate on agreement needs no labels.",
        '[quantization]\nmode = "int8"',
        '[[gates]]\nmetric = "frame-agreement"\noutput = "y"\nof = "quantized"\nagainst = "static"\nmin = 0.95',
        Severity.WARNING,
    ),
    "unknown-code": CodeDoc(
        "No diagnostic has this code. A misspelt allowance would allow nothing, and the warning that it is for would "
        "look as if it had come back.",
        '[[allow]]\ncode = "hidden-falback"\nreason = "the application shows Session.device to its user"',
        '[[allow]]\ncode = "hidden-fallback"\nreason = "the application shows Session.device to its user"',
    ),
    "unused-allowance": CodeDoc(
        "The warning that is allowed doesn't occur any more, or is allowed twice. Left in, the allowance would hide "
        "the warning if it came back for another reason than the one that is written.",
        '[target]\ndevice = "NPU"\n\n[[allow]]\ncode = "hidden-fallback"\nreason = "there was a fallback once"',
        '[target]\ndevice = "NPU"',
        Severity.WARNING,
    ),
    "useless-platforms": CodeDoc(
        "Platforms are generations of the NPU that a model is compiled for ahead of time. None of the devices of this "
        "spec is an NPU, so nothing would ever load what is compiled.",
        '[target]\ndevice = "CPU"\nplatforms = ["4000"]',
        '[target]\ndevice = "NPU"\nplatforms = ["4000"]',
    ),
    "wrong-resize": CodeDoc(
        "Pictures are resized before the model, by npuspec: its shapes are static, and pictures come in all sizes. "
        "What is resized are bytes of 1, 3 or 4 channels, whose height and width the model's `layout` names. A picture "
        "is stretched to two fixed sides, or scaled to fit into them; where one side varies, as the width of lines of "
        "text does, it is scaled to the other. If both vary, nothing says to which size.",
        '[inputs.image.preprocess]\nplace = "model"\ndtype = "uint8"\nresize = "letterbox"',
        '[inputs.image.preprocess]\nplace = "native"\ndtype = "uint8"\nresize = "letterbox"',
    ),
}
