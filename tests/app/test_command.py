"""`shallows` as a command: what its options are and say, and what `shallows check` finds."""

import os
import re
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import __version__, machine, options
from app.settings import Settings, SettingsError, variables


@pytest.fixture(autouse=True)
def bare() -> Iterator[None]:
    """The environment of somebody who has set nothing; what an option sets goes again."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("SHALLOWS_") or name in {"HOST", "PORT", "RELOAD"}:
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a command line that is wrong."""
    try:
        with pytest.raises(SystemExit) as ended:
            options.read(arguments)
    except SettingsError as error:
        return str(error)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.partition("error: ")[2]


GIVEN: dict[str, tuple[str | None, object]] = {
    "--host": ("127.0.0.1", "127.0.0.1"),
    "--port": ("9000", 9000),
    "--open": (None, True),
    "--access-code": ("calm otter", "calm otter"),
    "--data": ("somewhere", Path("somewhere")),
    "--workers": ("3", 3),
}


def test_each_option_is_a_setting() -> None:
    assert [option.flag for option in options.OPTIONS] == list(GIVEN)
    line = [word for flag, (given, _) in GIVEN.items() for word in (flag, given) if word]
    command, settings = options.read(line)
    assert command == []
    for option in options.OPTIONS:
        value = getattr(settings, option.setting)
        plain = value.get_secret_value() if option.setting == "access_code" else value
        assert plain == GIVEN[option.flag][1]
    # Whoever reads the environment finds the same: a child that reloads, say.
    assert Settings() == settings


