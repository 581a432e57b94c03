"""Text of a stranger in Markdown: shown as it is, and never marked up."""

from npuspec.diagnostics.text import printable


def code(text: str) -> str:
    """Return a text that is shown as it is: in code nobody is mentioned, and of entities nothing is marked up."""
    safe = "".join(c if c.isalnum() or c in " -/,=()→…" else f"&#{ord(c)};" for c in printable(text).replace("\n", " "))
    return f"<code>{safe}</code>"
