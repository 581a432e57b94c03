"""What is known of a bundle on one page: HTML that needs no network, and Markdown for a pull request."""

from npuspec.report.gather import Asked, bundles_in, gather, gather_all
from npuspec.report.model import Missing, Report

__all__ = ["Asked", "Missing", "Report", "bundles_in", "gather", "gather_all"]
