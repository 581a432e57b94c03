"""Small questions that several tests put to a bundle."""

from pathlib import Path

from npuspec.bundle import open_bundle


def version(bundle: Path) -> str:
    """The digest that names the bundle's current version."""
    return open_bundle(bundle).root.name


def files(bundle: Path) -> dict[str, str]:
    """Every file of the current version with its SHA-256, but the one that holds measured time."""
    found = open_bundle(bundle).manifest.files
    return {name: record.sha256 for name, record in found.items() if name != "evidence/timings.json"}
