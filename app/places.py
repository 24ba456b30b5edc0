"""Where things lie: what comes with Shallows, and what it keeps.

`app` has `nncore`, `static`, `templates`, `lessons` and `docs` beside it: at the top of the
repository, and within the package `shallows` where a wheel was installed. Nothing else asks which.
"""

from pathlib import Path

from platformdirs import user_data_path

ROOT = Path(__file__).resolve().parents[1]
"""The folder that has all of them."""


def data_folder() -> Path:
    """Where data goes if nobody says where: beside the repository's files, else to the user's own.

    An installation may be read-only, and is replaced whole by the next version.
    """
    if (ROOT / "pyproject.toml").is_file():
        return ROOT / "data"
    return user_data_path("shallows", appauthor=False)
