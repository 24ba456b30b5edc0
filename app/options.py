"""The command line: each option is a setting of the environment, under another name.

So what an option says reaches whatever reads the settings, also a process that is started later.
What is wrong is said with the name that it was given under, and the range; nothing is served then.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app import __version__
from app.settings import Settings, bounds, read_settings, variables


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


@dataclass(frozen=True)
class Command:
    """What is done instead of serving.

    Attributes:
        of: What stands in the help for the word after it; empty: there is none.
        says: For the help.
    """

    of: str
    says: str


COMMANDS = {
    "check": Command(
        "", "say what this machine can do, and whether a class can reach it; serve nothing"
    ),
    "drain": Command(
        "NODE",
        "let the sessions of a node of the cluster go elsewhere, so that it can end; NODE is its "
        "address, its name, or the beginning of its id",
    ),
    "undrain": Command("NODE", "take a node of the cluster back that was drained"),
}


def read(arguments: Sequence[str]) -> tuple[list[str], Settings]:
    """The command and what it is about, nothing if it is to serve, and the settings.

    Ends the process if that was all, as with --help, or if there is no such option.

    Args:
        arguments: Of the command line, without the program's name.

    Raises:
        SettingsError: a setting is not right.
    """
    parser = _parser()
    # Options may stand before the command and after it.
    given = parser.parse_intermixed_args(arguments)
    if given.command:
        _check_command(parser, *given.command)
    named: dict[str, str] = {}
    for option in OPTIONS:
        value = getattr(given, option.setting)
        if value is None:
            continue
        if not value.strip():
            parser.error(f"{option.flag} is empty: leave it out instead")
        os.environ[variables(option.setting)[0]] = value
        named[option.setting] = option.flag
    return given.command, read_settings(named)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "shallows",
        usage="\n       ".join(
            " ".join(filter(None, ("%(prog)s", name, about, "[OPTIONS]")))
            for name, about in (("", ""), *((name, each.of) for name, each in COMMANDS.items()))
        ),
        description="A live playground where a class trains small neural networks. It prints the "
        "addresses to open; Ctrl-C stops it.",
        epilog="In brackets: the default, and the variable of the environment that says the same. "
        "docs/operating.md lists further variables.",
        allow_abbrev=False,
    )
    commands = parser.add_argument_group("commands")
    commands.add_argument("command", nargs="*", help=argparse.SUPPRESS)
    for name, each in COMMANDS.items():
        commands.add_argument(f"{name} {each.of}".strip(), nargs="?", help=each.says)
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


def _check_command(parser: argparse.ArgumentParser, name: str, *about: str) -> None:
    if (command := COMMANDS.get(name)) is None:
        parser.error(f"{name!r} is no command; there are {', '.join(COMMANDS)}")
    if len(about) != bool(command.of) or not all(about):
        parser.error(f"it is written: {f'{name} {command.of}'.strip()}")


def _help(option: Option) -> str:
    default = Settings.model_fields[option.setting].get_default(call_default_factory=True)
    said = [] if option.value is None or default is None else [str(default)]
    says = ", ".join(filter(None, [option.says, bounds(option.setting)]))
    return f"{says} ({', '.join([*said, variables(option.setting)[0]])})".replace("%", "%%")
