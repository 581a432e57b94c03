"""Codes of bundles, sessions and the command line."""

from npuspec.diagnostics.codes.doc import CodeDoc

RUNTIME = {
    "broken-bundle": CodeDoc(
        "A file of the bundle is missing, was changed, or isn't listed in the manifest, whose own SHA-256 is the name "
        "of its folder. When a bundle is loaded, names and sizes are checked, and the content of every file that is "
        "used: weights with one flipped bit give results that look right. `npuspec verify` looks at all of them.",
        "",
        "$ npuspec apply specs/asr.toml --output build/asr",
    ),
    "bundle-format": CodeDoc(
        "The manifest is whole, and isn't of the format that this version of npuspec reads. A bundle is made again "
        "from its spec; guessing what an unknown field means could run the model with the wrong lengths.",
        "",
        "$ npuspec apply specs/asr.toml --output build/asr",
    ),
    "device-failed": CodeDoc(
        "The device failed and runs nothing any more. It was opened again, and so was each fallback that the spec "
        "declares, and none of them ran the batch. The session tries all of that again with the next one.",
        "",
        '[target]\nfallback = ["CPU"]',
    ),
    "infer-failed": CodeDoc(
        "The device took this sample, failed, and failed again with another infer request, while it runs other things "
        "as before. Nothing is returned, since what stands in the outputs may be another sample's.",
        "",
        ">>> session.infer({'waveform': other})   # the session goes on",
    ),
    "internal-error": CodeDoc(
        "npuspec itself failed, in a way that none of its messages covers. That is a bug, whatever the spec holds.",
        "",
        "$ NPUSPEC_TRACEBACK=1 npuspec check specs/asr.toml",
    ),
    "missing-tensor": CodeDoc(
        "A data input was given no array. There is no default for a sample; lengths and masks are the inputs that "
        "npuspec fills by itself.",
        ">>> session.infer({})",
        ">>> session.infer({'waveform': waveform})",
    ),
    "no-bundle": CodeDoc(
        "There is no bundle at this path, or none that was ever finished. A session runs what `apply` made, not a spec "
        "and not a model.",
        ">>> npuspec.load('specs/asr.toml')",
        ">>> npuspec.load('build/asr')",
    ),
    "no-device": CodeDoc(
        "The target isn't on this machine, nor is any fallback that the spec declares; or a bundle is asked to run on "
        "a device that it wasn't made for. `AUTO` would quietly take the CPU, with another speed and other numbers; "
        "npuspec takes only what is declared.",
        '[target]\ndevice = "NPU"',
        '[target]\ndevice = "NPU"\nfallback = ["CPU"]',
    ),
    "no-thread": CodeDoc(
        "The system gives this process no more threads, and what was called needs one: a limit of the user's or of the "
        "container's has been reached.",
        "$ ulimit -u 64",
        "$ ulimit -u unlimited",
    ),
    "nothing-to-compare": CodeDoc(
        "`npuspec bench --against` runs variants of the same sizes and batch in turn, and the two bundles have none in "
        "common. A larger size or batch takes longer, whichever bundle it is of, and says nothing of the two. Nor does "
        "it where they take or give different things: inputs and outputs must have the same names and dtypes.",
        "$ npuspec bench build/batch1 --against build/batch8",
        "$ npuspec bench build/int8 --against build/fp16",
    ),
    "outputs-held": CodeDoc(
        "With `copy=False`, outputs show the infer request's own memory, and the next inference overwrites it. With "
        "NPUSPEC_DEBUG=1 that is refused while an array of it is still held, since that array would change in silence.",
        ">>> first = session.infer(a, copy=False); second = session.infer(b, copy=False)",
        ">>> first = session.infer(a); second = session.infer(b)",
    ),
    "queue-full": CodeDoc(
        "As many requests wait in the session as the spec's `load.queue` allows, and `submit` was told not to wait for "
        "room. A queue that grows without an end only makes everyone's answer late.",
        ">>> future = session.submit(sample, block=False)",
        ">>> future = session.submit(sample)   # waits for room",
    ),
    "request-timeout": CodeDoc(
        "A request that was given a time to begin in hadn't begun by then: the device is slower than requests come. It "
        "isn't run any more.",
        ">>> session.submit(sample, timeout=0.001).result()",
        ">>> session.submit(sample, timeout=1).result()",
    ),
    "sample-changed": CodeDoc(
        "An array was right when it was given, and isn't any more as it is to be written: another thread has given it "
        "another shape or dtype, or it shows the very memory that is to be written.",
        ">>> future = session.submit({'x': array}); array.resize(100, refcheck=False)",
        ">>> future = session.submit({'x': array.copy()}); array.resize(100, refcheck=False)",
    ),
    "sample-too-long": CodeDoc(
        "The sample is longer than the largest static shape. Cutting it would drop what was said at the end, and no "
        "error would show it.",
        '[dims.time]\nstrategy = "pad"\nsize = 80000\noverflow = "error"',
        '[dims.time]\nstrategy = "buckets"\nsizes = [80000, 160000]\noverflow = "error"',
    ),
    "sample-too-short": CodeDoc(
        "The original model can't run a sample this short: one of its windows or convolutions would have no place. The "
        "static model is padded and would answer, but with something that the original never says.",
    ),
    "session-closed": CodeDoc(
        "The session was closed, so its device memory is gone. It is open inside its `with`, or until `close()`.",
        ">>> with npuspec.load('build/asr') as session: pass\n>>> session.infer({'waveform': waveform})",
        ">>> with npuspec.load('build/asr') as session: session.infer({'waveform': waveform})",
    ),
    "session-forked": CodeDoc(
        "A forked process has its parent's memory and none of its threads: OpenVINO's would never answer. A session is "
        "its own process's; closing it in a child does nothing.",
        ">>> session = npuspec.load('build/asr'); os.fork(); session.infer({'waveform': waveform})",
        ">>> os.fork(); session = npuspec.load('build/asr'); session.infer({'waveform': waveform})",
    ),
    "unknown-tensor": CodeDoc(
        "An array was given for a name that isn't a data input of the model, or that npuspec fills by itself: a length "
        "or a mask. Two sources for one length could disagree.",
        ">>> session.infer({'waveform': waveform, 'waveform_lengths': [16000]})",
        ">>> session.infer({'waveform': waveform})",
    ),
    "unwritable-output": CodeDoc(
        "The file that `--output` names can't be written: its folder isn't there, is full, or may not be written to. "
        "What was to stand in it is lost; run the command again with another place.",
        "$ npuspec run build/asr --input waveform=clip.npy --output missing/out.npz",
        "$ npuspec run build/asr --input waveform=clip.npy --output out.npz",
    ),
    "wrong-argument": CodeDoc(
        "An argument of the command line isn't of its form, or names what isn't there. That of `run --input` is "
        "NAME=FILE.npy: the input's name must be stated, even if there is only one. Of a session's methods: samples "
        "are a sequence, a timeout is a number of seconds, and properties are a mapping.",
        "$ npuspec run build/asr --input clip.npy\n>>> session.submit(sample, timeout='1')",
        "$ npuspec run build/asr --input waveform=clip.npy\n>>> session.submit(sample, timeout=1.0)",
    ),
    "wrong-cache-size": CodeDoc(
        "The environment variable NPUSPEC_CACHE_SIZE says how much room compiled models may take before those that "
        "were used least recently go: a whole number of KiB, MiB or GiB. It is 2GiB where it isn't set, and with 0MiB "
        "nothing is kept.",
        "$ NPUSPEC_CACHE_SIZE=500 npuspec run build/asr --input waveform=clip.npy",
        "$ NPUSPEC_CACHE_SIZE=500MiB npuspec run build/asr --input waveform=clip.npy",
    ),
    "wrong-dtype": CodeDoc(
        "The array has another element type or byte order than the model's input. Sound in int16 and in float32 differ "
        "by a factor of 32768; converting in silence would run the model on noise.",
        ">>> session.infer({'waveform': numpy.int16([1, 2, 3])})",
        ">>> session.infer({'waveform': numpy.int16([1, 2, 3]).astype(numpy.float32) / 32768})",
    ),
    "wrong-rank": CodeDoc(
        "The array has another number of axes than one sample has. `infer` takes a sample without the batch axis, and "
        "doesn't guess which axis of another array is which.",
        ">>> session.infer({'waveform': waveform[None, :]})",
        ">>> session.infer({'waveform': waveform})",
    ),
    "wrong-shape": CodeDoc(
        "An axis of fixed size has another one, or two inputs that share a padded dimension have different sizes in "
        "it. Only declared dimensions are padded.",
        ">>> session.infer({'image': numpy.zeros((224, 224, 3), numpy.float32)})",
        ">>> session.infer({'image': numpy.zeros((3, 224, 224), numpy.float32)})",
    ),
}
