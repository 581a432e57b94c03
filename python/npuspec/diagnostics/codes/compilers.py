"""Codes of compiling for NPUs."""

from npuspec.diagnostics.codes.doc import CodeDoc

COMPILERS = {
    "broken-model": CodeDoc(
        "The compiler can't read the model that an earlier stage wrote: a file was damaged or taken away since. "
        "Results are checked before they are used, so most often it happened at that very moment.",
        "",
        "$ npuspec apply specs/asr.toml",
    ),
    "compile-timeout": CodeDoc(
        "The compiler had no answer after half an hour, and was ended. Large batches and sizes take long.",
        "[batching]\nsize = 5000",
        "[batching]\nsize = 8",
    ),
    "compiler-aborted": CodeDoc(
        "The NPU compiler's process ended by itself, as it does on some operations and on sizes that are left open. "
        "It runs in a process of its own, so nothing else is lost. What it said last is part of the message.",
    ),
    "device-lost": CodeDoc(
        "The NPU was reset while it worked: by its driver, for a task that took too long, or since the machine slept. "
        "What was being computed is lost, and what is loaded has to be loaded again.",
        "",
        '>>> session = npuspec.load("build/asr")',
    ),
    "driver-too-old": CodeDoc(
        "A blob needs a driver that knows its format. Blobs of OpenVINO's own compiler run with every driver of their "
        "platform; on platform 3720 only from Windows driver 2565 on.",
    ),
    "no-compiler": CodeDoc(
        "[target] platforms are compiled for ahead of time, and nothing here does that. OpenVINO's package for Linux "
        "has the plugin for NPUs and no compiler; its archives and its package for Windows have one. Any command may "
        "do it that keeps to docs/npu-compiler-protocol.md, such as tools/npu-compiler of this project. `npuspec "
        "fusion` asks such a command for its schedule, too, which OpenVINO's own compiler doesn't write.",
        "$ npuspec apply specs/asr.toml",
        "$ npuspec apply specs/asr.toml --compiler tools/npu-compiler/npu-compiler",
    ),
    "out-of-memory": CodeDoc(
        "The compiler or the NPU had too little memory for the model. Compilers need several times the size of a blob.",
        "[batching]\nsize = 64",
        "[batching]\nsize = 8",
    ),
    "property-refused": CodeDoc(
        "The NPU's compiler doesn't know a property, or not with this value: it may be of a newer version. Of a "
        "session's `set_property`: the device doesn't take it while it runs.",
        '[properties.unchecked]\nNPU_BOGUS = "1"',
        "[properties]\nturbo = true",
    ),
    "unknown-platform": CodeDoc(
        "The compiler doesn't compile for a platform of [target]: it may be newer than the compiler.",
        '[target]\nplatforms = ["9999"]',
        '[target]\nplatforms = ["4000"]',
    ),
    "unsupported-operation": CodeDoc(
        "The NPU's compiler doesn't have an operation of the model, or not in this form. The operations that it may be "
        "are named as in the published model. Where none is, only its type is known.",
    ),
    "unsupported-type": CodeDoc(
        "An input, an output or an operation has an element type that the NPU's compiler doesn't take, such as strings "
        "or bfloat16.",
    ),
}
