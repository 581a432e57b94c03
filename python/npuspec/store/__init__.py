"""What npuspec can make again: a folder whose entries are named by a digest of what they were made from."""

from npuspec.store.digest import canonical_json, digest_bytes, digest_file, digest_json
from npuspec.store.entries import Store, cache_dir, fsync_tree
from npuspec.store.recall import distrust, look
from npuspec.store.replace import replace_file

__all__ = [
    "Store",
    "cache_dir",
    "canonical_json",
    "digest_bytes",
    "digest_file",
    "digest_json",
    "distrust",
    "fsync_tree",
    "look",
    "replace_file",
]
