"""What holds for all tests."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

BROWSER = Path(__file__).parent / "browser"

# No server that a test starts stores anything among the developer's own runs.
os.environ["SHALLOWS_DATA_FOLDER"] = tempfile.mkdtemp(prefix="shallows-")
atexit.register(shutil.rmtree, os.environ["SHALLOWS_DATA_FOLDER"])

# A test asserts no time: what is slow on a busy machine has not failed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser last: quick tests speak first, and Playwright keeps an event loop open.

    Side by side (`make test`) each process takes its tests in this order too.
    """
    items.sort(key=lambda item: item.path.is_relative_to(BROWSER))
