"""Options as fields of frozen dataclasses: each field is an option, each class a group of options under one heading.

A field of a group holds the spellings, the help text and the type of its option. What nobody typed leaves the field at
its default, and `fill` then leaves the field of the library's own dataclass at the default that stands there, so that
no default is written twice. Where a help text shows a default, it is read from that dataclass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib import import_module
from typing import Any, ClassVar, TypeVar

import click
from click.shell_completion import CompletionItem

__all__ = [
    "FloatRange",
    "IntRange",
    "Named",
    "OptionGroup",
    "addresses",
    "argument",
    "build",
    "choice",
    "fill",
    "flag",
    "flags",
    "given",
    "group",
    "integer",
    "number",
    "option",
    "parameters",
    "switch",
]

T = TypeVar("T")
_Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


class FloatRange(click.ParamType[float]):
    """A finite number in a range; unlike click's own, it lets no nan through."""

    name = "number"

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail with its range."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high:
            self.fail(f"{value!r} is not a number from {self.low:g} to {self.high:g}", param, ctx)
        return number


class IntRange(click.ParamType[int]):
    """A whole number in a range, however many digits are typed."""

    name = "integer"

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; fail with its range."""
        try:
            number = int(value)
        except ValueError:  # also: more digits than Python converts
            number = self.low - 1
        if not self.low <= number <= self.high:
            shown = str(value) if len(str(value)) <= 24 else f"{str(value)[:20]}…"
            self.fail(f"{shown!r} is not a whole number from {self.low} to {self.high}", param, ctx)
        return number


class Named(click.ParamType[str]):
    """A text of a certain form, e.g. a number or one of several names."""

    name = "text"

    def __init__(self, form: str, pattern: str) -> None:
        self.form, self.pattern = form, re.compile(pattern)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; fail with its form."""
        text = str(value)
        if not self.pattern.fullmatch(text):
            self.fail(f"{text[:24]!r} is not {self.form}", param, ctx)
        return text


class OptionGroup:
    """Base of the frozen dataclasses whose fields are options."""

    targets: ClassVar[tuple[str, ...]] = ()
    """`package.module:Class` of what the fields fill: where the defaults that help texts show are looked up."""


class _Option(click.Option):
    """An option of a field; `{default}` in its help is its default, else that of the field that it fills."""

    fills: tuple[tuple[str, ...], str] = ((), "")
    """The dataclasses that may have the field, and the field's name."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return spellings and help, with the default put in."""
        if self.help is not None and "{default}" in self.help:
            default = self.default if self.default is not None else _library_default(*self.fills)
            self.help = self.help.replace("{default}", f"{default:g}")
        return super().get_help_record(ctx)


def _library_default(targets: Sequence[str], name: str) -> Any:
    """Return the default of the field `name` of the first of some dataclasses that has it."""
    for target in targets:
        module, _, kind = target.partition(":")
        for entry in fields(getattr(import_module(module), kind)):
            if entry.name == name:
                return entry.default
    raise LookupError(name)


@dataclass(frozen=True, slots=True)
class _Declaration:
    """What makes an option of a field, and what becomes of its value."""

    spellings: tuple[str, ...]
    known: Mapping[str, Any]
    """Settings of `click.Option`."""
    into: str | None = None
    convert: Callable[[Any], Any] | None = None
    complete: _Completion | None = None

    def make(self, name: str, targets: tuple[str, ...], default: object) -> click.Option:
        """Make the option of the field `name` of a group that fills `targets`."""
        made = _Option([*self.spellings, name], default=default, **self.known)
        made.fills = (targets, self.into or name)
        made._custom_shell_complete = self.complete
        return made


def option(
    *spellings: str,
    metavar: str,
    help: str,
    type: click.ParamType[Any] = click.STRING,
    multiple: bool = False,
    default: object = None,
    into: str | None = None,
    convert: Callable[[Any], Any] | None = None,
    complete: _Completion | None = None,
) -> Any:
    """Declare an option with a value.

    Args:
        *spellings: as typed.
        metavar: what the help calls the value.
        help: one line; `{default}` becomes the default of the field that the option fills.
        type: what checks and converts the value.
        multiple: whether it may be given again; the field is then a tuple.
        default: of the field; None where the library's own default holds.
        into: name of the field of the library's dataclass that it fills, where that differs.
        convert: makes that field's value of this one's, e.g. seconds of milliseconds.
        complete: completes the value in a shell.
    """
    known = {"metavar": metavar, "help": help, "type": type, "multiple": multiple}
    declared = _Declaration(spellings, known, into, convert, complete)
    return field(default=() if multiple else default, metadata={"option": declared})


def addresses(*spellings: str, metavar: str, help: str) -> Any:
    """Declare an option that may be given again and fills a field of the library; None where nobody typed it."""
    declared = _Declaration(spellings, {"metavar": metavar, "help": help, "multiple": True}, None, None, None)
    return field(default=None, metadata={"option": declared})


