"""`npuspec schema`."""

import click


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of a spec, for editors and TOML linters.

    A spec names it in its first line: `#:schema npuspec.schema.json`. taplo, tombi and the editors that use them then
    complete keys, show what they mean, and mark what is wrong.
    """
    from npuspec.spec.schema import schema_text

    click.echo(schema_text(), nl=False)
