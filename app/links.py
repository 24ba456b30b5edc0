"""Where the server is: every address of it that it tells is made here."""

BASE = ""
"""What stands before each path. A sub-path of a proxy would be this one setting."""


def server_path(path: str) -> str:
    """Where a path of the server's is; it begins with /."""
    return f"{BASE}{path}"
