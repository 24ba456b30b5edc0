"""JSON that was sent: bounded in its parts before it is read.

Two megabytes of `[],` would be 700,000 lists and 60 MB. Counting signs costs next to nothing; signs
within texts count too, so the bounds are far above what anything here needs.
"""

import json
from typing import Any

from pydantic_core import from_json

MOST = {b"[": (25_000, "lists"), b"{": (2_000, "objects"), b'"': (40_000, "texts and names")}


def read_json(data: bytes) -> Any:
    """The value that it describes, at most 200 lists or objects deep.

    Raises:
        ValueError: it is not JSON, or has too many parts.
    """
    # As `json.loads`: PowerShell writes UTF-16, and others a mark before UTF-8.
    if (encoding := json.detect_encoding(data)) != "utf-8":
        data = data.decode(encoding).encode()
    for sign, (most, what) in MOST.items():
        if data.count(sign) > most:
            raise ValueError(f"it has too many {what}")
    return from_json(data, allow_inf_nan=True, cache_strings="keys")
