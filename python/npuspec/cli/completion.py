"""`npuspec completion`."""

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that teaches a shell to complete verbs, options, files, codes and properties.

    \b
    bash: npuspec completion bash > ~/.local/share/bash-completion/completions/npuspec
    zsh:  npuspec completion zsh > ~/.npuspec.zsh, and in ~/.zshrc, behind compinit: source ~/.npuspec.zsh
    fish: npuspec completion fish > ~/.config/fish/completions/npuspec.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise AssertionError
    click.echo(found(ctx.find_root().command, {}, "npuspec", "_NPUSPEC_COMPLETE").source())
