"""Codes of the properties that a spec sets."""

from npuspec.diagnostics.codes.doc import CodeDoc
from npuspec.diagnostics.model import Severity

PROPERTIES = {
    "cache-bypassed": CodeDoc(
        "NPU_BYPASS_UMD_CACHING is often recommended as if it made starts quicker. It does the opposite: the driver's "
        "cache of compiled models is left out, and each process compiles anew. It is of use for measuring a "
        "compilation, and little else, so this is a warning. The in-package compiler never uses that cache.",
        '[properties]\nbypass-umd-caching = true\n\n[cache]\nkind = "none"',
        '[cache]\nkind = "blob"   # the compiled model is part of the bundle',
        Severity.WARNING,
    ),
    "contradictory-properties": CodeDoc(
        "Two settings contradict each other. OpenVINO says nothing of it: one of them is dropped, or the compilation "
        "fails late, on the machine of a user.",
        '[properties]\nplatform = "5010"\ntiles = 4   # it has 3',
        '[properties]\nplatform = "5010"\ntiles = 3',
    ),
    "doubtful-properties": CodeDoc(
        "Two settings are stated of which one does nothing beside the other, or of which it depends on the driver or "
        "the platform whether they go together. It is a warning, since neither is refused: the model runs, and not as "
        "it is written.",
        '[properties]\ncache-mode = "OPTIMIZE_SIZE"\n\n[cache]\nkind = "blob"',
        '[cache]\nkind = "blob"',
        Severity.WARNING,
    ),
    "known-unchecked": CodeDoc(
        "[properties.unchecked] hands names and values to OpenVINO as they stand, for what npuspec doesn't know. This "
        "one it knows: in [properties] its type and its value are checked, and the plan shows what is known of it.",
        "[properties.unchecked]\nNPU_TURBO = true",
        "[properties]\nturbo = true",
    ),
    "mmap-on-device": CodeDoc(
        "ENABLE_MMAP is a property of OpenVINO's core. Set on a device it is taken without complaint and changes "
        "nothing, which looks as if it had worked. It is on without being stated, so that there is nothing to gain; "
        "who wants it off says so of the core.",
        "[properties]\nenable-mmap = false",
        "[properties.core]\nenable-mmap = false",
    ),
    "precision-refused": CodeDoc(
        "A device of the spec refuses this precision: an NPU takes f16 and i8, a CPU f32, f16 and bf16. OpenVINO says "
        "so only when the model is compiled there. Each device is given the hint, so each must take it; and it "
        "quantizes nothing: that is [quantization]'s.",
        '[target]\ndevice = "NPU"\n\n[properties]\ninference-precision-hint = "bf16"',
        '[target]\ndevice = "NPU"\n\n[properties]\ninference-precision-hint = "f16"',
    ),
    "property-device": CodeDoc(
        "The property exists, but none of the devices that the spec names knows it: it would change nothing. A "
        "property that the target knows and a fallback doesn't is fine; the plan shows it as left out there.",
        '[target]\ndevice = "CPU"\n\n[properties]\nturbo = true',
        '[target]\ndevice = "NPU"\nfallback = ["CPU"]\n\n[properties]\nturbo = true',
    ),
    "property-private": CodeDoc(
        "The property exists in OpenVINO's sources and not in its interface: it may change or go with any release, "
        "and nobody promises what it does. Whoever needs it says so, and the plan shows it as unchecked.",
        '[properties]\nbatch-mode = "PLUGIN"',
        '[properties.unchecked]\nNPU_BATCH_MODE = "PLUGIN"',
    ),
    "property-read-only": CodeDoc(
        "OpenVINO tells this property and lets nobody set it. Where a wish stands behind it there is often another "
        "property that can be set, such as `tiles` for `max-tiles`.",
        "[properties]\nmax-tiles = 2",
        "[properties]\ntiles = 2",
    ),
    "property-reserved": CodeDoc(
        "npuspec sets this property itself, out of what the spec says elsewhere. Two places could say different "
        "things, and a path of one machine would stand in a bundle for all.",
        '[properties]\ncache-dir = "/tmp/cache"',
        '[cache]\nkind = "directory"',
    ),
    "property-scope": CodeDoc(
        "A property belongs to OpenVINO's core, where it holds for the whole process, or to a device. In the other's "
        "table OpenVINO would refuse it, or take it and do nothing.",
        "[properties]\nforce-tbb-terminate = true",
        "[properties.core]\nforce-tbb-terminate = true",
    ),
    "property-value": CodeDoc(
        "The value has another type than the property takes, or isn't one of its values. OpenVINO looks at properties "
        "late, ignores some bad values, and ends the whole process at others (a negative "
        "PERFORMANCE_HINT_NUM_REQUESTS does), so all of them are checked here.",
        '[properties]\nperformance-hint = "FAST"',
        '[properties]\nperformance-hint = "LATENCY"',
    ),
    "redundant-bypass": CodeDoc(
        "The driver's cache of compiled models is off already: npuspec bypasses it where it keeps them itself, and the "
        "compiler of the package never uses it. The line does nothing, and makes a reader think that it does.",
        '[properties]\nbypass-umd-caching = true\n\n[cache]\nkind = "directory"',
        '[cache]\nkind = "directory"',
        Severity.WARNING,
    ),
    "retired-name": CodeDoc(
        "The name belongs to a tool, an option, a device or a property that is gone, or it was never right: the "
        "documentation of OpenVINO has such names too. npuspec knows what takes its place and says so, instead of "
        "calling it unknown.",
        "[properties]\nNPU_BYPASS_UMD_CACHE = true",
        "[properties]\nbypass-umd-caching = true",
    ),
    "turbo-sequential": CodeDoc(
        "The Linux driver drops turbo, without a word, for a model whose inferences run sequentially. Both are kept "
        "as they are stated, since other drivers may do both; on Linux the first line does nothing.",
        "[properties]\nturbo = true\nrun-inferences-sequentially = true",
        "[properties]\nturbo = true",
        Severity.WARNING,
    ),
    "unknown-property": CodeDoc(
        "No device has a property of this name. Keys are OpenVINO's names without `NPU_`, in lower case with hyphens. "
        "OpenVINO itself takes a misspelt property without complaint as long as no compiler has been asked, so the "
        "table of npuspec decides; what the table doesn't know may go in [properties.unchecked].",
        "[properties]\nNPU_TURBO = true",
        "[properties]\nturbo = true",
    ),
}
