"""Where the server is: every address of its own that it gives out is made here."""

BASE = ""
"""What stands before each path. A sub-path of a proxy would be this one setting."""


def server_path(path: str) -> str:
    """The address of a path of the server; the path begins with /."""
    return f"{BASE}{path}"
