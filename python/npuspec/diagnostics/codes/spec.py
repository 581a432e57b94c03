"""Codes of the spec's text, its language, and the rules between its tables."""

from npuspec.diagnostics.codes.doc import CodeDoc

SPEC = {
    "ambiguous-length": CodeDoc(
        "A length or a mask is one number for each sample: how much of it is real. The input that it follows has no "
        "padded dimension, so that there is nothing to count, or several, of which `dim` has to say one. Guessing an "
        "axis would tell the model that padding is signal, and no error would show it.",
        '[inputs.image]\nshape = ["batch", "height", "width"]   # both padded\n\n'
        '[inputs.length]\nrole = "length"\nof = "image"',
        '[inputs.image]\nshape = ["batch", "height", "width"]\n\n'
        '[inputs.length]\nrole = "length"\nof = "image"\ndim = "width"',
    ),
    "batch-axis": CodeDoc(
        "The batch is axis 0 of every data input: npuspec stacks one sample for each of its rows, and takes the first "
        "axis of each output for the same rows. With another order samples would be mixed with each other.",
        '[inputs.x]\nshape = ["time", "batch"]',
        '[inputs.x]\nshape = ["batch", "time"]',
    ),
    "batch-dim": CodeDoc(
        "`batch` isn't padded from sample to sample, it is how many samples one inference takes. That is stated once, "
        "in [batching]; a second place could say something else.",
        '[dims.batch]\nstrategy = "fixed"\nsize = 4',
        "[batching]\nsize = 4",
    ),
    "empty-gate": CodeDoc(
        "A gate compares two models, and fails where a figure is too bad. This one compares a model with itself, asks "
        "for a quantized model where nothing is quantized, or for a full batch where each inference takes one sample; "
        "or its limit is the worst figure that there is, or only on the side where figures are good, such as a `max` "
        "of accuracy. A ruined model would pass, and that would look like a measurement in the evidence.",
        '[[gates]]\nmetric = "frame-agreement"\noutput = "logits"\nof = "static"\nagainst = "static"\nmin = 0.9',
        '[[gates]]\nmetric = "frame-agreement"\noutput = "logits"\nof = "static"\nagainst = "original"\nmin = 0.9',
    ),
    "idle-quantization": CodeDoc(
        "A recipe for INT8 is stated and the mode is `none`, so that nothing is quantized. The bundle would be as "
        "large as before, and whoever reads the spec would think otherwise.",
        '[quantization]\npreset = "mixed"\nsamples = 18',
        '[quantization]\nmode = "int8"\npreset = "mixed"\nsamples = 18',
    ),
    "missing-key": CodeDoc(
        "A key has no default and isn't there. npuspec has defaults only where one choice is right for nearly "
        "everyone; the target, the shapes and the rate of recorded sound change the result too much to be implied.",
        '[dims.time]\nstrategy = "pad"\noverflow = "error"',
        '[dims.time]\nstrategy = "pad"\nsize = 80000\noverflow = "error"',
    ),
    "mixed-sides": CodeDoc(
        "Two inputs share a dimension and are padded on different sides. Outputs that follow from it are cut on "
        "one side, and what belongs to the other input would come back as padding.",
        '[inputs.a]\nshape = ["batch", "time"]\npad-side = "left"\n\n[inputs.b]\nshape = ["batch", "time"]',
        '[inputs.a]\nshape = ["batch", "time"]\n\n[inputs.b]\nshape = ["batch", "time"]',
    ),
    "no-data": CodeDoc(
        "Quantization is calibrated on real samples and gates are measured on them, and there are none: the spec has "
        "no [data], its glob matches no file, or the files hold no text. Random numbers in their place would give "
        "ranges and figures that say nothing about the model in use, so npuspec makes none up.",
        '[quantization]\nmode = "int8"',
        '[data]\nsource = "clips/**/*.wav"\ninput = "waveform"\nsample-rate = 16000\n\n[quantization]\nmode = "int8"',
    ),
    "no-goal": CodeDoc(
        "Two modes of quantization search for what has to stay in floating point, and the gates on the quantized model "
        'say when it is enough. mode = "mixed" keeps more until all of them hold; mode = "accuracy-control" looks at '
        "how far their accuracy drops, and needs one that is a share, a cosine or an error rate.",
        '[quantization]\nmode = "mixed"',
        '[[gates]]\nmetric = "cosine"\noutput = "y"\nof = "quantized"\nagainst = "static"\nmin = 0.99',
    ),
    "repeated-dim": CodeDoc(
        "A dimension is one size, and a name that stands at two axes would force both of a sample's sizes to be the "
        "same. That is hardly ever meant. Give each axis a name of its own; both may have the same sizes.",
        '[inputs.image]\nshape = ["batch", "side", "side"]',
        '[inputs.image]\nshape = ["batch", "height", "width"]',
    ),
    "several-data-inputs": CodeDoc(
        "With `input`, a file of [data] is a sample of that one input, and text feeds `token-types` beside it. This "
        "model has more data inputs, and needs an array for each in every inference. `.npz` and `.safetensors` files "
        "have them all, by the inputs' names, so that it is sure which belong together.",
        '[data]\nsource = "pairs/*.npy"\ninput = "left"\n\n'
        '[inputs.left]\nshape = ["batch", "time"]\n\n[inputs.right]\nshape = ["batch", "time"]',
        '[data]\nsource = "pairs/*.npz"\n\n'
        '[inputs.left]\nshape = ["batch", "time"]\n\n[inputs.right]\nshape = ["batch", "time"]',
    ),
    "spec-changed": CodeDoc(
        "The file was changed while it was tuned. What was found out is of the text before; written, it would undo the "
        "change.",
        "$ npuspec tune specs/asr.toml --write    # and an editor saves specs/asr.toml meanwhile",
        "$ npuspec tune specs/asr.toml --write    # again: what hasn't changed isn't tried anew",
    ),
    "spec-unreadable": CodeDoc(
        "The file of the spec isn't there, isn't a file, may not be read, isn't UTF-8, or is larger than 1 MiB. A spec "
        "is a few lines of TOML; what is that large is something else, most often the model.",
        "$ npuspec check model.onnx",
        "$ npuspec check specs/asr.toml",
    ),
    "toml-syntax": CodeDoc(
        "The text isn't TOML, so it has no values to check. All such faults are shown at once; one that is left open, "
        "such as a quote or a bracket, often causes those behind it, so begin with the first.",
        "[model]\nsource = model.onnx",
        '[model]\nsource = "model.onnx"',
    ),
    "too-many-variants": CodeDoc(
        "Each choice of one size from each list of buckets is a static model of its own: shaped, quantized, compiled, "
        "measured and shipped. The lists multiply, and a few more sizes in each can keep a machine busy for days.",
        "[dims.height]   # 12 sizes, and 12 more in [dims.width]: 144 models\n"
        'strategy = "buckets"\nsizes = [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384]\noverflow = "error"',
        '[dims.height]\nstrategy = "buckets"\nsizes = [96, 192, 384]\noverflow = "error"',
    ),
    "unknown-dim": CodeDoc(
        "A name is used as a dimension, and no [dims] table declares it: in the shape of an input, or in the length of "
        "an output, where it must be a padded one. Every size of a static model has to be stated; a misspelt name must "
        "not become an axis of its own.",
        '[dims.time]\nstrategy = "fixed"\nsize = 80\n\n[inputs.x]\nshape = ["batch", "tiem"]',
        '[dims.time]\nstrategy = "fixed"\nsize = 80\n\n[inputs.x]\nshape = ["batch", "time"]',
    ),
    "unknown-input": CodeDoc(
        "The spec names an input that the model doesn't have, or that isn't a data input where one is needed. Names "
        "are the model's own, and case counts. What is stated for a name that doesn't exist would be dropped unseen: a "
        "padding value, or the check that samples are finite.",
        '[inputs.wave]\nshape = ["batch", "time"]',
        '[inputs.waveform]   # as the model calls it\nshape = ["batch", "time"]',
    ),
    "unknown-key": CodeDoc(
        "The key isn't one of its table. A misspelt key that was passed over would leave its default in force without "
        "a word: the model would be shipped with another setting than its author wrote.",
        '[inputs.waveform]\nshape = ["batch", "time"]\npad_value = 1.0',
        '[inputs.waveform]\nshape = ["batch", "time"]\npad-value = 1.0',
    ),
    "unknown-variant": CodeDoc(
        "A gate names a static variant that the dimensions don't make. Variants are named by their sizes, in the order "
        "of the dimensions' names; a model without padded dimensions has one, `static`. `npuspec plan` lists them.",
        '[dims.time]\nstrategy = "buckets"\nsizes = [64, 128]\noverflow = "error"\n\n'
        '[[gates]]\nmetric = "cosine"\noutput = "y"\nof = "static"\nagainst = "original"\nmin = 0.9\n'
        'variant = "time100"',
        '[dims.time]\nstrategy = "buckets"\nsizes = [64, 128]\noverflow = "error"\n\n'
        '[[gates]]\nmetric = "cosine"\noutput = "y"\nof = "static"\nagainst = "original"\nmin = 0.9\n'
        'variant = "time128"',
    ),
    "unused-dim": CodeDoc(
        "A dimension is declared, and no input's shape has it. Its strategy and its sizes would do nothing, and most "
        "often the shape was meant to have its name.",
        '[dims.time]\nstrategy = "pad"\nsize = 80000\noverflow = "error"\n\n[inputs.x]\nshape = ["batch", 80000]',
        '[dims.time]\nstrategy = "pad"\nsize = 80000\noverflow = "error"\n\n[inputs.x]\nshape = ["batch", "time"]',
    ),
    "useless-fallback": CodeDoc(
        "A fallback is tried where the devices before it are missing, so the target itself, or a device that stands in "
        "the list already, can't help. Nothing undeclared is ever taken instead: whoever reads the spec must be able "
        "to tell where the model may run.",
        '[target]\ndevice = "NPU"\nfallback = ["NPU"]',
        '[target]\ndevice = "NPU"\nfallback = ["CPU"]',
    ),
    "wrong-type": CodeDoc(
        'Types are strict: `"1"`, `1.0` and `true` aren\'t 1. A value that is converted in passing is one that its '
        "author and npuspec may read differently. A padding value must also be a whole number where the model's input "
        "is an integer.",
        '[batching]\nsize = "4"',
        "[batching]\nsize = 4",
    ),
    "wrong-value": CodeDoc(
        "The value is of the right type, and not one that can be meant here: a word that isn't in the list, a number "
        "outside its range, bucket sizes that don't rise, a pin that is no SHA-256, a name that can't stand in a file "
        "name, a padding value that the input's type can't hold.",
        '[dims.time]\nstrategy = "buckets"\nsizes = [64000, 32000]\noverflow = "error"',
        '[dims.time]\nstrategy = "buckets"\nsizes = [32000, 64000]\noverflow = "error"',
    ),
}
