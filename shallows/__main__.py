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
        found = find_spec(name)
        file = None if found is None else found.origin
        if file is None or Path(file).resolve().parent != ROOT / name:
            sys.exit(
                f"Shallows can't start: another package is in the place of its own {name!r}: "
                f"{file or 'one without a file'}, which something has imported before. Give "
                "Shallows an environment of its own, such as `uvx shallows` or "
                "`pipx run shallows` do"
            )
    from app.__main__ import main as begin

    begin()


if __name__ == "__main__":
    main()
