"""Processes that this one has started."""

import contextlib

import psutil


def started(words: str, *, recursive: bool = True) -> list[psutil.Process]:
    """Those that live and have these words in their command, in the order of their beginning."""
    found = []
    for process in psutil.Process().children(recursive=recursive):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie, too, has no command line
            if words in " ".join(process.cmdline()):
                found.append(process)
    return found
