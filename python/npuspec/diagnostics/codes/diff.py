"""Codes of comparing plans."""

from npuspec.diagnostics.codes.doc import CodeDoc
from npuspec.diagnostics.model import Severity

DIFF = {
    "base-untracked": CodeDoc(
        "`diff --base` takes everything that the spec names as it was at the revision. This repository doesn't track "
        "the file, neither then nor now (what lies in a submodule is tracked there), so nobody knows what it was: the "
        "file of the working tree stands for both. If it was another, the difference doesn't show it. A pin shows it: "
        "with `sha256` in the spec another file is an error.",
        '[model]\nsource = "model.onnx"   # in .gitignore',
        '[model]\nsource = "model.onnx"\nsha256 = "…"',
        Severity.NOTE,
    ),
    "lfs-pointer": CodeDoc(
        "The file is kept by Git LFS: git itself holds a few lines that name it, and the content isn't on this disk. "
        "`diff` starts no program of the repository, so it doesn't download it.",
        "",
        "$ git lfs fetch origin main\n$ npuspec diff specs/asr.toml --base origin/main",
    ),
    "no-repository": CodeDoc(
        "`diff --base` reads the spec as it was at a revision of git, and git is missing, can't read this folder, or "
        "says that it is in no repository.",
        "$ npuspec diff /tmp/asr.toml --base main",
        "$ npuspec diff build/asr /tmp/asr.toml",
    ),
    "not-a-plan": CodeDoc(
        "The file is JSON, and not a plan of the form that this version writes. A plan of another version of npuspec "
        "says other things by other names, and comparing them would show changes that nobody made.",
        "",
        "$ npuspec plan specs/asr.toml --json > asr.plan.json\n$ npuspec diff asr.plan.json specs/asr.toml",
    ),
    "unknown-revision": CodeDoc(
        "Git finds no commit by this name. In CI the usual reason is a shallow checkout, which has the one commit that "
        "is built and no other.",
        "$ npuspec diff specs/asr.toml --base mian",
        "$ git fetch --depth=1 origin main\n$ npuspec diff specs/asr.toml --base origin/main",
    ),
}