@pytest.mark.parametrize("variable", ["PORT", "SHALLOWS_PORT"])
def test_an_option_counts_more_than_the_environment(variable: str) -> None:
    os.environ[variable] = "9001"
    assert options.read([])[1].port == 9001
    assert options.read(["--port", "9000"])[1].port == 9000


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["--port", "99999"], r"--port must be at most 65535; got '99999' \(from 0 to 65535\)"),
        (["--port", "-1"], r"--port must be at least 0; got '-1' \(from 0 to 65535\)"),
        (["--port=http"], r"--port must be a whole number; got 'http' \(from 0 to 65535\)"),
        (["--workers", "257"], r"--workers must be at most 256; got '257' \(from 0 to 256\)"),
        (["--port", "x", "--workers", "y"], r"--port .*; --workers "),
        (["--data", ""], "--data is empty"),
        (["--host", " "], "--host is empty"),
        (["--access-code", ""], "--access-code is empty"),
        (["--port"], "--port: expected one argument"),
        (["--por=9000"], "unrecognized arguments: --por"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["chekc"], "'chekc' is no command; there are check, drain, undrain"),
        (["check", "it"], "it is written: check"),
        (["drain"], "it is written: drain NODE"),
        (["drain", ""], "it is written: drain NODE"),
        (["drain", "10.0.0.3", "10.0.0.4"], "it is written: drain NODE"),
        (["undrain"], "it is written: undrain NODE"),
    ],
)
def test_what_is_wrong_is_said_with_its_option_and_range(
    line: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert re.search(says, refused(capsys, *line))


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PORT", "http", r"^PORT must be a whole number; got 'http' \(from 0 to 65535\)"),
        ("SHALLOWS_PORT", "70000", r"^SHALLOWS_PORT must be at most 65535"),
        (
            "SHALLOWS_MAX_ROOMS",
            "0",
            r"^SHALLOWS_MAX_ROOMS must be at least 1; got '0' \(from 1 on\)",
        ),
        ("SHALLOWS_STORE_SECONDS", "9", r"^SHALLOWS_STORE_SECONDS .*\(more than 0 to 4\)"),
        ("SHALLOWS_LOG_LEVEL", "loud", r"^SHALLOWS_LOG_LEVEL must be one of "),
        ("SHALLOWS_BACKEND", "ray", r"^the backend ray needs SHALLOWS_RAY_ADDRESS"),
        ("SHALLOWS_TRUSTED_PROXIES", "*", r"^SHALLOWS_TRUSTED_PROXIES: .*is not an address"),
    ],
)
def test_so_is_what_is_wrong_in_the_environment(
    variable: str, value: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.environ[variable] = value
    assert re.search(says, refused(capsys))


def test_help_has_every_option_its_default_and_its_variable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        options.read(["--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for option in options.OPTIONS:
        assert option.flag in said
        assert f"{variables(option.setting)[0]})" in said
    assert "(8000, SHALLOWS_PORT)" in said
    assert "from 0 to 65535" in said
    for command, each in options.COMMANDS.items():
        assert f"shallows {command} {each.of}".strip() in said
        assert each.says in said


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options.read(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"Shallows {__version__}\n"


@pytest.mark.parametrize("command", [["check"], ["drain", "10.0.0.3"]])
def test_options_stand_before_a_command_or_after_it(command: list[str]) -> None:
    for line in ([*command, "--port", "0"], ["--port", "0", *command]):
        said, settings = options.read(line)
        assert said == command
        assert settings.port == 0


def test_a_tilde_is_the_home_in_every_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert options.read(["--data=~/runs"])[1].data_folder == tmp_path / "runs"


# -- shallows check, in this process; workers are tried by test_server.py and the wheel's test


def says(capsys: pytest.CaptureFixture[str], code: int, **given: object) -> str:
    settings = Settings.model_validate({"backend": "inline", "port": 0, **given})
    assert machine.check(settings) == code
    return capsys.readouterr().out


def test_a_machine_that_is_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = says(capsys, 0, host="0.0.0.0", data_folder=tmp_path / "new" / "data")
    assert "All of it works" in said
    assert f"the data folder is {tmp_path / 'new' / 'data'}, which is made" in said
    assert list(tmp_path.iterdir()) == []
    addresses = machine.own_addresses("0.0.0.0")
    reached = re.findall(r"^ok .*reached.*", said, re.M)
    assert len(reached) == len(addresses)
    for address, line in zip(addresses, reached, strict=True):
        assert address in line
    assert ("firewall" in said) == bool(addresses)


def test_one_that_only_this_machine_can_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = says(capsys, 0, host="127.0.0.1", data_folder=tmp_path)
    assert re.search(r"^note .*nobody else can open it; --host 0\.0\.0\.0", said, re.M)


def test_a_port_that_somebody_else_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # It takes a connection and says nothing: not for longer than that is waited.
        port = taken.getsockname()[1]
        said = says(capsys, 1, host="127.0.0.1", port=port, data_folder=tmp_path)
    assert re.search(rf"^FAIL .*port {port}: .*--port 9000", said, re.M)
    assert "1 of it does not work" in said


def test_an_address_that_is_not_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = says(capsys, 1, host="203.0.113.9", data_folder=tmp_path)
    assert re.search(r"^FAIL .*203\.0\.113\.9", said, re.M)


def test_a_folder_that_can_not_be_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    said = says(capsys, 1, host="127.0.0.1", data_folder=tmp_path / "file" / "data")
    assert re.search(r"^FAIL .*can't be written to: .*--data names another", said, re.M)


def test_a_database_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shallows.sqlite3").write_bytes(b"a" * 5000)
    said = says(capsys, 1, host="127.0.0.1", data_folder=tmp_path)
    assert re.search(r"^FAIL .*can't be used \(file is not a database\)", said, re.M)
    secret = "postgres://me:secret@127.0.0.1:1/x"
    said = says(capsys, 1, host="127.0.0.1", data_folder=tmp_path, database_url=secret)
    assert "can't be used" in said
    assert "secret" not in said


def test_a_database_of_a_newer_version_and_of_an_older_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shallows.sqlite3"
    database = sqlite3.connect(file)
    said = says(capsys, 0, host="127.0.0.1", data_folder=tmp_path)
    assert "the next start brings up to date" in said
    database.execute("CREATE TABLE alembic_version (version_num TEXT)")
    database.execute("INSERT INTO alembic_version VALUES ('9999')")
    database.commit()
    database.close()
    said = says(capsys, 1, host="127.0.0.1", data_folder=tmp_path)
    assert "a newer version made it" in said
