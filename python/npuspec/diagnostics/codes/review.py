"""Codes of what is committed and reviewed: plan files and locks."""

from npuspec.diagnostics.codes.doc import CodeDoc

REVIEW = {
    "lock-drift": CodeDoc(
        "The lock says of a model, data, tool, setting or gate what isn't so any more. With `--locked` nothing may "
        "change unseen, so nothing is made. Measured figures and times are never compared: they differ from machine to "
        "machine.",
        "",
        "$ npuspec apply specs/asr.toml   # and commit specs/asr.lock with what changed it",
    ),
    "lock-unreadable": CodeDoc(
        "The lock can't be read, isn't TOML, or isn't of the form that this version writes. A merge conflict in it is "
        "the usual reason. It holds nothing that can't be made again, so it is written anew rather than mended.",
        "",
        "$ npuspec apply specs/asr.toml",
    ),
    "no-lock": CodeDoc(
        "`--locked` holds what is there now against the lock beside the spec, and there is none: it was never "
        "committed, or the spec was renamed without it.",
        "",
        "$ npuspec apply specs/asr.toml\n$ git add specs/asr.lock",
    ),
    "plan-format": CodeDoc(
        "The plan file is of another format than this version of npuspec reads, so another version wrote it. A plan is "
        "executed as it was reviewed or not at all; guessing what an unknown field means would do neither.",
        "",
        "$ npuspec plan specs/asr.toml --out build/asr.plan",
    ),
    "plan-place": CodeDoc(
        "A plan file names its spec by a path relative to itself, so that both can be moved together and no path of "
        "one machine is written down. No such path leads from here to the spec: it lies on another drive, or its name "
        "has characters that other systems read otherwise.",
        "$ npuspec plan C:/specs/asr.toml --out D:/asr.plan",
        "$ npuspec plan C:/specs/asr.toml --out C:/specs/asr.plan",
    ),
    "plan-unreadable": CodeDoc(
        "The file can't be read, isn't JSON, or isn't what `npuspec plan --out` writes. Nothing is taken from a plan "
        "file on trust: it may come from another machine, and may be damaged or edited.",
        "",
        "$ npuspec plan specs/asr.toml --out build/asr.plan",
    ),
    "stale-plan": CodeDoc(
        "The spec, its model, its data or the tools changed after the plan was written, so executing it would do "
        "something else than what was reviewed. Each fault names one change.",
        "",
        "$ npuspec plan specs/asr.toml --out build/asr.plan",
    ),
}
