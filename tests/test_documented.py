"""What the documents name is there, and what there is they name."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.classroom import errors as of_rooms
from app.errors import ShallowsError
from app.settings import Settings, variables

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
NOW = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
"""Those that say how it is; the changelog also names what there was."""
DEPLOYED = [
    *ROOT.glob("compose*.yaml"),
    *(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
    ROOT / "Dockerfile",
]
CHECKS = [
    path for name in ("tests", "scripts", "benchmarks") for path in (ROOT / name).rglob("*.py")
]
OF_TESTS = {"SHALLOWS_CHROMIUM", "SHALLOWS_POSTGRESQL", "SHALLOWS_TEST_PATIENCE"}
NAME = re.compile(r"\bSHALLOWS_[A-Z_]*[A-Z]\b(?!_?…)")


def named(text: str) -> Iterator[str]:
    """Settings that a text names, by their ends too: `SHALLOWS_MAX_SAVES`, `…_DAYS`."""
    for line in text.splitlines():
        whole = NAME.findall(line)
        yield from whole
        yield from re.findall(r"`(HOST|PORT|RELOAD)\b", line)
        for end in re.findall(r"`…(_[A-Z_]+)`", line):
            yield from (word[:at] + end for word in whole for at in range(len(word) + 1))


def test_every_setting_is_documented_and_every_one_that_is_named_is_there() -> None:
    settings = {setting: set(variables(setting)) for setting in Settings.model_fields}
    documented = {name for path in NOW for name in named(path.read_text("utf-8"))}
    assert [setting for setting, names in settings.items() if not names & documented] == []
    assert documented >= OF_TESTS
    known = set().union(*settings.values()) | OF_TESTS
    for path in [*NOW, *DEPLOYED, *CHECKS]:
        assert set(NAME.findall(path.read_text("utf-8"))) <= known, path


def test_every_promise_of_security_names_tests_that_are_there() -> None:
    """A name may be cut short with …, and stands in the file that was named last in its row."""
    tests = {path.name: path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    rows = re.findall(r"(?m)^\| .* \| (`.*) \|$", (ROOT / "docs/security.md").read_text("utf-8"))
    assert len(rows) > 40
    file = ""
    for row in rows:
        for said in re.findall(r"`([^`]+)`", row):
            name = said.rpartition("::")[2]
            if path := re.search(r"[\w/]+\.(?:py|sh)", said):
                file = path[0]
                assert file in tests or (ROOT / file).is_file(), said
            if name == file:
                continue
            pattern = r"(?:def|class) \w*?" + name.replace("…", r"\w*") + r"\w*[(:]"
            assert re.search(pattern, tests[file]), (said, file)


def errors(kind: type[ShallowsError] = ShallowsError) -> Iterator[type[ShallowsError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from errors(narrower)


def test_every_error_is_documented_with_its_status_and_its_code() -> None:
    protocol = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    table = protocol[protocol.index("| status | code | when |") :].partition("\n\n")[0]
    rows = re.findall(r"(?m)^\| (\d{3}(?:, \d{3})*) \| (.+?) \|", table)
    statuses = {int(status) for said, _ in rows for status in said.split(", ")}
    codes = {code for _, said in rows for code in re.findall(r"`(\w+)`", said)}
    there = {error.code: error.status for error in errors()}
    assert of_rooms.Over.code in there
    assert statuses == {*there.values(), 405}  # which is the framework's
    assert codes - {"http_error"} <= there.keys()
    assert [code for code in there if f"`{code}`" not in protocol] == []
