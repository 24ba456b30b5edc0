"""`shallows`, or `python -m shallows`: serve Shallows, whatever else is installed beside it.

Its own folder comes first on the path, here and in every process that this one starts. What calls
itself `app` or `nncore` and was there even before is named, and nothing begins.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from . import ROOT

OURS = ("app", "nncore")


def main() -> None:
    """Do what the command line says."""
    sys.path.insert(0, str(ROOT))
    for name in OURS:
        file = _file_of(name)
        if file is None or Path(file).resolve().parent != ROOT / name:
            sys.exit(
                f"Shallows can't start: another package is in the place of its own {name!r} "
                f"({file or 'it has no file'}). Something imported it before: a .pth file, or "
                "sitecustomize. Give Shallows an environment of its own, as uvx and pipx do: "
                "uvx shallows"
            )
    from app.__main__ import main as begin

    begin()


def _file_of(name: str) -> str | None:
    """Where a package comes from that was imported, or would be now."""
    if (there := sys.modules.get(name)) is not None:
        return getattr(there, "__file__", None)
    found = find_spec(name)
    return None if found is None else found.origin


if __name__ == "__main__":
    main()
