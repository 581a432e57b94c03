"""The passes of lowering, one file each; `plan.prepare` says in which order they run."""
