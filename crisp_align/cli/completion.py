"""`crisp-align completion SHELL`: completion of commands, options, files, languages and backends."""

from __future__ import annotations

from dataclasses import dataclass

import click
from click.shell_completion import get_completion_class

from crisp_align.cli.command import Command
from crisp_align.cli.fields import argument

__all__ = ["command"]


@dataclass(frozen=True, eq=False, repr=False)
class CompletionOptions:
    """Whose script to print."""

    shell: str = argument(type=click.Choice(["bash", "zsh", "fish"]))


def run(options: CompletionOptions) -> int:
    """Print the script."""
    from crisp_align.cli import program

    shell = get_completion_class(options.shell)
    assert shell is not None  # noqa: S101 (click.Choice saw to it)
    click.echo(shell(program, {}, "crisp-align", "_CRISP_ALIGN_COMPLETE").source())
    return 0


command = Command(
    "completion",
    run,
    CompletionOptions,
    text="Print the completion script of a shell.\n\n"
    '\b\nbash: put  eval "$(crisp-align completion bash)"  into ~/.bashrc\n'
    'zsh:  put  eval "$(crisp-align completion zsh)"  into ~/.zshrc\n'
    "fish: crisp-align completion fish > ~/.config/fish/completions/crisp-align.fish",
)
