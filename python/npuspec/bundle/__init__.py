"""What `apply` makes and a session runs: models, blobs, plan and evidence, under a manifest that covers every byte."""

from npuspec.bundle.manifest import Blob, Deployed, Manifest
from npuspec.bundle.program import Program
from npuspec.bundle.reader import Bundle, open_bundle, verify_bundle

__all__ = ["Blob", "Bundle", "Deployed", "Manifest", "Program", "open_bundle", "verify_bundle"]
