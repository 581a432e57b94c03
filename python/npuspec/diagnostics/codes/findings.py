"""Codes of what `apply` finds where a model that was made differs from the original: doubts of the evidence."""

from npuspec.diagnostics.codes.doc import CodeDoc
from npuspec.diagnostics.model import Severity

FINDINGS = {
    "batch-changes-result": CodeDoc(
        "The original model, given one sample in every row of a batch, answers otherwise than on the sample alone. "
        "Some models were exported with a batch of 1 in mind, and join rows in a reshape or take means over them. "
        "Their shapes can be changed without an error, and their results are then others. It is measured with copies "
        "of one sample; different samples are further apart.",
        "[batching]\nsize = 4",
        "[batching]\nsize = 1",
        Severity.NOTE,
    ),
    "device-precision": CodeDoc(
        "What ships differs from the original on the device, and the same static model doesn't in float32 on the CPU. "
        "So neither padding nor static shapes are the reason, but what the device computes with: an NPU takes FP16, "
        "and some CPUs BF16.",
        "",
        "",
        Severity.NOTE,
    ),
    "neighbours-leak": CodeDoc(
        "A sample's result changes with the samples that share its batch. An application that fills batches from "
        "several callers would give each of them a result that depends on the others. Reasons are operations over the "
        "batch's axis, such as means, and reshapes that join rows.",
        "[batching]\nsize = 4",
        "[batching]\nsize = 1",
        Severity.NOTE,
    ),
    "padding-leaks": CodeDoc(
        "The same samples were run twice in the same static model, with another value in the padding, and the valid "
        "part of the output changed. So something of the model reads the padding: a convolution at a sample's end, a "
        "mean or an attention without a mask, or a mask that isn't applied everywhere. The figure is how much the "
        "output changed. Closer sizes make less padding.",
        '[dims.time]\nstrategy = "pad"\nsize = 512\noverflow = "error"',
        '[dims.time]\nstrategy = "buckets"\nsizes = [64, 128, 256, 512]\noverflow = "error"',
        Severity.NOTE,
    ),
    "sample-overflow": CodeDoc(
        "Samples are longer than the largest size, and the spec says that their end is left out or that they run in "
        "chunks. The original ran on all of each. What is missing of an output counts as disagreeing, so that the "
        "figures say what is lost; those of the samples that fit stand beside it.",
        '[dims.width]\nstrategy = "pad"\nsize = 320\noverflow = "truncate"',
        '[dims.width]\nstrategy = "pad"\nsize = 960\noverflow = "truncate"',
        Severity.NOTE,
    ),
    "static-differs": CodeDoc(
        "The static model differs from the original by more than rounding in float32, and the experiments show no "
        "reason: another value in the padding changes nothing, and neither does a batch of the same sample. What is "
        "left are operations that count the padding or depend on the shape: a mean that divides by the padded length, "
        "positions, resizing.",
        "",
        "",
        Severity.NOTE,
    ),
}
