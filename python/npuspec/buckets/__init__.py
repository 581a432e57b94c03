"""Which sizes to pad to: real lengths are counted, and the sizes found that cost the least.

Pure, and quick to import: neither specs nor models are known here.
"""

from npuspec.buckets.choose import Choice, choose
from npuspec.buckets.cost import interpolate, polynomial, spread
from npuspec.buckets.lengths import LONGEST, read_lengths
from npuspec.buckets.padding import Bucket, fill, padding

__all__ = [
    "LONGEST",
    "Bucket",
    "Choice",
    "choose",
    "fill",
    "interpolate",
    "padding",
    "polynomial",
    "read_lengths",
    "spread",
]
