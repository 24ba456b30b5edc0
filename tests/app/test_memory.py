"""Large blocks go back to the system; where that can't be asked for, nothing happens.

What a start makes is looked through for garbage by nobody, and what comes after it is.
"""

import subprocess
import sys

import pytest

from app.memory import give_back

GROWS = """
import sys
from app.memory import give_back
if sys.argv[1] == "give back":
    give_back()

def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096

blocks = [b'x' * 10_000_000]  # freed, it makes glibc keep what is as large
del blocks
before = resident()
held = [b'x' * 3_000_000 for _ in range(20)]
del held[::2]
print(resident() - before - sum(map(len, held)))
"""


def kept(how: str) -> int:
    """Bytes that are still there after thirty million, between others that stay, were freed."""
    done = subprocess.run([sys.executable, "-c", GROWS, how], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_it_does_no_harm_anywhere(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    give_back()


def test_what_was_freed_goes_back() -> None:
    assert kept("give back") < 5_000_000


FOR_GOOD = """
import gc
from app.memory import for_good

try:
    with for_good():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
        raise KeyError
except KeyError:
    pass
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
circle = []
circle.append(circle)
del circle
assert gc.collect() == 1
"""


def test_what_is_made_for_good_is_left_alone_and_later_garbage_is_found() -> None:
    subprocess.run([sys.executable, "-c", FOR_GOOD], check=True)
