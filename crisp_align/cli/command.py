"""The shape of our commands: options in groups, commands loaded on demand, short options never guessed at."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from crisp_align.cli.fields import build, parameters
from crisp_align.errors import OptionError

__all__ = ["Command", "Program", "log_json_requested"]

T = TypeVar("T")

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EXIT_CODES = (
    ("0", "all done"),
    ("1", "some file failed; the others are done"),
    ("2", "wrong usage; nothing was started"),
    ("3", "a model or a dependency is missing"),
    ("130", "interrupted; finished files are kept"),
)


class Command(click.Command, Generic[T]):
    """A command whose --help shows its options in groups and whose short options are taken literally.

    Args:
        name: as typed.
        run: does the work, given what was typed; returns the exit code.
        options: the frozen dataclass of the command's arguments and groups of options; see `fields`.
        text: what --help says first; its first sentence is its entry in the list of commands.
    """

    def __init__(self, name: str, run: Callable[[T], int], options: type[T], *, text: str) -> None:
        self.run, self.options = run, options
        arguments, self.groups = parameters(options)
        params = [*arguments, *(option for made in self.groups.values() for option in made)]
        super().__init__(name, params=params, help=text, context_settings=dict(CONTEXT))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with response files put in, after refusing single-dash words that click would read otherwise."""
        if not ctx.resilient_parsing:
            spellings = _takes_value(self.get_params(ctx))
            args = list(expand_response_files(args, spellings))
            _reject_clustered_options(args, spellings)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> int:
        """Do the work and return the exit code."""
        return self.run(build(self.options, ctx.params))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section a group, then --help."""
        shown = {option for made in self.groups.values() for option in made}
        rest = [p for p in self.get_params(ctx) if isinstance(p, click.Option) and p not in shown]
        for heading, options in {**self.groups, "Help": rest}.items():
            records = [record for option in options if (record := option.get_help_record(ctx))]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records, col_max=34)


class Program(click.Group):
    """`crisp-align`: without a command's name in front, the arguments are those of the default command.

    Args:
        commands: name → (module that holds it as `command`, one line for --help).
        default: the command meant when none is named.
        text: what --help says first.
        examples: lines for the end of --help.
    """

    def __init__(
        self, commands: Mapping[str, tuple[str, str]], *, default: str, text: str, examples: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(
            "crisp-align", help=text, context_settings=dict(CONTEXT), subcommand_metavar="[COMMAND] [OPTIONS] FILES..."
        )
        self.homes = commands
        self.default = default
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of --help."""
        return list(self.homes)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command's module and return the command."""
        if name not in self.homes:
            return None
        return cast(click.Command, import_module(self.homes[name][0]).command)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front where no command is named."""
        own = {opt for param in self.get_params(ctx) for opt in param.opts}
        if args and args[0] not in self.homes and args[0] not in own:
            meant = [] if args[0].startswith(("@", "-")) else _close_matches(args[0], self.homes, 1)
            if meant and not ctx.resilient_parsing and not os.path.lexists(args[0]):
                raise click.UsageError(f"no such file or command: {args[0]}; did you mean {meant[0]}?", ctx)
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, the default command's options, exit codes, examples."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.homes.items()])
        default = self.get_command(ctx, self.default)
        if default is not None:
            default.format_options(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl(EXIT_CODES)
        with formatter.section("Examples"):
            formatter.write_dl(self.examples, col_max=62)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands and files; after a dash, the default command's options."""
        if not incomplete.startswith("-"):
            commands = [CompletionItem(n, help=t) for n, (_, t) in self.homes.items() if n.startswith(incomplete)]
            return [*commands, CompletionItem(incomplete, type="file")]
        default = self.get_command(ctx, self.default)
        own = super().shell_complete(ctx, incomplete)
        return own + (default.shell_complete(ctx, incomplete) if default is not None else [])


def _takes_value(params: Sequence[click.Parameter]) -> dict[str, bool]:
    """Every option's spellings → whether a value follows."""
    return {
        spelling: not (option.is_flag or option.count)
        for option in params
        if isinstance(option, click.Option)
        for spelling in (*option.opts, *option.secondary_opts)
    }


def log_json_requested(args: Sequence[str]) -> bool:
    """Whether a command line has --log-json. Looked at before it is parsed: that it is wrong is an event, too."""
    with suppress(OptionError):  # a response file that cannot be read, which is reported when the line is parsed
        for word in expand_response_files(args, {}):
            if word in ("--", "--log-json"):
                return word == "--log-json"
    return False


