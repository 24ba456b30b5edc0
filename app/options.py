"""The command line: each option is a setting of the environment, under another name.

So what an option says reaches whatever reads the settings, also a process that is started later.
What is wrong is said with the name that it was given under, and the range; nothing is served then.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo

from app import __version__
from app.errors import plain_words
from app.settings import Settings

FIELDS = Settings.model_fields
PREFIX = str(Settings.model_config["env_prefix"])


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        flag: How it is written.
        setting: The field of `Settings` that it sets.
        value: What stands for its value in the help; None: it is there or not.
        says: For the help.
    """

    flag: str
    setting: str
    value: str | None
    says: str


OPTIONS = (
    Option(
        "--host",
        "host",
        "ADDRESS",
        "where it listens: 0.0.0.0 is every network of this machine, :: the same with IPv6, "
        "127.0.0.1 this machine alone",
    ),
    Option("--port", "port", "NUMBER", "the port; 0 takes one that is free"),
    Option("--open", "open_page", None, "open the page in a browser when the server is ready"),
    Option(
        "--access-code",
        "access_code",
        "CODE",
        "asked of everyone before anything else; others on this machine can read what stands on a "
        "command line, and not what stands in the environment",
    ),
    Option("--data", "data_folder", "FOLDER", "where runs and saves are kept; made if not there"),
    Option("--workers", "workers", "NUMBER", "processes that train; 0 means one for each core"),
)
CHECK = "check"
CHECKS = "say what this machine can do, and whether a class can reach it; serve nothing"


def variable(setting: str) -> str:
    """The variable of the environment that sets a field."""
    alias = FIELDS[setting].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + setting.upper()


def read(arguments: Sequence[str] | None = None) -> tuple[bool, Settings]:
    """Whether to check instead of to serve, and the settings. Ends the process if that is all.

    Args:
        arguments: Of the command line; this process's own if None.
    """
    parser = _parser()
    # Options may stand before the command and after it.
    given = parser.parse_intermixed_args(arguments)
    named: dict[str, str] = {}
    for option in OPTIONS:
        value = getattr(given, option.setting)
        if value is None:
            continue
        if not value.strip():
            parser.error(f"{option.flag} is empty: leave it out instead")
        os.environ[variable(option.setting)] = value
        named[option.setting] = option.flag
    try:
        return bool(given.check), Settings()
    except ValidationError as error:
        parser.error("\n".join(_complaint(found, named) for found in error.errors()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "shallows",
        usage="%(prog)s [OPTIONS]\n       %(prog)s check [OPTIONS]",
        description="A live playground where a class trains small neural networks. It prints the "
        "addresses to open; Ctrl-C stops it.",
        epilog="In brackets: the default, and the variable of the environment that says the same. "
        "docs/operating.md lists further variables.",
        allow_abbrev=False,
    )
    parser.add_argument(CHECK, nargs="?", type=_command, default="", help=CHECKS)
    for option in OPTIONS:
        kind: dict[str, Any] = (
            {"action": "store_const", "const": "true"}
            if option.value is None
            else {"metavar": option.value}
        )
        parser.add_argument(option.flag, dest=option.setting, help=_help(option), **kind)
    parser.add_argument(
        "--version",
        action="version",
        version=f"Shallows {__version__}",
        help="print the version, and end",
    )
    return parser


def _command(text: str) -> str:
    if text not in ("", CHECK):
        raise argparse.ArgumentTypeError(f"{text!r} is no command; there is {CHECK} alone")
    return text


def _help(option: Option) -> str:
    field = FIELDS[option.setting]
    default = field.get_default(call_default_factory=True)
    said = [] if option.value is None or default is None else [str(default)]
    says = ", ".join(filter(None, [option.says, _range(field)]))
    return f"{says} ({', '.join([*said, variable(option.setting)])})".replace("%", "%%")


def _range(field: FieldInfo) -> str:
    """Between what a number has to be; empty where there are no bounds."""
    bounds = {
        name: getattr(bound, name)
        for bound in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(bound, name)
    }
    words = {"ge": "from {}", "gt": "more than {}", "le": "to {}", "lt": "less than {}"}
    said = [words[name].format(value) for name, value in bounds.items()]
    return " ".join([*said, "on"] if len(said) == 1 and "ge" in bounds else said)


def _complaint(error: Any, named: dict[str, str]) -> str:
    """What is wrong, with the option or the variable that said it."""
    where = str(error["loc"][0])
    setting = next((name for name in FIELDS if where in (name, *_aliases(name))), where)
    field = FIELDS.get(setting)
    name = named.get(setting) or next(filter(os.environ.__contains__, _aliases(setting)), where)
    if field is not None and "Secret" in str(field.annotation):
        error = {**error, "input": None}
    takes = _range(field) if field is not None else ""
    return plain_words({**error, "loc": (name,)}) + (f" ({takes})" if takes else "")


def _aliases(setting: str) -> list[str]:
    """Every variable that sets a field."""
    alias = FIELDS[setting].validation_alias if setting in FIELDS else None
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [PREFIX + setting.upper()]
