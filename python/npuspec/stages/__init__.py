"""What a plan is made of: one file a stage, each run in a process of its own.

A stage is a module with `run(arguments, progress)`. The arguments name folders: `inputs` are the results of earlier
stages, `output` is where this one's go, `model` and `data` are the sources; `parameters` are the plan's. What a
stage writes follows from these alone, except files called `timings.json`.
"""

MODEL = "model.xml"
WEIGHTS = "model.bin"
BLOB = "model.blob"
TIMINGS = "timings.json"
"""The one file of a stage whose content is measured time, and so differs from run to run."""
HARM = "harm.json"
"""How much each quantized block harms the outputs, the most harmful first."""
GAIN = "gain.json"
"""What is faster in floating point, as an NPU's compiler expects."""
MIXED = "mixed.json"
"""What a mix keeps in floating point."""
COMPARED = "compared.json"
"""The precisions side by side."""
COMPILATION = "compilation.json"
"""What a device made of a model, and where it would run it."""
ESTIMATE = "estimate.json"
"""What the compiler expects of a blob for an NPU."""
CURVE = "curve.json"
"""What the compiler expects of each mix that was tried."""
QUANTIZATION = "quantization.json"
"""What was calibrated with, and what was quantized."""
