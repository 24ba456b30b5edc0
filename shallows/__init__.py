"""Shallows as one package: the command `shallows`, and `shallows.nncore`, its mathematics.

In a wheel all that belongs to Shallows lies in this folder, so that its `app` and `nncore` neither
overwrite nor hide what is called so elsewhere. In the repository it lies one folder up.
docs/decisions/0023-a-wheel.md says why.
"""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
ROOT = _HERE if (_HERE / "app").is_dir() else _HERE.parent
"""The folder of `app`, `nncore`, `static` and the rest: this one, else the repository's."""

# So that `shallows.nncore` is found in the repository as well.
if str(ROOT) not in __path__:
    __path__.append(str(ROOT))