def expand_response_files(args: Sequence[str], spellings: Mapping[str, bool]) -> Iterator[str]:
    """`args` with the words of a response file in place of each @FILE; not in a value, nor where such a file exists.

    Raises:
        OptionError: a response file cannot be read.
    """
    words = iter(args)
    for word in words:
        if word == "--":
            yield word
            yield from words
        elif word.startswith("@") and len(word) > 1 and not os.path.lexists(word):
            yield from _response(word[1:])
        else:
            yield word
            if spellings.get(word):
                yield from islice(words, 1)


def _response(path: str) -> list[str]:
    """The words of a response file, quoted as in a shell.

    Raises:
        OptionError: it cannot be read, or is no text.
    """
    try:
        data = Path(path).read_bytes()
        if b"\0" in data:
            raise ValueError("it is no text")
        return shlex.split(os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = f"for a file whose name begins with @ type ./@{path}"
        raise OptionError(f"the response file cannot be read ({reason})", subject=path, hint=hint) from error


def _reject_clustered_options(args: Sequence[str], spellings: Mapping[str, bool]) -> None:
    """Refuse unknown single-dash words: click reads `-ml1` as `-m l1`, `-osr` as `-o sr`, `-vosrt` as `-v -o srt`.

    Raises:
        click.UsageError: with what was probably meant.
    """
    words = iter(args)
    for word in words:
        if word == "--":
            return
        if not word.startswith("-") or word == "-":
            continue
        name, equals, _ = word.partition("=")
        if equals and len(name) == 2 and spellings.get(name):  # click would take `=` for part of the value
            raise click.UsageError(f"no such option: {word}; did you mean {word.replace('=', ' ', 1)}?")
        if name in spellings:
            if spellings[name] and not equals:
                next(words, None)  # its value, whatever it looks like
        elif not name.startswith("--") and not _is_bundle(word, spellings):
            raise click.UsageError(_unknown(word, spellings))


def _is_bundle(word: str, spellings: Mapping[str, bool]) -> bool:
    """Whether a word such as `-vh` is several one-letter flags in one."""
    return all(spellings.get(f"-{letter}") is False for letter in word[1:])


def _unknown(word: str, spellings: Mapping[str, bool]) -> str:
    """`no such option`, and what comes nearest to it; of a file that is there, how to name it."""
    if os.path.lexists(word):
        return f"no such option: {word}; for the file of that name type {shlex.quote(f'./{word}')}"
    if len(word) == 2:
        meant = sorted(spelling for spelling in spellings if spelling.startswith(word))
    else:
        exact = [f"-{word}"] if f"-{word}" in spellings else []
        meant = list(dict.fromkeys([*exact, *_split(word[1:], spellings), *_near(word, spellings)]))
        files = [text for text in meant if "." in text]  # `-oa.srt` is `-o a.srt`
        # `-ml1` could be `-m l1`, too, but nobody means that.
        sure = [text for text in meant if all(len(part) > 2 or not spellings.get(part) for part in text.split())]
        meant = exact or files[:1] or (sure or meant)[:2]
    if meant:
        return f"no such option: {word}; did you mean {' or '.join(meant)}?"
    return f"no such option: {word}; for a file of that name type {shlex.quote(f'./{word}')}"


def _close_matches(word: str, known: Iterable[str], count: int) -> list[str]:
    from difflib import get_close_matches  # of use only where something was mistyped

    return get_close_matches(word, known, n=count, cutoff=0.75)


def _near(word: str, spellings: Mapping[str, bool]) -> list[str]:
    """Single-dash options spelled nearly so."""
    split = {name for name, takes_value in spellings.items() if takes_value and word.startswith(name)}
    short = [name for name in spellings if not name.startswith("--") and len(name) > 2 and name not in split]
    return _close_matches(word, short, 2)


def _split(letters: str, spellings: Mapping[str, bool]) -> Iterator[str]:
    """Ways to read `letters` as an option with its value, or as several options, longest option first."""
    for length in range(len(letters), 0, -1):
        name, rest = f"-{letters[:length]}", letters[length:]
        if name not in spellings:
            continue
        if not rest:
            yield name
        elif spellings[name]:
            yield f"{name} {rest}"
        else:
            yield from (f"{name} {more}" for more in _split(rest, spellings))