def integer(*spellings: str, low: int, high: int, **known: Any) -> Any:
    """Declare an option whose value is a whole number from `low` to `high`; the rest as for `option`."""
    return option(*spellings, type=IntRange(low, high), **known)


def number(*spellings: str, low: float, high: float, **known: Any) -> Any:
    """Declare an option whose value is a number from `low` to `high`; the rest as for `option`."""
    return option(*spellings, type=FloatRange(low, high), **known)


def choice(*spellings: str, choices: Sequence[str], metavar: str | None = None, help: str, **known: Any) -> Any:
    """Declare an option whose value is one of `choices`; the rest as for `option`."""
    return option(*spellings, type=click.Choice(choices), metavar=metavar or "|".join(choices), help=help, **known)


def flag(*spellings: str, help: str, into: str | None = None) -> Any:
    """Declare a switch that is off unless given."""
    return field(default=False, metadata={"option": _Declaration(spellings, {"is_flag": True, "help": help}, into)})


def switch(spelling: str, *, help: str, into: str | None = None) -> Any:
    """Declare a switch that is spelled `--on/--off`; None where neither is given."""
    return field(default=None, metadata={"option": _Declaration((spelling,), {"is_flag": True, "help": help}, into)})


def flags(*declared: tuple[str, str, str, str]) -> Any:
    """Declare a field of several switches: a tuple of the values of those that were given, in the order of the help.

    Args:
        *declared: spelling, long spelling, value, help of each.
    """
    made = {
        value: _Declaration((short, long), {"is_flag": True, "help": help}) for short, long, value, help in declared
    }
    return field(default=(), metadata={"flags": made})


def argument(**known: Any) -> Any:
    """Declare a positional argument, with the settings of `click.Argument`."""
    return field(metadata={"argument": known})


def group(kind: type[OptionGroup], heading: str, without: Sequence[str] = ()) -> Any:
    """Declare the field of a command that holds a group of options.

    Args:
        kind: the group's class.
        heading: under which the help shows it; several groups may share one.
        without: names of fields that are no options of this command; they keep their defaults.
    """
    return field(metadata={"group": kind, "heading": heading, "without": frozenset(without)})


def _offered(entry: Field[Any]) -> list[Field[Any]]:
    """Return the fields of the group in a command's field that are options of the command."""
    return [inner for inner in fields(entry.metadata["group"]) if inner.name not in entry.metadata["without"]]


def _flag_name(field_name: str, value: str) -> str:
    return f"{field_name}_{value}".replace("-", "_")


def parameters(command: type[Any]) -> tuple[list[click.Argument], dict[str, list[click.Option]]]:
    """Return what click parses for a command's dataclass: its arguments, and by heading its options."""
    arguments: list[click.Argument] = []
    groups: dict[str, list[click.Option]] = {}
    for entry in fields(command):
        if "argument" in entry.metadata:
            arguments.append(click.Argument([entry.name], **entry.metadata["argument"]))
            continue
        made = groups.setdefault(entry.metadata["heading"], [])
        targets = entry.metadata["group"].targets
        for inner in _offered(entry):
            if "flags" in inner.metadata:
                for value, declared in inner.metadata["flags"].items():
                    made.append(declared.make(_flag_name(inner.name, value), targets, False))
            else:
                made.append(inner.metadata["option"].make(inner.name, targets, inner.default))
    return arguments, groups


def build(command: type[T], params: Mapping[str, Any]) -> T:
    """Return a command's dataclass with what click parsed."""

    def parsed(inner: Field[Any]) -> Any:
        if "flags" in inner.metadata:
            return tuple(value for value in inner.metadata["flags"] if params[_flag_name(inner.name, value)])
        value = params[inner.name]
        return None if value == () and inner.default is None else value

    values: dict[str, Any] = {}
    for entry in fields(command):  # type: ignore[arg-type]  # a dataclass
        if "argument" in entry.metadata:
            values[entry.name] = params[entry.name]
        else:
            values[entry.name] = entry.metadata["group"](**{inner.name: parsed(inner) for inner in _offered(entry)})
    return command(**values)


def given(options: OptionGroup) -> dict[str, Any]:
    """Return what was typed of a group: names of the fields that it fills, and their values."""
    typed: dict[str, Any] = {}
    for entry in fields(options):  # type: ignore[arg-type]  # a dataclass
        declared, value = entry.metadata.get("option"), getattr(options, entry.name)
        if declared is not None and value != (() if entry.default is MISSING else entry.default):
            typed[declared.into or entry.name] = declared.convert(value) if declared.convert else value
    return typed


def fill(target: type[T], *options: OptionGroup, **others: Any) -> T:
    """Return a dataclass of the library with those of its fields set for which an option was typed.

    Args:
        target: the dataclass; what nobody typed keeps its default.
        *options: groups of options; those that are no field of `target` are passed over.
        **others: further fields; they win over what was typed.
    """
    names = {entry.name for entry in fields(target)}  # type: ignore[arg-type]  # a dataclass
    typed = {name: value for typed_in in options for name, value in given(typed_in).items() if name in names}
    return target(**{**typed, **others})
