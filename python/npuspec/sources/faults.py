"""How a fault travels inside this package: raised where it is found, given its place in the spec by `fetch`."""

from npuspec.diagnostics import Diagnostic, Label, Path, Severity


class Fault(Exception):  # noqa: N818  not an error of ours: it never leaves the package
    """Something is wrong with the source, or with its pin."""

    def __init__(self, code: str, message: str, help_: str = "", severity: Severity = Severity.ERROR) -> None:
        # A stranger's file names are in it, and may hold what a terminal obeys.
        super().__init__("".join(c if c.isprintable() else "\ufffd" for c in message))
        self.code = code
        self.help = help_
        self.severity = severity

    def diagnostic(self, path: Path) -> Diagnostic:
        """Return it as a diagnostic about the value at `path`."""
        return Diagnostic(self.code, str(self), self.help, (Label(path),), self.severity)
