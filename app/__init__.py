"""The service: who trains what, when, for whom.

One BLAS thread per process: the parallelism of Shallows is processes, and the matrices of a
shallow network are too small to share. NumPy reads this when it is first imported.
"""

import os

__version__ = "0.2.0"
"""Of Shallows: `pyproject.toml`, OpenAPI and `/version` read it here."""

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
